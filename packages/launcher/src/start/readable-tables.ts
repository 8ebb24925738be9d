/**
 * A host whose tables are there but cannot be read would run as if they were empty: nobody refused, nobody relayed for. It
 * does not start.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { EX_CONFIG } from "@mailhost/common/sysexits";
import { openCompiledTable } from "@mailhost/common/tables/compiled-table";
import { reasonOf } from "./folders.ts";

/**
 * Looks whether of each table something can be read, as whoever the daemons will be. What is left to the daemons, who log it:
 * faults in a text, whose sound lines count, and a `.db` of an old form, in whose place its text counts.
 *
 * @throws UserError naming each table of which nothing can be read
 */
export function requireReadableTables(site: Site, { tables }: Pick<Settings, "tables">): void {
  const paths = Object.values(tables).flat();
  const faults = paths
    .filter((path) => path !== "")
    .flatMap((path) => unreadable(sitePath(site, path)) ?? []);
  if (faults.length === 0) return;
  throw new UserError(
    `tables are there and cannot be read; \`mailhost check\` says what to do:\n${faults.join("\n")}`,
    EX_CONFIG,
  );
}

/** What keeps a table from being read; undefined: nothing, or it is not there. */
function unreadable(text: string): string | undefined {
  const compiled = `${text}.db`;
  const fault = existsSync(compiled) ? compiledFault(compiled) : undefined;
  if (fault === undefined && existsSync(compiled)) return undefined;
  if (!existsSync(text)) return fault;
  try {
    accessSync(text, constants.R_OK);
    return undefined;
  } catch (error) {
    return fault ?? `${text}: cannot be read: ${reasonOf(error)}`;
  }
}

function compiledFault(file: string): string | undefined {
  try {
    accessSync(file, constants.R_OK);
    openCompiledTable(file).close();
    return undefined;
  } catch (error) {
    return error instanceof UserError ? error.message : `${file}: cannot be read: ${reasonOf(error)}`;
  }
}
