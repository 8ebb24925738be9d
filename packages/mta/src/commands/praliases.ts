/**
 * praliases: prints the aliases that are in force, `name:what it stands for`, all or those named.
 *
 * From the compiled form where there is one, a Berkeley DB file of Sendmail's too; else from the text.
 */
import { existsSync, readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { localPartKey } from "@mailhost/common/address";
import { ConfigError, messageOf } from "@mailhost/common/errors";
import { DEFAULT_ROOT, siteAt } from "@mailhost/common/site";
import { EX_DATAERR, EX_NOINPUT, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { parseAliasText, shownName } from "@mailhost/common/tables/alias-text";
import { compiledName, type OctetEntry } from "@mailhost/common/tables/compile";
import { openCompiledTable } from "@mailhost/common/tables/compiled-table";
import { fromOctets, toOctets } from "@mailhost/common/tables/table-file";
import { berkeleyEntries, isBerkeleyDbFile } from "./import-map.ts";
import { aliasFiles, ourDomains } from "./newaliases.ts";
import { type OctetOutput, printOctets } from "./print-octets.ts";
import { systemMessage } from "./system-message.ts";

/** Where the command writes; a test passes its own. */
export interface PraliasesOutput {
  readonly stdout: OctetOutput;
  readonly stderr: { write(text: string): unknown };
}

const USAGE = "usage: praliases [-C cffile] [-f aliasfile] [--json] [--root DIR] [key ...]\n";

/** One alias file, open for a moment. */
interface OpenAliases {
  entries(): Iterable<OctetEntry>;
  get(name: string): string | undefined;
  close(): void;
}

/**
 * Runs the command.
 *
 * @returns its exit code: 66 when an alias file cannot be read
 */
export async function run(argv: readonly string[], io: PraliasesOutput = process): Promise<number> {
  if (argv[0] === "--help") {
    io.stdout.write(USAGE);
    return EX_OK;
  }
  let parsed: ReturnType<typeof readArguments>;
  try {
    parsed = readArguments(argv);
  } catch (error) {
    io.stderr.write(`praliases: ${messageOf(error)}\n${USAGE}`);
    return EX_USAGE;
  }
  const { values, positionals: names } = parsed;
  const site = siteAt(values.root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT);
  const settingsFile = values.cffile ?? site.settingsFile;
  const files = values.file === undefined ? aliasFiles({ ...site, settingsFile }) : [values.file];
  const missing = new Set(names);
  let code: number = EX_OK;
  for (const file of files) {
    try {
      const json = values.json === true;
      await printFile(file, names, missing, { json, io, ours: () => ourDomains(site) });
    } catch (error) {
      const reason = error instanceof ConfigError ? error.message : `${file}: ${systemMessage(error)}`;
      io.stderr.write(`praliases: ${reason}\n`);
      code = error instanceof ConfigError ? EX_DATAERR : EX_NOINPUT;
    }
  }
  for (const name of missing) io.stdout.write(`${name}: No such key\n`);
  return code;
}

function readArguments(argv: readonly string[]) {
  return parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      cffile: { type: "string", short: "C" },
      file: { type: "string", short: "f" },
      json: { type: "boolean" },
      root: { type: "string" },
    },
  });
}

async function printFile(
  file: string,
  names: readonly string[],
  missing: Set<string>,
  {
    json,
    io,
    ours,
  }: { readonly json: boolean; readonly io: PraliasesOutput; readonly ours: () => ReadonlySet<string> },
): Promise<void> {
  const aliases = openAliases(file, ours);
  const line = ([name, value]: OctetEntry): string =>
    json
      ? toOctets(`${JSON.stringify({ name: fromOctets(name), value: fromOctets(value), file })}\n`)
      : `${toOctets(shownName(fromOctets(name)))}:${value}\n`;
  const wanted = function* (): Generator<OctetEntry> {
    for (const name of names) {
      const value = aliases.get(name);
      if (value === undefined) continue;
      missing.delete(name);
      yield [toOctets(name), toOctets(value)];
    }
  };
  const lines = function* () {
    for (const entry of names.length > 0 ? wanted() : aliases.entries()) yield line(entry);
  };
  try {
    await printOctets(io.stdout, lines());
  } finally {
    aliases.close();
  }
}

function openAliases(given: string, ours: () => ReadonlySet<string>): OpenAliases {
  const compiled = compiledName(given);
  if (!existsSync(compiled)) {
    const domains = ours();
    const { entries } = parseAliasText(readFileSync(given, "utf8"), given, (domain) => domains.has(domain));
    return fromEntries(Array.from(entries, ([name, value]) => [toOctets(name), toOctets(value)] as const));
  }
  if (isBerkeleyDbFile(compiled)) {
    const entries = Array.from(
      berkeleyEntries(compiled),
      ([name, value]) => [unquoted(name), value] as const,
    );
    return fromEntries(entries.filter(([name]) => name !== "@"));
  }
  const table = openCompiledTable(compiled);
  return {
    entries: () => table.octets(),
    get: (name) => table.get(localPartKey(name)),
    close: () => table.close(),
  };
}

/** A name as our own tables hold it. */
function unquoted(octets: string): string {
  return toOctets(localPartKey(fromOctets(octets)));
}

function fromEntries(entries: readonly OctetEntry[]): OpenAliases {
  const byName = new Map(entries);
  return {
    entries: () => entries,
    get(name) {
      const value = byName.get(toOctets(localPartKey(name)));
      return value === undefined ? undefined : fromOctets(value);
    },
    close() {},
  };
}
