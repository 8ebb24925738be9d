/**
 * `etc/mail/users`: the accounts that no system account stands behind, `name:hash` a line, mode 0600.
 *
 * Comments and empty lines are kept by every change. A change replaces the file whole, under a lock, so that two
 * administrators at once lose nothing.
 */
import { replaceFile } from "../atomic-file.ts";
import { messageOf, UserError } from "../errors.ts";
import type { Site } from "../site.ts";
import { EX_CANTCREAT, EX_DATAERR, EX_NOUSER, EX_USAGE } from "../sysexits.ts";
import { lockAccountFile } from "./account-file-lock.ts";
import { accountNameFault } from "./account-name.ts";
import { hashPassword, passwordFault, preparedPassword } from "./password.ts";
import { type ImportPlan, importedLine, planImport } from "./users-import.ts";
import { nameOf, readLines, readUsers } from "./users-reading.ts";

export { readUsers, type User, type UsersRead } from "./users-reading.ts";

/**
 * Adds an account.
 *
 * @throws UserError for a bad name or password, a name that is taken, or a file that is busy or cannot be written
 */
export async function addUser(site: Site, name: string, password: string): Promise<void> {
  const hash = await checkedHash(name, password);
  await change(site, (lines) => {
    if (lines.some((line) => nameOf(line) === name)) {
      throw new UserError(`user ${name} is there already`, EX_DATAERR);
    }
    return [...lines, `${name}:${hash}`];
  });
}

/**
 * Gives an account a new password.
 *
 * @throws UserError as {@link addUser}, and for a name that is not there
 */
export async function setPassword(site: Site, name: string, password: string): Promise<void> {
  const hash = await checkedHash(name, password);
  await change(site, (lines) => {
    required(lines, name);
    return lines.map((line) => (nameOf(line) === name ? withHash(line, hash) : line));
  });
}

/**
 * Removes an account; its mailbox stays.
 *
 * @throws UserError as {@link setPassword}
 */
export async function removeUser(site: Site, name: string): Promise<void> {
  await change(site, (lines) => {
    required(lines, name);
    return lines.filter((line) => nameOf(line) !== name);
  });
}

/**
 * Adds accounts out of another program's file (users-import.ts).
 *
 * @param text the file's
 * @param dry nothing is written
 * @throws UserError when the users file is busy or cannot be written
 */
export async function importUsers(site: Site, text: string, dry: boolean): Promise<ImportPlan> {
  if (dry) return planImport(text, new Set(listUsers(site)));
  let plan: ImportPlan = { taken: [], left: [] };
  await change(site, async (lines) => {
    const there = lines.map(nameOf).filter((name) => name !== undefined);
    plan = planImport(text, new Set(there));
    const added: string[] = [];
    for (const taken of plan.taken) added.push(await importedLine(taken));
    return [...lines, ...added];
  });
  return plan;
}

/**
 * The names in the file, sorted.
 *
 * @throws ConfigError when the file cannot be read or others may read it
 */
export function listUsers(site: Site): string[] {
  return [...readUsers(site.usersFile).users.keys()].sort();
}

/** The line with another hash; what stands behind it stays, and a shadow line's password is as old as today. */
function withHash(line: string, hash: string): string {
  const [name = "", , changed, ...rest] = line.split(":");
  if (changed === undefined) return `${name.trim()}:${hash}`;
  const isShadow = rest.length === 6;
  return [name, hash, isShadow ? String(Math.floor(Date.now() / 86_400_000)) : changed, ...rest].join(":");
}

function required(lines: readonly string[], name: string): void {
  if (!lines.some((line) => nameOf(line) === name)) throw new UserError(`no user ${name}`, EX_NOUSER);
}

async function checkedHash(name: string, password: string): Promise<string> {
  const fault = accountNameFault(name) ?? passwordFault(password);
  if (fault !== undefined) throw new UserError(fault, EX_USAGE);
  return hashPassword(preparedPassword(password));
}

/** Replaces the lines of the file under its lock. */
async function change(site: Site, edit: (lines: string[]) => string[] | Promise<string[]>): Promise<void> {
  const file = site.usersFile;
  const lock = await lockAccountFile(file);
  try {
    const lines = await edit(readLines(file));
    await replaceFile(file, lines.map((line) => `${line}\n`).join(""), {
      mode: 0o600,
      models: [file, site.etcMail],
      beforeRename: () => lock.check(),
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(`${file} cannot be written: ${messageOf(error)}`, EX_CANTCREAT);
  } finally {
    await lock.release();
  }
}
