/**
 * The bench: mailhost and whatever of its peers is installed, on the same machine in the same run.
 *
 *     npm run bench                        SMTP, disk calls and POP3
 *     npm run bench -- smtp --rounds 5     only some of it; --help tells the rest
 *     npm run bench -- plot                docs/performance.svg
 *
 * Servers run side by side and take turns; given are medians, and how many times mailhost is ahead of each. Ratios within one run are
 * what counts, the numbers belong to the machine. Tables go to the standard output, progress to the standard error. Whatever was
 * started is ended by the process ids that were started, whatever was written is taken away.
 */
import { writeFileSync } from "node:fs";
import { bareSmtpServer } from "./bare-smtp-server.ts";
import { curvePlot } from "./curve.ts";
import { benchDisk } from "./disk.ts";
import { dovecotPop3 } from "./dovecot.ts";
import { eximSmtp } from "./exim.ts";
import { harakaSmtp } from "./haraka.ts";
import { describeMachine, describeRounds, describeTime } from "./machine.ts";
import { earlierMailhost, mailhostPop3, mailhostSmtp } from "./mailhost.ts";
import { compileNative } from "./native.ts";
import { type Options, readOptions, type Section, USAGE } from "./options.ts";
import type { SmtpPeer } from "./peer.ts";
import { benchPop3 } from "./pop3.ts";
import { popa3d } from "./popa3d.ts";
import { postfixLocal, postfixTuned, postfixVirtual } from "./postfix.ts";
import { diskTable, lossWords, pop3Table, smtpTables, verdictTable } from "./report.ts";
import { writeSection } from "./results-page.ts";
import { cleanUpWhenInterrupted, scoped } from "./scope.ts";
import { sendmailSmtp } from "./sendmail.ts";
import { benchSmtp } from "./smtp-rounds.ts";
import { CURVE, SMTP_SCENARIOS } from "./smtp-scenarios.ts";
import { diskVerdicts, pop3Verdicts, smtpVerdicts } from "./targets.ts";

const SMTP_PEERS = [
  ...[
    mailhostSmtp,
    postfixLocal,
    postfixTuned,
    postfixVirtual,
    sendmailSmtp,
    eximSmtp,
    harakaSmtp,
    bareSmtpServer,
  ],
];
const POP3_PEERS = [mailhostPop3, dovecotPop3, popa3d];
const RESULTS = new URL("RESULTS.md", import.meta.url);
const PLOT = new URL("../docs/performance.svg", import.meta.url);

const progress = (text: string) => void process.stderr.write(`${text}\n`);

/** What a section gives: a text, and the same as data. */
interface Outcome {
  readonly text: string;
  readonly data: unknown;
}

interface AnyPeer {
  readonly name: string;
  readonly version: string;
  readonly missing?: string;
}

/** Those that are here and wanted; of the others it is said why they are left out. */
function present<T extends AnyPeer>(all: readonly T[], { peers }: Options): T[] {
  const wanted = all.filter(({ name }) => name === "mailhost" || (peers?.includes(name) ?? true));
  for (const { missing } of wanted) if (missing !== undefined) progress(`left out: ${missing}`);
  return wanted.filter(({ missing }) => missing === undefined);
}

function smtpPeers(options: Options): SmtpPeer[] {
  const [ours, ...others] = present(SMTP_PEERS, options);
  const before = options.before === undefined ? [] : [earlierMailhost(options.before)];
  return [ours!, ...before, ...others];
}

