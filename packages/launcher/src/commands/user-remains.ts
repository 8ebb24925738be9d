/**
 * What becomes of the mail of an account that goes: it stays, and `mailhost user remove` says where; with --purge it goes too.
 */
import { systemClock } from "@mailhost/common/clock";
import { counted } from "@mailhost/common/counted";
import { UserError } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { MboxError } from "@mailhost/common/mbox/mbox-error";
import type { Site } from "@mailhost/common/site";
import { EX_IOERR, EX_TEMPFAIL } from "@mailhost/common/sysexits";
import type { Terminal } from "../terminal.ts";

const COUNTED = new Intl.NumberFormat("en");

/** Says what stays of an account that was removed, and when it goes. */
export async function sayWhatStays(site: Site, name: string, terminal: Terminal): Promise<void> {
  const { mailboxRemains } = await import("@mailhost/pop3/maildrop/mailbox-remains");
  const { mailbox, removed } = await mailboxRemains(site, name);
  if (mailbox === undefined && removed === undefined) {
    terminal.out(`removed ${name}; there is no mail of it`);
    return;
  }
  terminal.out(`removed ${name}; its mail stays, and whoever gets the name next has it:`);
  if (mailbox !== undefined)
    terminal.out(`  ${mailbox.path}, ${COUNTED.format(mailbox.bytes)} octets, until somebody removes it`);
  if (removed !== undefined)
    terminal.out(
      `  ${removed.folder}, what QUIT removed: each of ${counted(removed.files, "file")} until pop3.keepRemoved is over`,
    );
  terminal.out(`mailhost user remove ${name} --purge removes it now`);
}

/**
 * Removes the mail of an account that is gone.
 *
 * @throws UserError while a session or another program has the mailbox, or for what the disk says
 */
export async function purge(
  site: Site,
  name: string,
  lockTimeout: number,
  terminal: Terminal,
): Promise<void> {
  const { mailboxRemains, purgeMailbox } = await import("@mailhost/pop3/maildrop/mailbox-remains");
  const { mailbox, removed } = await mailboxRemains(site, name);
  try {
    await purgeMailbox(site, name, { clock: systemClock, log: warningsTo(terminal), lockTimeout });
  } catch (error) {
    if (!(error instanceof MboxError)) throw error;
    throw new UserError(
      `${error.message}; the account is gone, its mail is not: give the command again`,
      error.fault === "busy" ? EX_TEMPFAIL : EX_IOERR,
    );
  }
  const gone = [
    mailbox && `its mailbox (${COUNTED.format(mailbox.bytes)} octets)`,
    removed && "what QUIT removed",
  ].filter((text) => text !== undefined);
  terminal.out(
    `removed ${name}${gone.length === 0 ? "; there was no mail of it" : ` with ${gone.join(" and ")}`}`,
  );
}

function warningsTo(terminal: Terminal): Log {
  return {
    write: (level, text) => {
      if (level === "warn" || level === "error") terminal.err(`mailhost: ${text}`);
    },
    close: () => Promise.resolve(),
  };
}
