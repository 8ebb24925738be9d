/**
 * How the `sendmail` command tells what an SMTP session would be told by a reply: the text without its codes, and an
 * exit code (sysexits).
 */
import type { SmtpReply } from "@mailhost/common/errors";
import {
  EX_DATAERR,
  EX_NOHOST,
  EX_NOUSER,
  EX_TEMPFAIL,
  EX_UNAVAILABLE,
  EX_USAGE,
} from "@mailhost/common/sysexits";

/** By enhanced status; what Sendmail's own command ends with. */
const BY_STATUS: Readonly<Record<string, number>> = {
  "5.1.1": EX_NOUSER,
  "5.1.2": EX_NOHOST,
  "5.1.3": EX_USAGE,
  "5.1.6": EX_NOUSER,
  "5.2.3": EX_UNAVAILABLE,
  "5.3.4": EX_UNAVAILABLE,
  "5.4.6": EX_USAGE,
  "5.0.0": EX_USAGE,
};

/** `joe... User unknown`, the address as it was written. */
export function refusalText(reply: SmtpReply): string {
  return reply.text.replace(/^<(.*?)>\.\.\. /, "$1... ");
}

/** The exit code for a refused address or message. */
export function refusalCode(reply: SmtpReply): number {
  if (reply.code < 500) return EX_TEMPFAIL;
  return BY_STATUS[reply.enhanced] ?? (reply.code === 552 ? EX_UNAVAILABLE : EX_DATAERR);
}
