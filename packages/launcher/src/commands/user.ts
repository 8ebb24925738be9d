/**
 * `mailhost user`: the accounts in etc/mail/users.
 */
import { chownSync, existsSync } from "node:fs";
import { changePopauth, readPopauth } from "@mailhost/common/accounts/popauth-file";
import * as usersFile from "@mailhost/common/accounts/users-file";
import { wantedIdentity } from "@mailhost/common/daemon/identity";
import { UserError } from "@mailhost/common/errors";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxNameFault } from "@mailhost/common/mbox/mailboxes";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import type { Terminal } from "../terminal.ts";

/** What is done, and to whom. */
export type UserArguments =
  | { readonly action: "add" | "passwd"; readonly name: string }
  | { readonly action: "remove"; readonly name: string; readonly purge?: boolean }
  | { readonly action: "list"; readonly json: boolean }
  | { readonly action: "import"; readonly file: string; readonly dry: boolean; readonly json: boolean };

/**
 * Runs one of the commands.
 *
 * @returns the exit code
 * @throws UserError for a bad name, a name that is there already or is not there, a bad password, an unwritable file
 */
export async function userCommand(site: Site, args: UserArguments, terminal: Terminal): Promise<number> {
  switch (args.action) {
    case "list": {
      const names = usersFile.listUsers(site);
      if (args.json) terminal.out(JSON.stringify(names));
      else for (const name of names) terminal.out(name);
      return EX_OK;
    }
    case "import": {
      const { importUsers } = await import("./user-import.ts");
      const code = await importUsers(site, args, terminal);
      if (!args.dry && existsSync(site.usersFile)) giveToDaemons(site);
      return code;
    }
    case "add": {
      const { newUserNotes } = await import("./new-user.ts");
      const notes = await newUserNotes(site, args.name);
      await usersFile.addUser(site, args.name, await terminal.readPassword(`Password of ${args.name}`, true));
      giveToDaemons(site);
      terminal.out(`added ${args.name}`);
      for (const note of notes) terminal.err(`mailhost: ${note}`);
      return EX_OK;
    }
    case "passwd":
      await usersFile.setPassword(
        site,
        args.name,
        await terminal.readPassword(`New password of ${args.name}`, true),
      );
      giveToDaemons(site);
      terminal.out(`new password for ${args.name}`);
      return EX_OK;
    case "remove":
      await removeUser(site, args.name, args.purge === true, terminal);
      return EX_OK;
  }
}

async function removeUser(site: Site, name: string, purged: boolean, terminal: Terminal): Promise<void> {
  const settings = loadSettings(site);
  const placed = placeMailboxes(site, settings);
  const { purge, sayWhatStays } = await import("./user-remains.ts");
  if (usersFile.listUsers(site).includes(name) || !purged) {
    // A home is known only while the account is.
    const mbox = placed.mailboxFile(name);
    await usersFile.removeUser(site, name);
    giveToDaemons(site);
    await removeSecret(site, name);
    const there = { ...placed, mailboxFile: () => mbox };
    if (!purged) return await sayWhatStays(there, name, terminal);
    await requireNoAccount(site, settings, name);
    return await purge(there, name, settings.lockTimeout, terminal);
  }
  // The account went before, and its mail is to follow; not that of an account that the system or a directory has.
  const fault = mailboxNameFault(name);
  if (fault !== undefined) throw new UserError(`${fault} is no account: ${name}`, EX_USAGE);
  await requireNoAccount(site, settings, name);
  await purge(placed, name, settings.lockTimeout, terminal);
}

/** An account of the system's or a directory's, which may have had a password in etc/mail/users besides, goes on getting mail. */
async function requireNoAccount(site: Site, settings: Settings, name: string): Promise<void> {
  const { isAccount } = await import("./is-account.ts");
  if (await isAccount(site, settings, name))
    throw new UserError(`${name} is an account of the system or a directory: its mail stays`, EX_USAGE);
}

/** Somebody who gets the name later must not be let in by the secret of who had it before. */
async function removeSecret(site: Site, name: string): Promise<void> {
  if (readPopauth(site.popauthFile).kind === "absent") return;
  await changePopauth(site, (before) =>
    before.has(name) ? new Map([...before].filter(([other]) => other !== name)) : before,
  );
}

/** Run by root, the file must still be readable for the daemons, which are root no longer. */
function giveToDaemons(site: Site): void {
  const identity = wantedIdentity(site, loadSettings(site).run, process.getuid?.() ?? 0);
  if (identity !== undefined) chownSync(site.usersFile, identity.uid, identity.gid);
}
