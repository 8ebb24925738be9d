/**
 * makemap: compiles the text on standard input into a table, `makemap hash access < access`.
 *
 * Flags, messages and exit codes are Sendmail's, with two differences. A line that cannot be read leaves the old table in force,
 * where Sendmail keeps what it could read. And every type of table gives the same kind of file, `NAME.db`. Besides it takes over
 * tables of Berkeley DB: `--import` makes one of ours, and `-u` prints them too.
 */
import { parseArgs } from "node:util";
import { ConfigError } from "@mailhost/common/errors";
import { EX_CANTCREAT, EX_DATAERR, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { compiledName, type OctetEntry } from "@mailhost/common/tables/compile";
import { openCompiledTable } from "@mailhost/common/tables/compiled-table";
import { OctetLines } from "@mailhost/common/tables/octet-lines";
import { buildFromLines, type Duplicates } from "./build-map.ts";
import { berkeleyEntries, importMap, isBerkeleyDbFile } from "./import-map.ts";
import { type OctetOutput, printOctets } from "./print-octets.ts";
import { systemMessage } from "./system-message.ts";

/** The streams of a command; a test passes its own. */
export interface CommandIo {
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly stdout: OctetOutput;
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean };
}

const TYPES: readonly string[] = ["hash", "btree", "dbm", "cdb", "implicit"];

const USAGE =
  "Usage: makemap [-C cffile] [-N] [-c cachesize] [-D commentchar]\n" +
  "               [-d] [-e] [-f] [-i type] [-l] [-o] [-r] [-s] [-t delimiter]\n" +
  "               [-u] [-v] type mapname\n" +
  "       makemap --import file|- [-f] type mapname\n";

/** Accepted for Sendmail's sake: -C -N -c -i -s change nothing here. */
const OPTIONS = {
  append: { type: "boolean", short: "o" },
  cache: { type: "string", short: "c" },
  cffile: { type: "string", short: "C" },
  comment: { type: "string", short: "D" },
  delimiter: { type: "string", short: "t" },
  duplicates: { type: "boolean", short: "d" },
  dump: { type: "boolean", short: "u" },
  empty: { type: "boolean", short: "e" },
  implicit: { type: "string", short: "i" },
  import: { type: "string" },
  keepCase: { type: "boolean", short: "f" },
  list: { type: "boolean", short: "l" },
  nul: { type: "boolean", short: "N" },
  replace: { type: "boolean", short: "r" },
  root: { type: "string" },
  unsafe: { type: "boolean", short: "s" },
  verbose: { type: "boolean", short: "v" },
} as const;

type Flags = ReturnType<typeof readArguments>["values"];

function readArguments(argv: readonly string[]) {
  return parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
}

/**
 * Runs the command.
 *
 * A relative map name belongs to the working directory, as with makemap; `--root` is taken for the sake of scripts
 * that give it to every command.
 *
 * @returns its exit code
 */
export async function run(argv: readonly string[], io: CommandIo = process): Promise<number> {
  if (argv[0] === "--help") {
    io.stdout.write(USAGE);
    return EX_OK;
  }
  let parsed: ReturnType<typeof readArguments>;
  try {
    parsed = readArguments(argv);
  } catch (error) {
    io.stderr.write(`makemap: ${usageFault(error)}\n${USAGE}`);
    return EX_USAGE;
  }
  const [type, map, ...rest] = parsed.positionals;
  if (parsed.values.list === true) {
    io.stdout.write(`${TYPES.join("\n")}\n`);
    return EX_OK;
  }
  if (type === undefined || map === undefined || rest.length > 0) {
    io.stderr.write(USAGE);
    return EX_USAGE;
  }
  const cannotOpen = (reason: string) => {
    io.stderr.write(`makemap: error opening type ${type} map ${map}: ${reason}\n`);
    return EX_CANTCREAT;
  };
  if (!TYPES.includes(type)) return cannotOpen(`Unknown database type (known: ${TYPES.join(", ")})`);
  try {
    if (parsed.values.dump === true) return await dump(compiledName(map), parsed.values, io);
    return parsed.values.import === undefined
      ? await build(map, parsed.values, io)
      : await takeOver(parsed.values.import, map, parsed.values, io);
  } catch (error) {
    return error instanceof ConfigError ? cannotOpen(error.reason) : cannotOpen(systemMessage(error));
  }
}

