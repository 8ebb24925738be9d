/**
 * makemap: compiles the text on standard input into a table, `makemap hash access < access`.
 *
 * Flags, messages and exit codes are Sendmail's, with two differences. A text with any bad line changes nothing,
 * where Sendmail keeps what it could read. And every type of table gives the same kind of file, `NAME.db`, whose
 * keys are unique: with `-d` the first of several equal keys stays, which is the one that look-ups find.
 */
import { existsSync } from "node:fs";
import { getSystemErrorMap, parseArgs } from "node:util";
import { ConfigError, messageOf, UserError } from "@mailhost/common/errors";
import { EX_CANTCREAT, EX_DATAERR, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { compiledName, writeCompiledTable } from "@mailhost/common/tables/compile";
import { type CompiledMeta, openCompiledTable } from "@mailhost/common/tables/compiled-table";
import { parseMapText } from "@mailhost/common/tables/map-text";

/** The streams of a command; a test passes its own. */
export interface CommandIo {
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const TYPES: readonly string[] = ["hash", "btree", "dbm", "cdb"];

const USAGE =
  "Usage: makemap [-C cffile] [-N] [-c cachesize] [-D commentchar]\n" +
  "               [-d] [-e] [-f] [-i type] [-l] [-o] [-r] [-s] [-t delimiter]\n" +
  "               [-u] [-v] type mapname\n";

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
    io.stderr.write(`makemap: ${messageOf(error)}\n${USAGE}`);
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
    return parsed.values.dump === true
      ? await dump(compiledName(map), io)
      : await build(map, parsed.values, io);
  } catch (error) {
    return error instanceof ConfigError ? cannotOpen(error.reason) : cannotOpen(systemMessage(error));
  }
}

/** `makemap -u`: the entries, a key and its value a line. */
async function dump(file: string, io: CommandIo): Promise<number> {
  const table = openCompiledTable(file);
  try {
    for (const [key, value] of table.entries()) io.stdout.write(`${key}\t${value}\n`);
  } finally {
    await table.close();
  }
  return EX_OK;
}

async function build(map: string, flags: Flags, io: CommandIo): Promise<number> {
  const file = compiledName(map);
  const old = flags.append === true && existsSync(file) ? await contentOf(file) : undefined;
  const readAt = Date.now();
  const text = await readAll(io.stdin);
  const table = parseMapText(text.toString("utf8"), map, {
    fold: flags.keepCase !== true,
    allowEmpty: flags.empty === true,
    replace: flags.replace === true,
    ...(flags.comment === undefined ? {} : { comment: flags.comment.slice(0, 1) }),
    ...(flags.delimiter === undefined ? {} : { delimiter: flags.delimiter.slice(0, 1) }),
    ...(old === undefined ? {} : { into: old.entries }),
    ...(flags.verbose === true
      ? { onEntry: (key, value) => io.stdout.write(`key=\`${key}', val=\`${value}'\n`) }
      : {}),
  });
  const complaints = [...table.faults, ...(flags.duplicates === true ? [] : table.duplicates)];
  for (const { line, reason } of complaints.sort((a, b) => a.line - b.line)) {
    io.stderr.write(`makemap: ${map}: line ${line}: ${reason}\n`);
  }
  if (complaints.length > 0) {
    io.stderr.write(`makemap: ${map}: not changed\n`);
    return EX_DATAERR;
  }
  await writeCompiledTable(file, table.entries, old?.kind ?? "map", { text, readAt });
  return EX_OK;
}

async function contentOf(
  file: string,
): Promise<{ entries: Map<string, string>; kind: CompiledMeta["kind"] }> {
  const table = openCompiledTable(file);
  try {
    return { entries: new Map(table.entries()), kind: table.meta.kind };
  } finally {
    await table.close();
  }
}

async function readAll(stdin: AsyncIterable<Buffer | string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What the system says of a failed call, as perror(3) words it; anything else by its own message. */
export function systemMessage(error: unknown): string {
  if (error instanceof UserError) return error.message;
  const { errno } = error as NodeJS.ErrnoException;
  const known = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return known === undefined ? messageOf(error) : known.charAt(0).toUpperCase() + known.slice(1);
}
