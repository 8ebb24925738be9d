/**
 * Runs the cases of a site against one of the two hosts and collects what it did.
 */
import { isIPv6 } from "node:net";
import { Connection, type Endpoint } from "../harness/connection.ts";
import type { Ran } from "../harness/programs.ts";
import { type Case, CLIENTS, type CommandCase, numbered, type SmtpCase } from "./cases.ts";
import { alike, type Delivery, inOrder, logText, type Observed } from "./observed.ts";

/** One of the two, as the cases see it. */
export interface Side {
  readonly smtp: Endpoint;
  readonly smtp6: Endpoint;
  command(argv: readonly string[], input: string): Promise<Ran>;
  /** The log so far. */
  log(): string;
  /** Resolves when all that was told the log so far is there. */
  logIsWritten(): Promise<void>;
  /** Resolves when nothing is on its way any more. */
  settled(): Promise<void>;
  /** Everything that came out, with the text in which a case's mark may be found. */
  delivered(): { readonly text: string; readonly delivery: Delivery }[];
}

interface Raw {
  replies: { to: string; reply: string }[];
  log: string[];
  ids: Set<string>;
  ran?: Ran;
}

/** Runs all of them, one after the other. */
export async function runCases(side: Side, cases: readonly Case[]): Promise<Observed[]> {
  const raws: Raw[] = [];
  for (const [number, one] of cases.entries()) {
    const from = side.log().length;
    const raw: Raw = { replies: [], log: [], ids: new Set() };
    if ("command" in one) raw.ran = await runCommand(side, one, number);
    else raw.replies = await converse(side, one, number);
    const shown = [...raw.replies.map((r) => r.reply), raw.ran?.stdout ?? ""].join("\n");
    for (const [id] of shown.matchAll(/\b[0-9A-Za-x]{8}\d{6}\b/g)) raw.ids.add(id);
    raw.log = await refusalLines(side, from);
    raws.push(raw);
  }
  await side.settled();
  const log = side
    .log()
    .split("\n")
    .flatMap((line) => logText(line) ?? []);
  followReports(raws, log);
  const delivered = side.delivered();
  return raws.map((raw, number) => {
    const token = new RegExp(`case-${number}-`);
    return {
      replies: raw.replies,
      deliveries: inOrder(delivered.filter((d) => token.test(d.text)).map((d) => d.delivery)),
      log: [...raw.log, ...log.filter((line) => raw.ids.has(line.slice(0, 14)) && !isRefusal(line))].map(
        alike,
      ),
      ...(raw.ran === undefined
        ? {}
        : { exit: raw.ran.code, stdout: alike(raw.ran.stdout), stderr: alike(raw.ran.stderr) }),
    };
  });
}

/**
 * Lines about what was refused, which bear no queue id that a client gets to know: they are the case's by their time. The
 * log is written by another process than the one that answers, so it is waited for.
 */
async function refusalLines(side: Side, from: number): Promise<string[]> {
  await side.logIsWritten();
  return side
    .log()
    .slice(from)
    .split("\n")
    .flatMap((line) => {
      const shown = logText(line);
      return shown !== undefined && isRefusal(shown) ? [shown] : [];
    });
}

/**
 * Waits for what comes within milliseconds, and must not cost more.
 *
 * @throws after 10 s
 */
export async function soon(there: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 30_000; !there(); ) {
    if (Date.now() > end) throw new Error(`waited 10 s for ${what}`);
    await new Promise((resume) => setTimeout(resume, 1));
  }
}

/** `ruleset=…`, or the text of a refusal: `<x>... User unknown`. */
function isRefusal(line: string): boolean {
  if (line.includes("ruleset=")) return true;
  const [, text = ""] = /^(?:\w{14}|NOQUEUE): (.*)/.exec(line) ?? [];
  if (/^(?:from=|to=|\w{14}: )/.test(text)) return false;
  return /\.\.\. |User has moved|loop broken|excessive recursion/.test(text);
}

/** A report about a case's message is the case's too. */
function followReports(raws: readonly Raw[], log: readonly string[]): void {
  for (const line of log) {
    const clone = /^(\w{14}): (\w{14}): /.exec(line);
    const child = clone?.[2];
    if (child === undefined) continue;
    for (const raw of raws) if (raw.ids.has(clone![1]!)) raw.ids.add(child);
  }
}

function runCommand(side: Side, one: CommandCase, number: number): Promise<Ran> {
  return side.command(
    one.command.map((word) => numbered(word, number)),
    numbered(one.input ?? "", number),
  );
}

async function converse(side: Side, one: SmtpCase, number: number): Promise<Raw["replies"]> {
  const client = one.client ?? CLIENTS.named;
  const replies: Raw["replies"] = [];
  let connection: Connection;
  try {
    connection = await Connection.open(isIPv6(client) ? side.smtp6 : side.smtp, {
      from: client,
      patience: 60_000,
    });
  } catch (error) {
    return [{ to: "connect", reply: String(error) }];
  }
  try {
    let reply = await readReply(connection);
    replies.push({ to: "connect", reply: alike(reply).replace(/^220 .*/, "220 …") });
    for (const raw of one.lines) {
      const line = numbered(raw, number);
      if (line.includes("\n")) {
        // A message follows only where it was asked for.
        if (!reply.startsWith("354")) continue;
        const stuffed = line.replace(/^\./gm, "..").replaceAll("\n", "\r\n");
        await connection.write(Buffer.from(`${stuffed}.\r\n`, "latin1"));
      } else await connection.write(Buffer.from(`${line}\r\n`, "latin1"));
      reply = await readReply(connection);
      replies.push({ to: line.includes("\n") ? "(message)" : line, reply });
    }
  } catch (error) {
    replies.push({ to: "(end)", reply: error instanceof Error ? error.message : String(error) });
  } finally {
    connection.close();
  }
  return replies;
}

async function readReply(connection: Connection): Promise<string> {
  const lines: string[] = [];
  for (;;) {
    const line = await connection.readText();
    lines.push(line);
    if (line[3] !== "-") return lines.join("\n");
  }
}
