/**
 * The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY and ORCPT (RFC 3461).
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";
import type { NotifyWhen } from "../queue/queue-entry.ts";

/** What MAIL announced. */
export interface MailParameters {
  readonly bodyType: "7BIT" | "8BITMIME";
  /** BODY was given. */
  readonly bodyTypeGiven?: true;
  /** SIZE as announced, octets. */
  readonly announcedSize?: number;
  readonly smtputf8: boolean;
  readonly dsnReturn?: "FULL" | "HDRS";
  readonly envelopeId?: string;
  /** What AUTH= said; empty for `<>`. */
  readonly authSender?: string;
}

/** What RCPT asked for. */
export interface RecipientParameters {
  readonly notify?: readonly NotifyWhen[];
  readonly originalRecipient?: string;
}

/** What was read, or the refusal. */
export type ParametersRead<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reply: SmtpReply };

/** No parameters, which is what most clients send. */
const PLAIN_MAIL: ParametersRead<MailParameters> = { ok: true, value: { bodyType: "7BIT", smtputf8: false } };
const PLAIN_RECIPIENT: ParametersRead<RecipientParameters> = { ok: true, value: {} };

const NOTIFY: ReadonlySet<string> = new Set(["NEVER", "SUCCESS", "FAILURE", "DELAY"]);

/**
 * Reads the parameters of MAIL.
 *
 * @param maxSize largest message taken, octets
 */
export function readMailParameters(
  parameters: ReadonlyMap<string, string>,
  maxSize: number,
): ParametersRead<MailParameters> {
  if (parameters.size === 0) return PLAIN_MAIL;
  let read: MailParameters = { bodyType: "7BIT", smtputf8: false };
  for (const [name, value] of parameters) {
    if (value === "" && NEEDS_VALUE.has(name)) return refuse(501, "5.5.2", `${name} requires a value`);
    switch (name) {
      case "SIZE":
        // Sendmail reads what it can of it, and takes what it cannot read for 0.
        if (!/^\d{1,20}$/.test(value)) break;
        if (Number(value) > maxSize) return { ok: false, reply: tooLarge(maxSize) };
        read = { ...read, announcedSize: Number(value) };
        break;
      case "BODY": {
        const type = value.toUpperCase();
        if (type !== "7BIT" && type !== "8BITMIME") {
          return refuse(501, "5.5.4", `Unknown BODY type ${value.slice(0, 80)}`);
        }
        read = { ...read, bodyType: type, bodyTypeGiven: true };
        break;
      }
      case "SMTPUTF8":
        if (value !== "") return refuse(501, "5.5.4", "SMTPUTF8 takes no value");
        read = { ...read, smtputf8: true };
        break;
      case "RET": {
        const type = value.toUpperCase();
        if (type !== "FULL" && type !== "HDRS") {
          return refuse(501, "5.5.2", `Bad argument "${value.slice(0, 80)}" to RET`);
        }
        read = { ...read, dsnReturn: type };
        break;
      }
      case "ENVID": {
        const id = decodeXtext(value);
        if (id === undefined) return refuse(501, "5.5.4", "Syntax error in ENVID parameter value");
        read = { ...read, envelopeId: id };
        break;
      }
      case "AUTH": {
        const sender = value === "<>" ? "" : decodeXtext(value);
        if (value === "" || sender === undefined || /\P{ASCII}/u.test(sender))
          return refuse(501, "5.5.4", "Syntax error in AUTH parameter value");
        read = { ...read, authSender: sender };
        break;
      }
      default:
        return refuse(555, "5.5.4", `${name} parameter unrecognized`);
    }
  }
  return { ok: true, value: read };
}

/** Parameters that say nothing without a value. */
const NEEDS_VALUE: ReadonlySet<string> = new Set(["SIZE", "BODY", "RET", "ENVID", "NOTIFY", "ORCPT"]);

/** Reads the parameters of RCPT. */
export function readRecipientParameters(
  parameters: ReadonlyMap<string, string>,
): ParametersRead<RecipientParameters> {
  if (parameters.size === 0) return PLAIN_RECIPIENT;
  let read: RecipientParameters = {};
  for (const [name, value] of parameters) {
    if (value === "" && NEEDS_VALUE.has(name)) return refuse(501, "5.5.2", `${name} requires a value`);
    if (name === "NOTIFY") {
      const when = value.toUpperCase().split(",");
      // NEVER stands alone; the words are Sendmail's, two blanks included.
      const wrong = when.find((w) => !NOTIFY.has(w) || (w === "NEVER" && when.length > 1));
      if (wrong !== undefined) {
        const shown = value.split(",")[when.indexOf(wrong)]!.slice(0, 80);
        return refuse(501, "5.5.4", `Bad argument "${shown}"  to NOTIFY`);
      }
      read = { ...read, notify: [...new Set(when)] as NotifyWhen[] };
    } else if (name === "ORCPT") {
      const at = value.indexOf(";");
      const type = value.slice(0, Math.max(0, at));
      const text = decodeXtext(value.slice(at + 1));
      if (at < 0 || !/^[A-Za-z0-9-]+$/.test(type) || text === undefined) {
        return refuse(501, "5.5.4", "Syntax error in ORCPT parameter value");
      }
      if (text !== "") read = { ...read, originalRecipient: `${type};${text}` };
    } else {
      return refuse(555, "5.5.4", `${name} parameter unrecognized`);
    }
  }
  return { ok: true, value: read };
}

/** The refusal of a message that is too large (RFC 1870 section 6). */
export function tooLarge(maxSize: number): SmtpReply {
  return reply(552, "5.2.3", `Message size exceeds fixed maximum message size (${maxSize})`);
}

/** The refusal of one whose size was not announced. */
export function exceedsSize(maxSize: number): SmtpReply {
  return reply(552, "5.2.3", `Message exceeds maximum fixed size (${maxSize})`);
}

/** Decodes xtext (RFC 3461 section 4): `+2B` is `+`. Undefined when it is malformed or hides a control character. */
function decodeXtext(text: string): string | undefined {
  if (/\+(?![0-9A-F]{2})/.test(text)) return undefined;
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_m, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return /\p{Cc}/u.test(decoded) ? undefined : decoded;
}

function refuse(
  code: number,
  enhanced: string,
  text: string,
): { readonly ok: false; readonly reply: SmtpReply } {
  return { ok: false, reply: reply(code, enhanced, text) };
}
