/**
 * Making replies, in Sendmail's form.
 */
import type { SmtpReply } from "@mailhost/common/errors";

/** A reply from its parts. */
export function reply(code: number, enhanced: string, text: string): SmtpReply {
  return { code, enhanced, text };
}

/** A reply about an address: `<a@b>... text`. */
export function replyAbout(address: string, code: number, enhanced: string, text: string): SmtpReply {
  return { code, enhanced, text: `<${address}>... ${text}` };
}

/** `550 5.7.1 text`, as it goes over the wire and into the log. */
export function formatReply(r: SmtpReply): string {
  return [String(r.code), r.enhanced, r.text].filter((part) => part !== "").join(" ");
}
