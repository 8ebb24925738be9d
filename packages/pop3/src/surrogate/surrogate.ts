/**
 * What a client that has not said UTF8 gets of a message with addresses in UTF-8: a message that it understands, with the
 * same body (RFC 6856 section 2.1; RFC 6858). Of the two ways that the RFCs leave, this one shows every message to everybody;
 * refusing with [UTF8] would hide it from most clients, which stop at the first message that they can not have.
 *
 * Old mail with 8-bit text in its header, in whatever character set, is no such message: it goes out byte for byte.
 */
import { isAscii, isUtf8 } from "node:buffer";
import { domainToASCII } from "node:url";
import { type HeaderField, headerFields } from "../protocol/header-fields.ts";
import { type ListedAddress, listedAddresses } from "./address-list.ts";
import { encodedPhrase, encodedWords, extendedParameter } from "./encoded-words.ts";

/** Where an address goes that a client could not write to; the domain is nobody's (RFC 2606). */
const NOBODY = "invalid@internationalized-address.invalid";

const ADDRESS_FIELDS =
  /^(from|sender|reply-to|to|cc|bcc|return-path|delivered-to|errors-to|mail-followup-to|disposition-notification-to|resent-(from|sender|reply-to|to|cc|bcc))$/;
const TEXT_FIELDS = /^(subject|comments|content-description|thread-topic)$/;
const MIME_FIELDS = /^content-(type|disposition)$/;

/**
 * Whether a header can be understood only in UTF-8: all of it is valid UTF-8, and an address in it has other letters than
 * ASCII, or it came by SMTPUTF8 and has such letters anywhere.
 */
export function needsUtf8(header: Buffer): boolean {
  if (isAscii(header) || !isUtf8(header)) return false;
  for (const { name, value } of headerFields(header)) {
    if (ADDRESS_FIELDS.test(name) && !isAscii(value)) {
      if (listedAddresses(value.toString("utf8")).some(({ address = "" }) => !isAsciiText(address)))
        return true;
    }
    if (name === "received" && /\bwith\s+UTF8SMTP(S|A|SA)?\b/i.test(value.toString("latin1"))) return true;
  }
  return false;
}

/** The header in ASCII, its empty line included, line ends LF where a field was changed. */
export function surrogateHeader(header: Buffer): Buffer {
  const out: Buffer[] = [];
  for (const field of headerFields(header)) {
    if (isAscii(field.raw)) out.push(field.raw);
    else {
      const text = changed(field);
      // Section 3.4: what can not be shown is left out.
      if (text === undefined) continue;
      out.push(Buffer.from(text));
    }
    out.push(Buffer.from("\n"));
  }
  out.push(Buffer.from("\n"));
  return Buffer.concat(out);
}

function changed({ name, raw, value }: HeaderField): string | undefined {
  const text = value.toString("utf8").replace(/\r?\n/g, "").trim();
  const label = raw.toString("latin1", 0, name.length);
  if (ADDRESS_FIELDS.test(name)) {
    const addresses = listedAddresses(text).map(surrogateAddress);
    return addresses.length === 0 ? undefined : `${label}: ${addresses.join(",\n ")}`;
  }
  if (TEXT_FIELDS.test(name)) return `${label}: ${encodedWords(text)}`;
  if (MIME_FIELDS.test(name)) return `${label}: ${asciiParameters(text)}`;
  return undefined;
}

/** Section 3.1; an address that only its domain makes international keeps its use, with the domain's A-labels. */
function surrogateAddress({ name, address }: ListedAddress): string {
  if (address === undefined) return `${encodedPhrase(name)} <${NOBODY}>`;
  const ascii = asciiAddress(address);
  if (ascii !== undefined) return name === "" ? ascii : `${encodedPhrase(name)} <${ascii}>`;
  const shown = name === "" ? address : `${name} [${address}]`;
  return `${encodedPhrase(shown)} <${NOBODY}>`;
}

function asciiAddress(address: string): string | undefined {
  const at = address.lastIndexOf("@");
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  if (at < 1 || !isAsciiText(local)) return undefined;
  if (isAsciiText(domain)) return address;
  const ascii = domainToASCII(domain);
  return ascii === "" ? undefined : `${local}@${ascii}`;
}

/** The value of a MIME field; parameters with other letters than ASCII in RFC 2231's form, and left out where that can not be. */
function asciiParameters(text: string): string {
  const parts = text.match(/(?:[^;"]|"(?:[^"\\]|\\.)*"?)+/g) ?? [];
  const kept: string[] = [];
  for (const part of parts) {
    const trimmed = part.trim();
    if (isAsciiText(trimmed)) kept.push(trimmed);
    else {
      const match = /^([A-Za-z0-9_-]+)\s*=\s*"?(.*?)"?$/s.exec(trimmed);
      if (match !== null) kept.push(extendedParameter(match[1]!, match[2]!.replace(/\\(.)/gs, "$1")));
    }
  }
  return kept.join(";\n ");
}

function isAsciiText(text: string): boolean {
  return !/[^\0-\x7f]/.test(text);
}
