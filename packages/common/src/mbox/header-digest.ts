/**
 * What a message's unique id is made of: its `From ` line and header, less the fields that mail readers change, and the
 * octets of its body.
 */
import { hash } from "node:crypto";

/** Bytes of the `From ` line and header that are looked at. */
export const HEADER_WINDOW = 64 * 1024;
/** Bytes that are hashed of it, so that fields that readers add do not push others out of the hash. */
const HASHED = 48 * 1024;
const DIGEST = 16;

/** A field that readers change, with its continuation lines. */
const CHANGING =
  /\n(?:status|x-status|x-keywords|x-uid[!-9;-~]*|x-imap[!-9;-~]*|content-length|lines)[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*/gi;
const UIDL = /\nx-uidl[ \t]*:[ \t]*([!-~]{1,70})[ \t]*(?:\r?\n|\r?$)/i;
/** Tells at a glance that there is none of them. */
const HINT = /\n(?:status|x-status|x-keywords|x-uid|x-imap|content-length|lines)/i;

/** What a header says of its message's identity. */
export interface HeaderIdentity {
  /** 16 bytes. */
  readonly digest: Buffer;
  /** The X-UIDL field, when it is one that POP3 could have given (RFC 1939 section 7). */
  readonly uidl?: string;
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
  if (!HINT.test(text)) return { digest: digestOf(text, bodyOctets) };
  const digest = digestOf(text.replace(CHANGING, ""), bodyOctets);
  const uidl = UIDL.exec(text)?.[1];
  return uidl === undefined ? { digest } : { digest, uidl };
}

function digestOf(text: string, bodyOctets: number): Buffer {
  return hash("sha256", `${bodyOctets}\n${text.slice(0, HASHED)}`, "buffer").subarray(0, DIGEST);
}
