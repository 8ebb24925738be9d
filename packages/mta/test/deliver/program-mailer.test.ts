/** Programs get the message and say by their exit code what became of it. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { inheritedDescriptors } from "@mailhost/common/daemon/closed-descriptors";
import { silentLog } from "@mailhost/common/log/log";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { deliverToProgram, programSlots } from "../../src/deliver/program-mailer.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import type { QueueEntry, QueueRecipient } from "../../src/queue/queue-entry.ts";
import type { MessageBody } from "../../src/queue/queue-store.ts";
import { bodyOf, entryOf, temporarySite } from "../queue/queue-samples.ts";
import { until } from "./fake-peer.ts";

const TEXT = "Subject: x\r\n\r\nFrom me\r\n.dot\r\nlast line without an end";

/** Who we are already: nothing has to be become. */
const SELF = `${process.getuid!()}:${process.getgid!()}`;

interface Run {
  readonly folder?: string;
  readonly body?: MessageBody;
  readonly clock?: ManualClock;
  readonly recipient?: Partial<QueueRecipient>;
  readonly entry?: Partial<QueueEntry>;
  readonly stop?: AbortSignal;
}

async function run(t: TestContext, command: string, how: Run = {}): Promise<Outcome> {
  const site = await temporarySite(t);
  const recipient: QueueRecipient = {
    address: "list@here.example",
    target: { kind: "program", command, as: { name: "list" } },
    state: "pending",
    ...how.recipient,
  };
  const body = how.body ?? bodyOf(TEXT);
  const entry = entryOf({ recipients: [recipient], size: body.size, ...how.entry });
  return deliverToProgram({ entry, body, recipients: [recipient], forced: false }, recipient, {
    site,
    local: { programDirectory: how.folder ?? "", programTimeout: 60_000, defaultUser: SELF },
    slots: programSlots(),
    clock: how.clock ?? systemClock,
    log: silentLog,
    ...(how.stop === undefined ? {} : { stop: how.stop }),
  });
}

const shown = (outcome: Outcome) =>
  `${outcome.kind} ${outcome.reply.code} ${outcome.reply.enhanced} ${outcome.reply.text}`;

test("the message is on its standard input, with a From line and LF line ends; its environment is bare", async (t) => {
  const site = await temporarySite(t);
  const out = join(site.root, "out");
  const outcome = await run(t, `(cat; env | sort; pwd) >${out}`);
  assert.equal(shown(outcome), "delivered 250 2.0.0 Sent");
  const [message, facts] = readFileSync(out, "utf8").split("AGENT=");
  assert.equal(
    message,
    `From sender@origin.example Tue Nov 24 21:59:01 2026\n${TEXT.replaceAll("\r\n", "\n")}\n`,
  );
  const names = `AGENT=${facts}`
    .match(/^\w+(?==)/gm)
    ?.filter((name) => !["OLDPWD", "PWD", "_", "SHLVL", "TZ"].includes(name));
  assert.deepEqual(names, ["AGENT", "PATH", "RECIPIENT", "SENDER"]);
  assert.match(facts ?? "", /SENDER=sender@origin\.example\n/);
  assert.match(facts ?? "", /\n\/\n$/, "it works in /");
});

test("a list's owner stands in the From line; a sender that a shell could take for more is not in the environment", async (t) => {
  const site = await temporarySite(t);
  const out = join(site.root, "out");
  await run(t, `(cat; env) >${out}`, { recipient: { sender: "owner-list@here.example" } });
  assert.match(readFileSync(out, "utf8"), /^From owner-list@here\.example /);
  await run(t, `(cat; env) >${out}`, { entry: { sender: "() { :;}; echo x@b.example" } });
  assert.doesNotMatch(readFileSync(out, "utf8"), /^SENDER=/m);
});

test("exit codes become Sendmail's replies", async (t) => {
  const replies = {
    64: "failed 500 5.0.0 Command line usage error",
    65: "failed 501 5.6.0 Data format error",
    66: "failed 550 5.3.0 Cannot open input",
    67: "failed 550 5.1.1 User unknown",
    68: "failed 550 5.1.2 Host unknown",
    69: "failed 554 5.0.0 Service unavailable",
    70: "failed 554 5.3.0 Internal error",
    71: "deferred 451 4.0.0 Operating system error",
    72: "failed 554 5.3.5 System file missing",
    73: "failed 550 5.0.0 Can't create output",
    74: "deferred 451 4.0.0 I/O error",
    75: "deferred 451 4.0.0 prog mailer (/bin/sh) exited with EX_TEMPFAIL",
    76: "failed 554 5.5.0 Remote protocol error",
    77: "failed 550 5.0.0 Insufficient permission",
    78: "failed 554 5.3.5 Local configuration error",
    1: "failed 554 5.3.0 unknown mailer error 1",
    255: "failed 554 5.3.0 unknown mailer error 255",
  };
  for (const [code, reply] of Object.entries(replies)) {
    assert.equal(shown(await run(t, `cat >/dev/null; exit ${code}`)), reply);
  }
  assert.equal(shown(await run(t, "kill -9 $$")), "deferred 451 4.0.0 mailer prog died with signal 9");
});

test("it has no descriptor of the queue, nor any other of ours", async (t) => {
  const site = await temporarySite(t);
  const { store } = await openQueue(site, { clock: systemClock, log: silentLog });
  t.after(() => store.close());
  assert.notDeepEqual(inheritedDescriptors(), [], "LMDB leaves its file open for children");
  const out = join(site.root, "out");
  await run(t, `found=$(readlink /proc/$$/fd/*); echo "$found" >${out}; cat >/dev/null`);
  const open = readFileSync(out, "utf8").trim().split("\n");
  assert.ok(open.length > 3);
  for (const link of open) assert.match(link, /^(?:pipe:.*|socket:.*|\/dev\/null)$/);
});

