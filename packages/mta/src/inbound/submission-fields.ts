/**
 * Fields that a submitted message is given when it lacks them (RFC 6409 section 8, RFC 5322 section 3.6): Date, Message-ID and
 * From. Sendmail's submission agent does the same. A Sender field is not added: who has sent it is in the envelope.
 */
import type { HeaderSummary } from "./header-filter.ts";
import { mailDate } from "./mail-date.ts";

/** What the fields are made of. */
export interface FieldFacts {
  readonly hostname: string;
  readonly id: string;
  /** As it stands in the field, a phrase before it where there is one. */
  readonly from: string;
  readonly now: number;
}

/** Fields that must not reach anybody. */
export const BLIND_FIELDS: ReadonlySet<string> = new Set(["bcc", "resent-bcc"]);

/** The missing fields, each with its line end; a message that was resent has them twice (RFC 5322 section 3.6.6). */
export function missingFields({ names }: Pick<HeaderSummary, "names">, facts: FieldFacts): string {
  const { hostname, id, from, now } = facts;
  const resent = [...names].some((name) => name.startsWith("resent-"));
  const fields: [string, string][] = [
    ["Date", mailDate(now)],
    ["Message-ID", `<${id}@${hostname}>`],
    ["From", from],
  ];
  const lacking = (prefix: string) =>
    fields
      .filter(([name]) => !names.has((prefix + name).toLowerCase()))
      .map(([name, value]) => `${prefix}${name}: ${value}\r\n`)
      .join("");
  return (resent ? lacking("Resent-") : "") + lacking("");
}

/** The address for a From field: that of the envelope, or ours for what has no sender. */
export function fromAddress(sender: string, hostname: string): string {
  return sender === "" ? `MAILER-DAEMON@${hostname}` : sender;
}
