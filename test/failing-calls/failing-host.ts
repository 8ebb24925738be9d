/**
 * A running host of which a system call fails, by strace(1), while mail comes in, is delivered, fetched and deleted: what is not taken is
 * answered with 4xx, what was taken arrives, and afterwards everything works as before.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { randomFrom } from "../corpus/random.ts";
import { isWhole, markedMessage, markIn } from "../crash/marked-mail.ts";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, PASSWORD } from "../harness/host.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import { openSmtp, type Reply } from "../harness/smtp-client.ts";

/** A call that fails. */
export interface FailingCall {
  readonly process: "mta" | "pop3";
  readonly call: string;
  readonly error: string;
  /** Which one fails, from 1; all from it on with `+`. */
  readonly when: string;
  /** Below the root; the call must be about it. */
  readonly path: string;
}

/** How it is told. */
export function nameOf({ process: name, call, error, when, path }: FailingCall): string {
  return `${name}: ${call} ${when} on ${path} fails with ${error}`;
}

/** What is done while the call fails. */
export interface Outcome {
  /** Replies to messages, in words. */
  readonly refused: readonly string[];
  readonly accepted: readonly string[];
}

let round = 0;

/**
 * Does the scenario while a call fails, and once more afterwards.
 *
 * @throws AssertionError when something is lost, torn or refused for good
 */
export async function withFailingCall(host: MailHost, failing: FailingCall): Promise<Outcome> {
  const name = nameOf(failing);
  const tracer = await attach(host, failing);
  const logged = host.log().length;
  const accepted: string[] = [];
  const refused: string[] = [];
  const number = ++round;
  try {
    await sendSome(host, `${number}-failing`, accepted, refused);
    // What is not delivered yet goes from the journal into the tables.
    await host.mailhost(["queue", "list"]);
    await deleteSome(host, accepted);
  } finally {
    const ended =
      tracer.exitCode === null && tracer.signalCode === null ? once(tracer, "exit") : Promise.resolve();
    tracer.kill("SIGTERM");
    // One that waits for a thread which is gone hears nothing else; the kernel lets go of what it held.
    const patience = setTimeout(() => tracer.kill("SIGKILL"), 3000);
    await ended;
    clearTimeout(patience);
  }
  for (const reply of refused) assert.match(reply, /^4\d\d /, `${name}: not refused for a while only`);
  if (refused.length > 0) {
    const log = host.log().slice(logged);
    assert.ok(
      log.includes(host.root) || log.includes("SYSERR"),
      `${name}: the log does not say what failed:\n${log}`,
    );
  }
  const afterwards: string[] = [];
  // What failed may have to be opened anew; the client tries again, as clients do.
  await eventually(
    async () => {
      const refusedNow: string[] = [];
      await sendSome(host, `${number}-after-${refused.length}-${Date.now()}`, afterwards, refusedNow);
      return refusedNow.length === 0;
    },
    { within: 30_000, what: () => `${name}: service to resume; the log ends\n${host.log().slice(-2000)}` },
  );
  await host.mailhost(["queue", "run"]);
  const wanted = [...accepted, ...afterwards];
  await eventually(() => missingOf(host, wanted).length === 0, {
    within: 60_000,
    what: () => `${name}: ${missingOf(host, wanted).join(", ")}; the log ends\n${host.log().slice(-3000)}`,
  });
  return { refused, accepted };
}

async function attach(
  host: MailHost,
  { process: victim, call, error, when, path }: FailingCall,
): Promise<ChildProcess> {
  const inject = `inject=${call}:error=${error}:when=${when}`;
  const args = ["-f", "-o", "/dev/null", "-P", host.path(path), "-e", `trace=${call}`, "-e", inject];
  const tracer = spawn("strace", [...args, "-p", String(host.pid(victim))], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let said = "";
  tracer.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await eventually(() => /attached/.test(said), { what: () => `strace to attach; it said ${said}` });
  return tracer;
}

/** Letters that were fetched and deleted. */
const fetched = new WeakMap<MailHost, Set<string>>();

async function sendSome(host: MailHost, name: string, accepted: string[], refused: string[]): Promise<void> {
  const padding = "padding that makes it large, line by line by line by line\r\n".repeat(1500);
  await Promise.all(
    [0, 1].map(async (connection) => {
      const client = await openSmtp(host.smtp).catch(() => undefined);
      if (client === undefined) return void refused.push("421 no connection");
      try {
        for (let n = 0; n < 3; n++) {
          const mark = `${name}-${connection}-${n}`;
          const message = markedMessage(mark, randomFrom(n), n === 1 ? padding : "");
          const mail = { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
          const reply =
            client.greeting.code === 220 ? await client.send(mail, message).catch(hungUp) : client.greeting;
          if (reply.code === 250) accepted.push(mark);
          else refused.push(`${reply.code} ${reply.text}`);
          if (reply.code === 421) return;
        }
      } finally {
        client.close();
      }
    }),
  );
}

/** A connection that ends without a word is to a client as a 421. */
function hungUp(): Reply {
  return { code: 421, text: "hung up" };
}

/** Fetches and deletes the first message, if the server lets us; what it lets us not is there afterwards. */
async function deleteSome(host: MailHost, accepted: readonly string[]): Promise<void> {
  if (accepted.length === 0) return;
  const gone = fetched.get(host) ?? new Set();
  fetched.set(host, gone);
  const session = await openPop3(host.pop3).catch(() => undefined);
  if (session === undefined) return;
  try {
    if (!(await session.login("wang", PASSWORD)).startsWith("+OK")) return;
    if ((await session.count()) === 0) return;
    const message = await session.retrieve(1);
    assert.ok(isWhole(message), "a message that is fetched is whole");
    await session.command("DELE 1");
    gone.add(markIn(message)!);
    await session.quit();
  } catch (error) {
    if (error instanceof assert.AssertionError) throw error;
  } finally {
    session.close();
  }
}

function missingOf(host: MailHost, marks: readonly string[]): string[] {
  const there = new Set<string>();
  for (const { message } of host.mailbox("wang")) {
    const mark = markIn(message);
    assert.ok(
      mark !== undefined && isWhole(message),
      `a torn message: ${message.toString("latin1", 0, 300)}`,
    );
    there.add(mark);
  }
  const gone = fetched.get(host) ?? new Set();
  return marks.filter((mark) => !there.has(mark) && !gone.has(mark));
}
