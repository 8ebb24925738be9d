/**
 * `popper --verify USER`: what is wrong with a mailbox, for people or as JSON. Nothing is changed and no lock is taken.
 */
import { openAccounts } from "@mailhost/common/accounts/accounts";
import { wantedIdentity } from "@mailhost/common/daemon/identity";
import { errnoOf, UserError } from "@mailhost/common/errors";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { mailboxNameFault, mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_DATAERR, EX_NOINPUT, EX_NOUSER, EX_OK } from "@mailhost/common/sysexits";
import { type VerifyReport, verifyMailbox } from "../maildrop/verify.ts";

/** Whose mailbox, and where the report goes. */
export interface VerifyRequest {
  readonly user: string;
  readonly json: boolean;
  readonly say: (line: string) => void;
  readonly complain: (line: string) => void;
}

/**
 * Verifies a mailbox and prints the report.
 *
 * @returns 0 for a sound one, 65 for a damaged one
 * @throws UserError when there is no such account (67) or the mailbox cannot be read (66)
 */
export async function verify(givenSite: Site, settings: Settings, request: VerifyRequest): Promise<number> {
  const site = placeMailboxes(givenSite, settings);
  const name = request.user.toLowerCase();
  const fault = mailboxNameFault(name);
  if (fault !== undefined) throw new UserError(`${request.user}: ${fault} is no mailbox`, EX_NOUSER);
  const account = openAccounts(site, settings).find(name);
  const daemon = wantedIdentity(site, settings.run, process.getuid?.() ?? 0)?.uid ?? process.getuid?.();
  let report: VerifyReport;
  try {
    report = await verifyMailbox(mailboxPaths(site, name), {
      site,
      ...(account?.uid === undefined ? {} : { uid: account.uid }),
      ...(daemon === undefined ? {} : { daemon }),
    });
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw new UserError(`the mailbox of ${name} cannot be read: ${errno}`, EX_NOINPUT, { cause: error });
  }
  if (account === undefined && !report.exists)
    throw new UserError(`${request.user}: there is neither an account nor a mailbox of that name`, EX_NOUSER);
  if (request.json) request.say(JSON.stringify(report));
  else for (const line of reportLines(report)) request.say(line);
  return report.sound ? EX_OK : EX_DATAERR;
}

function reportLines({ file, exists, size, messages, octets, findings, sound }: VerifyReport): string[] {
  const head = exists
    ? `${file}: ${messages} messages, ${octets} octets as POP3 counts, ${size} bytes`
    : `${file}: not there, which is an empty mailbox`;
  const body = findings.map(({ level, text, advice }) => {
    return `${level.padEnd(8)}${text}${advice === "" ? "" : `\n        ${advice}`}`;
  });
  return [head, ...body, sound ? "sound" : "damaged"];
}