async function smtp(options: Options): Promise<Outcome> {
  const peers = smtpPeers(options);
  const scenarios = SMTP_SCENARIOS.filter(({ id }) => options.scenarios?.includes(id) ?? true);
  return scoped(async (scope) => {
    const programs = compileNative(scope);
    const until = performance.now() + options.minutes * 60_000;
    const run = await benchSmtp({ ...options, peers, scenarios, programs, until }, progress);
    const { figures, rounds, disturbed, measurements, counted } = run;
    const text = [
      `SMTP: medians of ${describeRounds(rounds)} of loads of about ${options.seconds} s; messages of 10 KiB into 50 mailboxes unless it says `,
      `otherwise; in brackets how many times mailhost is ahead. Processor time by ${counted}; ${programs.described}. `,
      `${disturbed} of ${measurements} measurements began while others kept the machine busy.\n\n`,
      smtpTables(figures, peers),
      lossWords(figures),
      verdictTable(smtpVerdicts(figures)),
    ];
    const data = Object.fromEntries(Array.from(figures, ([id, by]) => [id, Object.fromEntries(by)]));
    return { text: text.join(""), data: { ...run, figures: data, verdicts: smtpVerdicts(figures) } };
  });
}

async function disk(options: Options): Promise<Outcome> {
  const peers = smtpPeers(options).filter(({ name }) => !/^postfix-/.test(name));
  return scoped(async (scope) => {
    const rows = await benchDisk(peers, compileNative(scope), progress);
    if (rows === undefined) return { text: "Disk calls are left out: strace is not installed\n\n", data: [] };
    const verdicts = diskVerdicts(rows);
    const text = `Disk calls a message, accepted and delivered, under strace\n\n${diskTable(rows, peers)}${verdictTable(verdicts)}`;
    return { text, data: { rows, verdicts } };
  });
}

async function pop3(options: Options): Promise<Outcome> {
  const peers = present(POP3_PEERS, options);
  const { mebibytes, mboxMessages: messages, rounds, idle } = options;
  const rows = await benchPop3({ peers, mebibytes, messages, rounds, idle }, progress);
  const verdicts = pop3Verdicts(rows);
  const words = `POP3: an mbox of ${mebibytes} MiB with ${messages} messages, medians of ${describeRounds(rounds)}`;
  const text = `${words}\n\n${pop3Table(rows, peers)}${verdictTable(verdicts)}`;
  return { text, data: { rows, verdicts } };
}

async function plot(options: Options): Promise<Outcome> {
  const peers = smtpPeers(options).filter(
    ({ acceptsOnly, name }) => !acceptsOnly && name !== "postfix-virtual",
  );
  return scoped(async (scope) => {
    const programs = compileNative(scope);
    const until = performance.now() + options.minutes * 60_000;
    const { figures, rounds, disturbed, measurements } = await benchSmtp(
      { ...options, peers, scenarios: CURVE, programs, until },
      progress,
    );
    const busy = disturbed > measurements / 10 ? `; ${disturbed} of ${measurements} on a busy machine` : "";
    const notes = [
      `${describeTime(new Date())}; ${describeMachine()}`,
      `medians of ${describeRounds(rounds)}, over loopback; thin lines: from the least to the most${busy}`,
    ];
    if (busy !== "") progress("the machine was busy: draw it again when it is quiet");
    writeFileSync(PLOT, curvePlot(figures, peers, notes));
    const data = Object.fromEntries(Array.from(figures, ([id, by]) => [id, Object.fromEntries(by)]));
    return { text: "docs/performance.svg is written\n", data };
  });
}

const RUN: Readonly<Record<Section, (options: Options) => Promise<Outcome>>> = { smtp, disk, pop3, plot };

async function main(): Promise<void> {
  cleanUpWhenInterrupted();
  const options = readOptions(process.argv.slice(2));
  if (typeof options === "string") {
    const asked = options === USAGE;
    process[asked ? "stdout" : "stderr"].write(options);
    process.exitCode = asked ? 0 : 2;
    return;
  }
  const data: Record<string, unknown> = { date: new Date().toISOString(), machine: describeMachine() };
  for (const section of options.sections) {
    const head = `${describeTime(new Date())}, ${describeMachine()}\n\n`;
    const outcome = await RUN[section](options);
    data[section] = outcome.data;
    if (!options.json) process.stdout.write(head + outcome.text);
    if (options.write && section !== "plot") writeSection(RESULTS, section, head + outcome.text);
  }
  if (options.json) process.stdout.write(`${JSON.stringify(data)}\n`);
}

await main();
