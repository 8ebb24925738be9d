/**
 * The MAIL and RCPT commands of a message, with the parameters that the server has an extension for.
 */
import { domainToASCII } from "node:url";
import { joinAddress, splitAddress } from "@mailhost/common/address";
import type { QueueEntry, QueueRecipient } from "../queue/queue-entry.ts";
import type { SmtpExtensions } from "./smtp-extensions.ts";

/**
 * `MAIL From:<a@b> SIZE=1234 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x AUTH=a@b`.
 *
 * @param utf8 the message cannot go without SMTPUTF8
 * @param size octets of the message
 */
export function mailCommand(entry: QueueEntry, size: number, utf8: boolean, offered: SmtpExtensions): string {
  let command = `MAIL From:<${wireAddress(entry.sender, utf8)}>`;
  if (offered.size) command += ` SIZE=${size}`;
  // Without the extension an 8-bit message goes as it is: changing its encoding would break what is signed.
  if (offered.eightBitMime && (entry.bodyType === "8BITMIME" || utf8)) command += " BODY=8BITMIME";
  if (offered.smtpUtf8 && utf8) command += " SMTPUTF8";
  if (offered.dsn) {
    if (entry.dsnReturn !== undefined) command += ` RET=${entry.dsnReturn}`;
    if (entry.envelopeId !== undefined && entry.envelopeId !== "") {
      command += ` ENVID=${xtext(entry.envelopeId)}`;
    }
  }
  if (offered.auth.length > 0 && entry.authSender !== undefined) {
    command += ` AUTH=${entry.authSender === "" ? "<>" : xtext(entry.authSender)}`;
  }
  return command;
}

/** `RCPT To:<a@b> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@b`. */
export function rcptCommand(recipient: QueueRecipient, utf8: boolean, offered: SmtpExtensions): string {
  let command = `RCPT To:<${wireAddress(recipient.address, utf8)}>`;
  if (offered.dsn) {
    if (recipient.notify !== undefined && recipient.notify.length > 0) {
      command += ` NOTIFY=${recipient.notify.join(",")}`;
    }
    const original = originalRecipient(recipient.originalRecipient, offered.smtpUtf8 && utf8);
    if (original !== undefined) command += ` ORCPT=${original}`;
  }
  return command;
}

/** True when an address stays outside ASCII even with its domain in A-labels. */
export function needsUtf8(address: string): boolean {
  return !isAscii(wireAddress(address, false));
}

/** True for an address that no command may carry: a line end in it would be the next command. */
export function isUnsendable(address: string): boolean {
  return /\p{Cc}/u.test(address);
}

/** Text in the encoding of RFC 3461 section 4: `+`, `=` and everything but visible ASCII as `+HH`, octet by octet. */
export function xtext(text: string): string {
  let out = "";
  for (const octet of Buffer.from(text, "utf8")) {
    const plain = octet > 0x20 && octet < 0x7f && octet !== 0x2b && octet !== 0x3d;
    out += plain ? String.fromCharCode(octet) : `+${octet.toString(16).toUpperCase().padStart(2, "0")}`;
  }
  return out;
}

/** An address as a server without SMTPUTF8 understands it: the domain in A-labels (RFC 5891). */
function wireAddress(address: string, utf8: boolean): string {
  if (utf8 || isAscii(address)) return address;
  const { localPart, domain } = splitAddress(address);
  const ascii = domainToASCII(domain);
  return ascii === "" ? address : joinAddress({ localPart, domain: ascii });
}

/**
 * The ORCPT value. `utf-8` addresses go in the form of RFC 6533 section 3, which a server without SMTPUTF8 takes
 * escaped only.
 */
function originalRecipient(original: string | undefined, utf8: boolean): string | undefined {
  const match = /^([A-Za-z0-9-]{1,32});(.+)$/s.exec(original ?? "");
  if (match === null) return undefined;
  const [, type, address] = match;
  if (type!.toLowerCase() === "utf-8" || !isAscii(address!)) {
    return `utf-8;${utf8 ? utf8Unitext(address!) : utf8Xtext(address!)}`;
  }
  return `${type};${xtext(address!)}`;
}

/** RFC 6533 utf-8-addr-unitext: visible characters as they are, others as `\x{HEX}`; what came so stays so. */
function utf8Unitext(text: string): string {
  return text.replace(/[\p{Cc} +=]|\\(?!x\{)/gu, (c) => `\\x{${hex(c)}}`);
}

/** RFC 6533 utf-8-addr-xtext: ASCII only. */
function utf8Xtext(text: string): string {
  return text.replace(/[^\x21-\x2a\x2c-\x3c\x3e-\x7e]|\\(?!x\{)/gu, (c) => `\\x{${hex(c)}}`);
}

function hex(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(2, "0");
}

function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text);
}
