/**
 * Recipients in a message's header, for `sendmail -t`. The library reads the address grammar (groups, comments,
 * quoted names); nothing of what it makes goes into the message.
 */
import { type EmailAddress, simpleParser } from "mailparser";
import type { HeaderSummary } from "../inbound/header-filter.ts";

/** Fields that are read by -t; the first kind rules when a message was resent (RFC 5322 section 3.6.6). */
export const RECIPIENT_FIELDS: ReadonlySet<string> = new Set([
  "to",
  "cc",
  "bcc",
  "resent-to",
  "resent-cc",
  "resent-bcc",
]);

/** Fields that must not reach anybody. */
export const BLIND_FIELDS: ReadonlySet<string> = new Set(["bcc", "resent-bcc"]);

/** The addresses, each once, in their order. */
export async function headerRecipients(seen: HeaderSummary): Promise<string[]> {
  const resent = seen.values.some((v) => v.name.startsWith("resent-"));
  const found = new Set<string>();
  for (const { name, text } of seen.values) {
    if (!RECIPIENT_FIELDS.has(name) || name.startsWith("resent-") !== resent) continue;
    for (const address of await addressesIn(text)) found.add(address);
  }
  return [...found];
}

async function addressesIn(text: string): Promise<string[]> {
  const field = Buffer.from(`To:${text.replace(/\r?\n*$/, "")}\r\n\r\n`, "latin1");
  const { to } = await simpleParser(field, { skipTextToHtml: true, skipImageLinks: true });
  const objects = to === undefined ? [] : Array.isArray(to) ? to : [to];
  return objects.flatMap((object) => object.value.flatMap(flat));
}

function flat(entry: EmailAddress): string[] {
  if (entry.group !== undefined) return entry.group.flatMap(flat);
  // A local name stands in the header without a domain: the library takes it for a display name.
  const address = entry.address === undefined || entry.address === "" ? entry.name : entry.address;
  return address.trim() === "" ? [] : [address.trim()];
}
