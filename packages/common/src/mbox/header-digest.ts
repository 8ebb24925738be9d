/**
 * What a message's unique id is made of: its `From ` line and header, less the fields that mail readers change, and the
 * octets of its body; and what these fields say.
 */
import { hash } from "node:crypto";

/** Bytes of the `From ` line and header that are looked at. */
export const HEADER_WINDOW = 64 * 1024;
/** Bytes that are hashed of it, so that fields that readers add do not push others out of the hash. */
const HASHED = 48 * 1024;
/** Hexadecimal digits of a digest. */
const DIGITS = 32;

/** A field that readers change, with its continuation lines. */
const CHANGING =
  /\n(?:status|x-status|x-keywords|x-uid[!-9;-~]*|x-imap[!-9;-~]*|content-length|lines)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*/gi;
const UIDL = /\nx-uidl[ \t]*:[ \t]*([!-~]{1,70})[ \t]*(?:\r?\n|\r?$)/i;
/** Tells at a glance that there is none of them. */
const HINT = /\n(?:status|x-status|x-keywords|x-uid|x-imap|content-length|lines)/i;
/** Status with an R: read (RFC 4155 does not say; Qpopper, UW and mail(1) do). */
const SEEN = /\nstatus[ \t]*:[^\n]*r/i;
const UID = /\nx-uid[ \t]*:[ \t]*([0-9]{1,10})[ \t]*(?:\r?\n|\r?$)/i;
/** The first message of a folder names its UIDVALIDITY and its last UID. */
const BASE = /\nx-imap(?:base)?[ \t]*:[ \t]*([0-9]{1,10})[ \t]+[0-9]{1,10}/i;

/** What a header says of its message's identity. */
export interface HeaderIdentity {
  /** 32 hexadecimal digits. */
  readonly digest: string;
  /** Whether a mail reader has read it. */
  readonly seen: boolean;
  /** The X-UIDL field, when it is one that POP3 could have given (RFC 1939 section 7). */
  readonly uidl?: string;
  /** The X-UID field: what an IMAP server called the message. */
  readonly imapUid?: number;
  /** What Qpopper called it before its version 3; where it was asked for. */
  readonly oldStyleId?: string;
  /** The UIDVALIDITY of the folder, where X-IMAPbase or X-IMAP says it. */
  readonly uidValidity?: number;
}

/** Where a prefix and a header are put together. */
const scratch: { bytes: Buffer | undefined } = { bytes: undefined };

/** Where a `From ` line and header are in memory; at most {@link HEADER_WINDOW} bytes of them. */
export interface HeaderPlace {
  readonly bytes: Buffer;
  readonly from: number;
  readonly to: number;
}

/**
 * Works out the digest of a message whose header is ASCII and has none of the fields that readers change: as
 * {@link headerIdentity} would, and several times as fast.
 *
 * @param bodyOctets octets of the body as POP3 sends it
 */
export function plainDigest({ bytes, from, to }: HeaderPlace, bodyOctets: number): string {
  const hashed = (scratch.bytes ??= Buffer.allocUnsafeSlow(HASHED + 32));
  let end = to;
  while (end > from && isSpace(bytes[end - 1]!)) end--;
  const at = hashed.write(`${bodyOctets}\n`, "latin1");
  const length = Math.min(end - from, HASHED);
  bytes.copy(hashed, at, from, from + length);
  return hash("sha256", hashed.subarray(0, at + length), "hex").slice(0, DIGITS);
}

/** What trimEnd takes off, as far as it is ASCII. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/**
 * Works out a message's identity.
 *
 * @param head the `From ` line and header, a character a byte, at most {@link HEADER_WINDOW} of them
 * @param bodyOctets octets of the body as POP3 sends it
 */
export function headerIdentity(head: string, bodyOctets: number): HeaderIdentity {
  // Whether the empty line behind it was there, or has come with the next message, makes no difference.
  const text = head.trimEnd();
  if (!HINT.test(text)) return { digest: digestOf(text, bodyOctets), seen: false };
  const digest = digestOf(text.replace(CHANGING, ""), bodyOctets);
  const [uidl, imapUid, uidValidity] = [UIDL, UID, BASE].map((field) => field.exec(text)?.[1]);
  return {
    digest,
    seen: SEEN.test(text),
    ...(uidl === undefined ? {} : { uidl }),
    ...(imapUid === undefined ? {} : { imapUid: Number(imapUid) }),
    ...(uidValidity === undefined ? {} : { uidValidity: Number(uidValidity) }),
  };
}

/** A field whose first line Qpopper's ids are made of. */
const OF_OLD_STYLE = /^(?:received|date|message-id|subject):/i;

/**
 * Qpopper's id of old style (pop_dropcopy.c, OLD_STYLE_UIDL): MD5 over the `From ` line and the first lines of some
 * fields, with their line ends; 32 hexadecimal digits.
 */
export function oldStyleId(head: string): string {
  const [from = "", ...lines] = head.split("\n");
  const hashed = [from, ...lines.filter((line) => OF_OLD_STYLE.test(line))];
  return hash("md5", Buffer.from(hashed.map((line) => `${line}\n`).join(""), "latin1"), "hex");
}

function digestOf(text: string, bodyOctets: number): string {
  return hash("sha256", `${bodyOctets}\n${text.slice(0, HASHED)}`, "hex").slice(0, DIGITS);
}