test("a program that cannot be started at all only defers the message", async (t) => {
  const outcome = await run(t, "true \0");
  assert.match(shown(outcome), /^deferred 451 4\.3\.0 prog mailer \(\/bin\/sh\) cannot be started: /);
});

test("what it prints is in the report, bounded", async (t) => {
  const outcome = await run(t, "echo one; echo two >&2; exit 67");
  assert.deepEqual(outcome.kind === "failed" && outcome.transcript?.toSorted(), ["one", "two"]);
  const much = await run(t, "yes line | head -c 3000000; echo the end; exit 69");
  assert.ok(much.kind === "failed" && (much.transcript?.length ?? 0) <= 50);
  assert.equal(much.kind === "failed" && much.transcript?.at(-1), "the end");
});

test("a program that does not read a large message and exits 0 has taken it", async (t) => {
  const body = bodyOf(`Subject: x\r\n\r\n${"line\r\n".repeat(500_000)}`);
  assert.equal(shown(await run(t, "exit 0", { body })), "delivered 250 2.0.0 Sent");
  assert.equal(shown(await run(t, "exec 0<&-; exit 67", { body })), "failed 550 5.1.1 User unknown");
});

test("a child that it leaves behind with its output open keeps nobody waiting", async (t) => {
  const outcome = await run(t, "sleep 300 & echo $! >&2; exit 67");
  assert.equal(outcome.kind, "failed");
  const [pid] = (outcome.kind === "failed" && outcome.transcript) || [];
  process.kill(Number(pid), "SIGKILL");
});

test("one that takes too long is ended with its children, and the message stays", async (t) => {
  const site = await temporarySite(t);
  const pids = join(site.root, "pids");
  const clock = new ManualClock();
  const running = run(t, `sleep 300 & echo $! $$ >${pids}.new; mv ${pids}.new ${pids}; wait`, { clock });
  const written = () => {
    try {
      return readFileSync(pids, "utf8").trim() !== "";
    } catch {
      return false;
    }
  };
  await until(written);
  await clock.advance(60_000);
  const outcome = await running;
  assert.equal(shown(outcome), "deferred 451 4.0.0 prog mailer (/bin/sh) did not end within 60 seconds");
  for (const pid of readFileSync(pids, "utf8").trim().split(" ")) {
    await until(() => !isAlive(Number(pid)));
  }
});

test("one that ignores SIGTERM is killed", async (t) => {
  const site = await temporarySite(t);
  const ready = join(site.root, "ready");
  const clock = new ManualClock();
  const stop = new AbortController();
  const running = run(t, `trap '' TERM; : >${ready}; while :; do sleep 1; done`, {
    clock,
    stop: stop.signal,
  });
  await until(() => {
    try {
      return readFileSync(ready).length === 0;
    } catch {
      return false;
    }
  });
  stop.abort();
  await clock.advance(5000);
  assert.equal(shown(await running), "deferred 451 4.3.2 prog mailer (/bin/sh) was ended: mailhost stops");
});

test("one that is told to end and exits 0 has taken the message; what waited is not begun", async (t) => {
  const site = await temporarySite(t);
  const ready = join(site.root, "ready");
  const out = join(site.root, "out");
  const stop = new AbortController();
  const command = `trap 'mv ${out}.new ${out}; exit 0' TERM; cat >${out}.new; : >${ready}; while :; do sleep 0.01; done`;
  const running = run(t, command, { stop: stop.signal });
  await until(() => existsSync(ready));
  stop.abort();
  assert.equal(shown(await running), "delivered 250 2.0.0 Sent");
  assert.match(readFileSync(out, "utf8"), /last line/);
  const late = await run(t, `: >${out}.late`, { stop: stop.signal });
  assert.equal(shown(late), "deferred 451 4.3.2 prog mailer (/bin/sh) was ended: mailhost stops");
  assert.ok(!existsSync(`${out}.late`));
});

test("a message that cannot be read to its end is not delivered, whatever the program says", async (t) => {
  const site = await temporarySite(t);
  const out = join(site.root, "out");
  const body: MessageBody = {
    size: 1000,
    whole: () => undefined,
    async *stream() {
      yield Buffer.from("Subject: x\r\n");
      throw new Error("disk gone");
    },
  };
  const outcome = await run(t, `cat >/dev/null; : >${out}; exit 0`, { body });
  assert.equal(shown(outcome), "deferred 451 4.3.0 queued message cannot be read: disk gone");
  assert.throws(() => readFileSync(out), "it did not see the end of its input");
});

test("with a folder of programs only those run", async (t) => {
  const site = await temporarySite(t);
  const folder = join(site.root, "smrsh");
  mkdirSync(folder);
  writeFileSync(join(folder, "take"), `#!/bin/sh\ncat >${site.root}/out.$1\n`);
  chmodSync(join(folder, "take"), 0o755);
  assert.equal(shown(await run(t, "/usr/bin/take a", { folder })), "delivered 250 2.0.0 Sent");
  assert.match(readFileSync(join(site.root, "out.a"), "utf8"), /^From sender@/);
  const refused = await run(t, "/bin/sh -c 'exit 0'", { folder });
  assert.equal(shown(refused), "failed 554 5.0.0 Service unavailable");
  assert.deepEqual(refused.kind === "failed" && refused.transcript, [
    'smrsh: "sh" not available for sendmail programs (stat failed)',
  ]);
});

function isAlive(pid: number): boolean {
  try {
    // A zombie that nobody waits for has ended.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
