/**
 * `mailstats`: the counters that the mta keeps, in Sendmail's layout (mailstats(8)).
 */
import { statSync } from "node:fs";
import { parseArgs } from "node:util";
import { replaceFile } from "@mailhost/common/atomic-file";
import { messageOf, UserError } from "@mailhost/common/errors";
import { loadSettings } from "@mailhost/common/settings/load";
import { DEFAULT_ROOT, siteAt, sitePath } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_NOINPUT, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { type Counts, emptyCounts, MAILER_NUMBERS, readCounts } from "../log/statistics.ts";

const USAGE = "usage: mailstats [-o] [-p|-P] [-C SETTINGS] [-f FILE] [--json] [--root DIR]";

/** Where it prints; tests pass their own. */
export interface MailstatsOutput {
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

/** Runs the command. @returns the exit code */
export async function run(
  argv: readonly string[],
  { out, err }: MailstatsOutput = {
    out: (line) => void process.stdout.write(`${line}\n`),
    err: (line) => void process.stderr.write(`${line}\n`),
  },
): Promise<number> {
  try {
    const { values } = readArguments(argv);
    if (values.help === true) {
      out(USAGE);
      return EX_OK;
    }
    const site = siteAt(values.root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
    const settings = values.C === undefined ? site : { ...site, settingsFile: values.C };
    const kept = loadSettings(settings).log.statistics;
    if (values.f === undefined && kept === "")
      throw new UserError(
        "mailstats: no counters are kept: set log.statistics, or StatusFile in sendmail.cf (STATUS_FILE in its .mc)",
        EX_NOINPUT,
      );
    const file = values.f ?? sitePath(site, kept);
    if (statSync(file, { throwIfNoEntry: false }) === undefined)
      throw new UserError(`mailstats: ${file}: No such file or directory`, EX_NOINPUT);
    const counts = readCounts(file);
    if (counts === undefined)
      throw new UserError(`mailstats: ${file}: no counters of mailhost can be read in it`, EX_NOINPUT);
    const forPrograms = values.p === true || values.P === true;
    if (values.json === true) out(JSON.stringify(counts));
    else for (const line of statisticsLines(counts, { forPrograms, names: values.o !== true })) out(line);
    if (values.p === true) await clear(file);
    return EX_OK;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    err(error.message);
    return error.exitCode;
  }
}

function readArguments(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        help: { type: "boolean" },
        root: { type: "string" },
        json: { type: "boolean" },
        // There is one configuration, for submission too.
        c: { type: "boolean", short: "c" },
        o: { type: "boolean", short: "o" },
        p: { type: "boolean", short: "p" },
        P: { type: "boolean", short: "P" },
        C: { type: "string", short: "C" },
        f: { type: "string", short: "f" },
      },
    });
  } catch (error) {
    throw new UserError(`mailstats: ${messageOf(error)}\n${USAGE}`, EX_USAGE);
  }
}

/** The lines that are printed. */
export function statisticsLines(
  counts: Counts,
  { forPrograms, names, now = Date.now() }: { forPrograms: boolean; names: boolean; now?: number },
): string[] {
  const rows = MAILER_NUMBERS.map((name, number) => ({ name, number, row: counts.mailers[name] }));
  const other = Object.keys(counts.mailers).filter((name) => !MAILER_NUMBERS.includes(name));
  for (const name of other) rows.push({ name, number: rows.length, row: counts.mailers[name] });
  const total = {
    messagesFrom: 0,
    kibFrom: 0,
    messagesTo: 0,
    kibTo: 0,
    rejected: 0,
    discarded: 0,
    quarantined: 0,
  };
  const unit = forPrograms ? "" : "K";
  const line = (first: string, row: typeof total, last = "") =>
    `${first} ${wide(row.messagesFrom, 8)} ${wide(row.kibFrom, 10)}${unit} ${wide(row.messagesTo, 8)} ` +
    `${wide(row.kibTo, 10)}${unit}   ${wide(row.rejected, 6)}  ${wide(row.discarded, 6)}  ${wide(row.quarantined, 6)}${last}`;
  const lines: string[] = [];
  for (const { name, number, row } of rows) {
    if (row === undefined) continue;
    for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += row[key];
    lines.push(line(String(number).padStart(2), row, names ? `  ${name}` : ""));
  }
  const { connectionsFrom, connectionsTo, connectionsRejected, since } = counts;
  if (forPrograms) {
    return [
      `${Math.floor(since / 1000)} ${Math.floor(now / 1000)}`,
      ...lines,
      line(" T", total),
      ` C ${wide(connectionsFrom, 8)} ${wide(connectionsTo, 8)} ${wide(connectionsRejected, 6)}`,
    ];
  }
  return [
    `Statistics from ${ctime(since)}`,
    ` M   msgsfr  bytes_from   msgsto    bytes_to  msgsrej msgsdis msgsqur${names ? "  Mailer" : ""}`,
    ...lines,
    "=".repeat(69),
    line(" T", total),
    ` C ${wide(connectionsFrom, 8)} ${" ".repeat(10)}  ${wide(connectionsTo, 8)} ${" ".repeat(10)}    ${wide(connectionsRejected, 6)}`,
  ];
}

function wide(n: number, width: number): string {
  return String(n).padStart(width);
}

/** `Fri Nov 27 02:17:38 2026`, local time, as ctime(3). */
function ctime(ms: number): string {
  const [weekday, month, day, year, time] = new Date(ms).toString().split(" ");
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

/** -p begins anew; a running mta adds what it has counted since to what it knows, and sees that it was cleared. */
async function clear(file: string): Promise<void> {
  try {
    await replaceFile(file, `${JSON.stringify(emptyCounts(Date.now()))}\n`, { mode: 0o644 });
  } catch (error) {
    throw new UserError(`mailstats: ${file}: ${messageOf(error)}`, EX_CANTCREAT);
  }
}
