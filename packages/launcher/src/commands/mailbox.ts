/**
 * `mailhost mailbox`: what QUIT removed and the undo window (pop3.keepRemoved) still has, and its way back; how full mailboxes
 * are.
 */
import { systemClock } from "@mailhost/common/clock";
import { counted } from "@mailhost/common/counted";
import { becomeIdentity, wantedIdentity } from "@mailhost/common/daemon/identity";
import { UserError } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxNameFault } from "@mailhost/common/mbox/mailboxes";
import { MboxError } from "@mailhost/common/mbox/mbox-error";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_DATAERR, EX_IOERR, EX_NOUSER, EX_OK, EX_TEMPFAIL, EX_USAGE } from "@mailhost/common/sysexits";
import type { Terminal } from "../terminal.ts";
import { isAccount } from "./is-account.ts";

/** What is done, and to whose mailbox. */
export type MailboxArguments =
  | OneMailbox
  | { readonly action: "usage"; readonly user: string | undefined; readonly json: boolean };

type OneMailbox = { readonly user: string } & (
  | { readonly action: "removed"; readonly json: boolean }
  | {
      readonly action: "restore";
      readonly since?: string | undefined;
      readonly uids?: readonly string[] | undefined;
      readonly json: boolean;
    }
);

/**
 * Runs one of the commands.
 *
 * @returns the exit code
 * @throws UserError for a bad name or time, an id that is not there, a mailbox that is in use or can not be written
 */
export async function mailboxCommand(
  given: Site,
  args: MailboxArguments,
  terminal: Terminal,
): Promise<number> {
  if (args.action === "usage") {
    const { mailboxUsage } = await import("./mailbox-usage.ts");
    const name = args.user === undefined ? undefined : mailboxName(args.user);
    return await mailboxUsage(given, { name, json: args.json }, terminal);
  }
  const user = mailboxName(args.user);
  const since = args.action === "restore" ? timeOf(args.since) : undefined;
  const settings = loadSettings(given);
  const site = placeMailboxes(given, settings);
  // What is made here must be the daemons' to write.
  const identity = wantedIdentity(site, settings.run, process.getuid?.() ?? 0);
  if (identity !== undefined) becomeIdentity(identity);
  const { listRemoved, restoreRemoved } = await import("@mailhost/pop3/maildrop/restore-removed");
  try {
    const kept = await listRemoved(site, user);
    if (kept.length === 0 && !(await isAccount(site, settings, user)))
      throw new UserError(`no user ${user}, and nothing is kept of one`, EX_NOUSER);
    if (args.action === "removed") {
      show(kept, args.json, user, terminal);
      return EX_OK;
    }
    const { openIndexStore } = await import("@mailhost/pop3/maildrop/index-store");
    const log = terminalLog(terminal);
    const store = openIndexStore(site, { log, clock: systemClock });
    try {
      const parts = { site, store, clock: systemClock, log, lockTimeout: settings.lockTimeout };
      const selection = {
        ...(since === undefined ? {} : { since }),
        ...(args.uids === undefined ? {} : { uids: args.uids }),
      };
      const { restored, present, unknown } = await restoreRemoved(parts, user, selection);
      if (args.json) terminal.out(JSON.stringify({ restored, present, unknown }));
      else {
        const also = present > 0 ? `; ${present} already in the mailbox` : "";
        terminal.out(`restored ${counted(restored, "message")} of ${user}${also}`);
        for (const uid of unknown)
          terminal.err(`mailhost: ${uid}: no such message; \`mailhost mailbox removed ${user}\` lists them`);
      }
      return unknown.length > 0 ? EX_DATAERR : EX_OK;
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof MboxError)) throw error;
    throw new UserError(error.message, error.fault === "busy" ? EX_TEMPFAIL : EX_IOERR);
  }
}

function mailboxName(given: string): string {
  const name = given.toLowerCase();
  const fault = mailboxNameFault(name);
  if (fault !== undefined) throw new UserError(`${fault} is no mailbox: ${given}`, EX_USAGE);
  return name;
}

function show(
  messages: readonly {
    readonly uid: string;
    readonly removedAt: number;
    readonly octets: number;
    readonly from: string;
    readonly subject: string;
  }[],
  json: boolean,
  user: string,
  terminal: Terminal,
): void {
  const rows = messages.map(({ removedAt, ...rest }) => {
    return { removed: new Date(removedAt).toISOString(), ...rest };
  });
  if (json) {
    terminal.out(JSON.stringify(rows));
    return;
  }
  for (const { removed, uid, octets, from, subject } of rows) {
    terminal.out([removed, uid, octets, printable(from), printable(subject)].join("\t"));
  }
  if (rows.length === 0) terminal.err(`mailhost: nothing that ${user} removed is kept (pop3.keepRemoved)`);
}

/** Headers come from strangers: no control character reaches the terminal. */
function printable(text: string): string {
  return Buffer.from(text, "latin1")
    .toString("utf8")
    .replaceAll(/\p{Cc}/gu, "?")
    .slice(0, 200);
}

function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new UserError(`--since: not a time: ${text} (2026-11-24, or 2026-11-24T21:00:00Z)`, EX_USAGE);
  }
  return time;
}

function terminalLog(terminal: Terminal): Log {
  return {
    write: (level, text) => {
      if (level === "warn" || level === "error") terminal.err(`mailhost: ${text}`);
    },
    close: () => Promise.resolve(),
  };
}
