/**
 * What a client has asked for in its session, beside the mailbox: it holds from there to the end of the connection.
 */
import type { MangleOrder } from "./mangle/mangle-order.ts";
import { ASCII_ENGLISH, type Language } from "./texts/languages.ts";

/** The modes of one session; verbs set them. */
export interface SessionModes {
  /** What replies are in (LANG). */
  language: Language;
  /** The client takes headers in UTF-8 (UTF8, RFC 6856 section 2). */
  utf8: boolean;
  /** How each message is turned into one without MIME; undefined: not at all. Set by a login as NAME-no-mime. */
  mangle: MangleOrder | undefined;
}

/** The modes that a session begins with. */
export function firstModes(): SessionModes {
  return { language: ASCII_ENGLISH, utf8: false, mangle: undefined };
}
