/**
 * newaliases: compiles the alias files, `etc/mail/aliases` or those of `tables.aliases`; also `sendmail -bi`.
 *
 * Messages and figures are Sendmail's. A fault, a loop among them, is named with its line and leaves the last good database
 * of that file in force. A name given twice is warned of, and the last counts, as in Sendmail.
 */
import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { domainKey } from "@mailhost/common/address";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { openLog } from "@mailhost/common/log/log";
import { loadSettings } from "@mailhost/common/settings/load";
import { DEFAULT_ROOT, type Site, siteAt, sitePath } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_DATAERR, EX_NOINPUT, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { type ParsedAliases, parseAliasText } from "@mailhost/common/tables/alias-text";
import { compiledName, writeCompiledTable } from "@mailhost/common/tables/compile";
import { parseLocalHostNames } from "@mailhost/common/tables/name-list";
import { systemMessage } from "./system-message.ts";

/** Where a command writes; a test passes its own. */
export interface CommandOutput {
  readonly stdout: { write(text: string): unknown };
  readonly stderr: { write(text: string): unknown };
}

const USAGE = "Usage: newaliases [-v] [--root DIR]\n";

/**
 * Runs the command.
 *
 * @returns its exit code: 65 when the aliases have faults
 */
export async function run(argv: readonly string[], io: CommandOutput = process): Promise<number> {
  if (argv[0] === "--help") {
    io.stdout.write(USAGE);
    return EX_OK;
  }
  let root: string;
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: { root: { type: "string" }, verbose: { type: "boolean", short: "v" } },
    });
    root = values.root ?? process.env.MAILHOST_ROOT ?? DEFAULT_ROOT;
  } catch (error) {
    io.stderr.write(`newaliases: ${messageOf(error)}\n${USAGE}`);
    return EX_USAGE;
  }
  return rebuildAliases(siteAt(root), io);
}

/** Compiles the alias files of a site and tells how many aliases there are. @returns the first exit code that is not 0 */
export async function rebuildAliases(site: Site, io: CommandOutput): Promise<number> {
  const ours = ourDomains(site);
  let code: number = EX_OK;
  for (const file of aliasFiles(site)) {
    const own = await rebuildFile(site, file, ours, io);
    if (code === EX_OK) code = own;
  }
  return code;
}

/** Where the aliases of a site are; the settings' places, or the usual one when the settings cannot be read. */
export function aliasFiles(site: Site): string[] {
  try {
    return loadSettings(site).tables.aliases.map((path) => sitePath(site, path));
  } catch {
    // Faulty settings are the business of start and check; aliases can be made without them.
    return [join(site.etcMail, "aliases")];
  }
}

async function rebuildFile(
  site: Site,
  file: string,
  ours: ReadonlySet<string>,
  io: CommandOutput,
): Promise<number> {
  const readAt = Date.now();
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    io.stderr.write(`newaliases: cannot open ${file}: ${systemMessage(error)}\n`);
    return EX_NOINPUT;
  }
  const aliases = parseAliasText(bytes.toString("utf8"), file, (domain) => ours.has(domain));
  const complaints = [...aliases.duplicates, ...aliases.faults].sort((a, b) => a.line - b.line);
  for (const { line, reason } of complaints) io.stderr.write(`${file}: line ${line}: ${reason}\n`);
  if (aliases.faults.length > 0) {
    io.stderr.write(`newaliases: ${compiledName(file)} not changed\n`);
    return EX_DATAERR;
  }
  try {
    await writeCompiledTable(compiledName(file), aliases.entries, "aliases", { text: bytes, readAt });
  } catch (error) {
    io.stderr.write(`newaliases: cannot create ${compiledName(file)}: ${systemMessage(error)}\n`);
    return EX_CANTCREAT;
  }
  io.stdout.write(`${file}: ${figures(aliases)}\n`);
  await logRebuilt(site, file, aliases, io);
  return EX_OK;
}

/** `14 aliases, longest 10 bytes, 152 bytes total`: right-hand sides, then both sides together. */
function figures(aliases: ParsedAliases): string {
  return `${aliases.count} aliases, longest ${aliases.longest} bytes, ${aliases.total} bytes total`;
}

/** The domains that are certainly ours, for `name@domain:` and the search for loops; what cannot be read here is told elsewhere. */
export function ourDomains(site: Site): ReadonlySet<string> {
  const file = join(site.etcMail, "local-host-names");
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
  const names = new Set(parseLocalHostNames(text, file).entries.keys());
  try {
    const { hostname, domains } = loadSettings(site);
    for (const name of [hostname, ...domains.local]) names.add(domainKey(name));
  } catch {
    // Faulty settings are the business of start and check; aliases can be made without them.
  }
  return names;
}

async function logRebuilt(
  site: Site,
  file: string,
  aliases: ParsedAliases,
  io: CommandOutput,
): Promise<void> {
  try {
    const log = openLog({ file: site.logFile, tag: "sendmail", ...logSettings(site) });
    log.write("info", `alias database ${file} rebuilt by ${userName()}`);
    log.write("info", `${file}: ${figures(aliases)}`);
    await log.close();
  } catch (error) {
    io.stderr.write(`newaliases: ${site.logFile}: ${systemMessage(error)}\n`);
  }
}

function logSettings(site: Site): { format: "sendmail" | "json"; level: number } {
  try {
    return loadSettings(site).log;
  } catch {
    return { format: "sendmail", level: 9 };
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user id with no name.
    return `uid ${process.getuid?.() ?? "unknown"}`;
  }
}
