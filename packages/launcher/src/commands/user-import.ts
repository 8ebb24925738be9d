/**
 * `mailhost user import FILE`: what was taken over, and what was not and why.
 */
import { readFileSync } from "node:fs";
import * as usersFile from "@mailhost/common/accounts/users-file";
import { messageOf, UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_DATAERR, EX_NOINPUT, EX_OK } from "@mailhost/common/sysexits";
import type { Terminal } from "../terminal.ts";

/** The command line. */
export interface UserImport {
  /** `-`: standard input. */
  readonly file: string;
  readonly dry: boolean;
  readonly json: boolean;
}

/** Runs it; exit code 65 when nobody was taken over. */
export async function importUsers(
  site: Site,
  { file, dry, json }: UserImport,
  terminal: Pick<Terminal, "out" | "err">,
): Promise<number> {
  const { taken, left } = await usersFile.importUsers(site, textOf(file), dry);
  const names = taken.map(({ name }) => name);
  if (json) terminal.out(JSON.stringify({ dryRun: dry, taken: names, left }));
  else {
    for (const { line, name, reason } of left) {
      // A fault of a name has the name in it.
      const about = reason.startsWith('"') || name === "" ? reason : `${name}: ${reason}`;
      terminal.err(`${file}:${line}: left: ${about}`);
    }
    for (const name of names) terminal.out(`${dry ? "would take" : "took"} ${name}`);
    terminal.out(`${dry ? "would take" : "took"} ${names.length} accounts, left ${left.length} lines`);
  }
  return taken.length > 0 ? EX_OK : EX_DATAERR;
}

function textOf(file: string): string {
  try {
    return readFileSync(file === "-" ? 0 : file, "utf8");
  } catch (error) {
    throw new UserError(`${file} can not be read: ${messageOf(error)}`, EX_NOINPUT);
  }
}
