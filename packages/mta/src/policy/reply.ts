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

/** Refusals that Sendmail begins with the address; every other code goes without. */
const WITH_ADDRESS: ReadonlySet<number> = new Set([450, 550, 553]);

/** A refusal that was made without an address, told about one. */
export function about(address: string, r: SmtpReply): SmtpReply {
  return WITH_ADDRESS.has(r.code) ? replyAbout(address, r.code, r.enhanced, r.text) : r;
}

/** `550 5.7.1 text`, as it goes over the wire and into the log. */
export function formatReply(r: SmtpReply): string {
  return [String(r.code), r.enhanced, r.text].filter((part) => part !== "").join(" ");
}
