/**
 * Recipients in a message's header, for `sendmail -t`.
 */
import type { HeaderSummary } from "../inbound/header-filter.ts";
import { listedAddresses } from "./recipient-list.ts";

/** Fields that are read by -t; the first kind rules when a message was resent (RFC 5322 section 3.6.6). */
export const RECIPIENT_FIELDS: ReadonlySet<string> = new Set([
  "to",
  "cc",
  "bcc",
  "resent-to",
  "resent-cc",
  "resent-bcc",
]);

/** The addresses, each once, in their order. */
export function headerRecipients(seen: HeaderSummary): string[] {
  const resent = seen.values.some((v) => v.name.startsWith("resent-"));
  const found = new Set<string>();
  for (const { name, text } of seen.values) {
    if (!RECIPIENT_FIELDS.has(name) || name.startsWith("resent-") !== resent) continue;
    for (const address of listedAddresses(Buffer.from(text, "latin1").toString("utf8"))) found.add(address);
  }
  return [...found];
}