/** `makemap -u`: the entries, a key and its value a line, in the order of their keys. */
async function dump(file: string, flags: Flags, io: CommandIo): Promise<number> {
  const separator = flags.delimiter?.slice(0, 1) ?? "\t";
  const printed = function* (entries: Iterable<OctetEntry>) {
    for (const [key, value] of entries) yield `${key}${separator}${value}\n`;
  };
  if (isBerkeleyDbFile(file)) {
    await printOctets(io.stdout, printed(berkeleyEntries(file)));
    return EX_OK;
  }
  const table = openCompiledTable(file);
  try {
    await printOctets(io.stdout, printed(table.octets()));
  } finally {
    table.close();
  }
  return EX_OK;
}

async function build(map: string, flags: Flags, io: CommandIo): Promise<number> {
  const progress = progressOn(io, map);
  const { comment, delimiter } = flags;
  const built = await buildFromLines(new OctetLines(io.stdin), {
    file: compiledName(map),
    duplicates: duplicatesOf(flags),
    append: flags.append === true,
    fold: flags.keepCase !== true,
    allowEmpty: flags.empty === true,
    onProgress: progress.tell,
    ...(comment === undefined ? {} : { comment: comment.slice(0, 1) }),
    ...(delimiter === undefined ? {} : { delimiter: delimiter.slice(0, 1) }),
    ...(flags.verbose === true
      ? {
          onPair: ({ key, value }) =>
            io.stdout.write(Buffer.from(`key=\`${key}', val=\`${value}'\n`, "latin1")),
        }
      : {}),
  }).finally(progress.end);
  for (const { line, reason } of built.complaints)
    io.stderr.write(`makemap: ${map}: line ${line}: ${reason}\n`);
  if (built.more > 0) io.stderr.write(`makemap: ${map}: and ${built.more} more\n`);
  if (!built.written) io.stderr.write(`makemap: ${map}: not changed\n`);
  return built.complaints.length > 0 ? EX_DATAERR : EX_OK;
}

/** `makemap --import FILE type map`. */
async function takeOver(from: string, map: string, flags: Flags, io: CommandIo): Promise<number> {
  const progress = progressOn(io, map);
  const entries = await importMap({
    from,
    file: compiledName(map),
    stdin: io.stdin,
    fold: flags.keepCase !== true,
    onProgress: progress.tell,
  }).finally(progress.end);
  io.stdout.write(`${compiledName(map)}: ${entries} entries of ${from === "-" ? "the dump" : from}\n`);
  return EX_OK;
}

function duplicatesOf(flags: Flags): Duplicates {
  if (flags.duplicates === true) return "all";
  return flags.replace === true ? "last" : "first";
}

/** Tells on a terminal how far it has come. */
function progressOn(io: CommandIo, map: string) {
  let shown = false;
  return {
    tell: (stage: "read" | "written", count: number) => {
      if (io.stderr.isTTY !== true) return;
      shown = true;
      const what = stage === "read" ? "lines read" : "entries written";
      io.stderr.write(`\rmakemap: ${map}: ${count.toLocaleString("en")} ${what} \u001b[K`);
    },
    end: () => {
      if (shown) io.stderr.write("\r\u001b[K");
    },
  };
}

/** What is wrong with the command line, in the words of getopt(3). */
function usageFault(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const unknown = /^Unknown option '-(\w)'/.exec(text);
  if (unknown !== null) return `invalid option -- '${unknown[1]}'`;
  const missing = /^Option '(?:-(\w), )?--[\w-]+ <value>' argument missing/.exec(text);
  if (missing?.[1] !== undefined) return `option requires an argument -- '${missing[1]}'`;
  return text;
}
