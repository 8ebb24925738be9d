/**
 * The administrator and the local users of a round: table rebuilds, holding, releasing and removing messages, queue runs, `sendmail`.
 * One command of a round may be the victim.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Random } from "../corpus/random.ts";
import { openSmtp } from "../harness/smtp-client.ts";
import type { Accounts } from "./accounts.ts";
import { type CrashHost, DOMAIN, SENDER } from "./crash-host.ts";
import { COMMANDS, type Command, type Hit, isCommand, type KillPoint } from "./kill-points.ts";
import { markedMessage } from "./marked-mail.ts";

/** A round's command. */
export interface OperatorPlan {
  readonly at: CrashHost;
  readonly accounts: Accounts;
  readonly round: number;
  readonly point: KillPoint;
  readonly random: Random;
}

const bin = (name: string) => fileURLToPath(new URL(`../../packages/${name}`, import.meta.url));
const PROGRAMS = {
  mailhost: bin("launcher/bin/mailhost.js"),
  sendmail: bin("launcher/bin/sendmail.js"),
  newaliases: bin("mta/bin/newaliases.js"),
  makemap: bin("mta/bin/makemap.js"),
} as const;

/** Does one thing; when the round's victim is a command, that command is killed in it. */
export async function operate(plan: OperatorPlan): Promise<Hit | undefined> {
  const { point, round } = plan;
  const command = isCommand(point.victim) ? point.victim : COMMANDS[round % COMMANDS.length]!;
  const victim = isCommand(point.victim) ? point : undefined;
  let killed = false;
  const run = async (program: keyof typeof PROGRAMS, args: readonly string[], input = "") => {
    const code = await runCommand(plan, program, args, input, victim);
    killed ||= code === "killed";
    return code;
  };
  await ACTIONS[command](plan, run);
  if (victim === undefined) return undefined;
  return killed ? "at the point" : "nothing to kill";
}

type Run = (
  program: keyof typeof PROGRAMS,
  args: readonly string[],
  input?: string,
) => Promise<number | "killed">;

const ACTIONS: Readonly<Record<Command, (plan: OperatorPlan, run: Run) => Promise<void>>> = {
  async newaliases({ at, round }, run) {
    const lines = Array.from({ length: 200 }, (_, n) => `list${n}: kept${n % 4}, kept${(n + round) % 4}\n`);
    at.host.write("etc/mail/aliases", `postmaster: ${SENDER}\nroot: ${SENDER}\n${lines.join("")}`);
    await run("newaliases", []);
  },
  async makemap({ at, round }, run) {
    const rows = Array.from({ length: 300 }, (_, n) => `info${n}.${round}@${DOMAIN}\tkept${n % 4}\n`).join(
      "",
    );
    at.host.write("etc/mail/virtusertable", rows);
    await run("makemap", ["hash", at.host.path("etc/mail/virtusertable")], rows);
  },
  async sendmail({ accounts, round, random }, run) {
    for (const number of [1, 2]) {
      const mark = `${round}-user-${number}`;
      const to = `kept${number}@${DOMAIN}`;
      const code = await run("sendmail", ["-oi", to], markedMessage(mark, random).replaceAll("\r\n", "\n"));
      if (code === 0) accounts.acknowledge(mark, [to], round);
    }
  },
  async queue({ at, accounts, round, random }, run) {
    const to = "late@later.example";
    const ids: { mark: string; id: string }[] = [];
    for (const number of [1, 2]) {
      const mark = `${round}-held-${number}`;
      const id = await sendOne(at, mark, to, random).catch(() => undefined);
      if (id === undefined) continue;
      accounts.acknowledge(mark, [to], round);
      ids.push({ mark, id });
    }
    const [kept, unwanted] = ids;
    if (kept !== undefined) {
      await run("mailhost", ["queue", "hold", kept.id]);
      await run("mailhost", ["queue", "release", kept.id]);
    }
    if (unwanted !== undefined) {
      const code = await run("mailhost", ["queue", "remove", unwanted.id]);
      accounts.removed(unwanted.mark, to, code === 0 ? "yes" : "perhaps");
    }
    // Whatever became of the commands, nothing is held when the queue is to be empty.
    if (kept !== undefined) await at.host.mailhost(["queue", "release", kept.id]);
    await run("mailhost", ["queue", "run"]);
  },
};

async function sendOne(at: CrashHost, mark: string, to: string, random: Random): Promise<string | undefined> {
  const client = await openSmtp(at.host.smtp, { patience: 30_000 });
  try {
    const reply = await client.send({ from: `${SENDER}@${DOMAIN}`, to }, markedMessage(mark, random));
    return reply.code === 250 ? /^2\.0\.0 (\S+) /.exec(reply.text)?.[1] : undefined;
  } finally {
    client.close();
  }
}

async function runCommand(
  { at, random }: OperatorPlan,
  program: keyof typeof PROGRAMS,
  args: readonly string[],
  input: string,
  victim: KillPoint | undefined,
): Promise<number | "killed"> {
  const own = [PROGRAMS[program], ...args, ...(program === "mailhost" ? ["--root", at.host.root] : [])];
  const { call, number } = victim ?? {};
  const inject = `inject=${call}:signal=SIGKILL:when=${number}`;
  const traced =
    call === undefined ? [] : ["-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject];
  const [file, rest] =
    call === undefined ? [process.execPath, own] : ["strace", [...traced, process.execPath, ...own]];
  const child = spawn(file, rest, {
    env: { ...process.env, MAILHOST_ROOT: at.host.root },
    stdio: ["pipe", "ignore", "ignore"],
  });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const atMoment = victim !== undefined && call === undefined;
  const timer = setTimeout(() => child.kill("SIGKILL"), atMoment ? random.integer(30, 500) : 60_000);
  const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
  clearTimeout(timer);
  return signal === "SIGKILL" ? "killed" : (code ?? -1);
}
