/**
 * The parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), RET, ENVID, NOTIFY and ORCPT (RFC 3461).
 */
import type { SmtpReply } from "@mailhost/common/errors";
import { reply } from "../policy/reply.ts";
import type { NotifyWhen } from "../queue/queue-entry.ts";

/** What MAIL announced. */
export interface MailParameters {
  readonly bodyType: "7BIT" | "8BITMIME";
  readonly smtputf8: boolean;
  readonly dsnReturn?: "FULL" | "HDRS";
  readonly envelopeId?: string;
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
  let read: MailParameters = { bodyType: "7BIT", smtputf8: false };
  for (const [name, value] of parameters) {
    switch (name) {
      case "SIZE":
        if (!/^\d{1,20}$/.test(value)) return refuse(501, "5.5.2", `Syntax error in parameter SIZE=${value}`);
        if (Number(value) > maxSize) return { ok: false, reply: tooLarge(maxSize) };
        break;
      case "BODY": {
        const type = value.toUpperCase();
        if (type !== "7BIT" && type !== "8BITMIME") return refuse(501, "5.5.4", `Unknown BODY type ${value}`);
        read = { ...read, bodyType: type };
        break;
      }
      case "SMTPUTF8":
        if (value !== "") return refuse(501, "5.5.4", "SMTPUTF8 takes no value");
        read = { ...read, smtputf8: true };
        break;
      case "RET": {
        const type = value.toUpperCase();
        if (type !== "FULL" && type !== "HDRS") return refuse(501, "5.5.4", `Unknown RET type ${value}`);
        read = { ...read, dsnReturn: type };
        break;
      }
      case "ENVID": {
        const id = decodeXtext(value);
        if (id === undefined || id === "") return refuse(501, "5.5.4", "Syntax error in parameter ENVID");
        read = { ...read, envelopeId: id };
        break;
      }
      case "AUTH":
        // RFC 4954 section 5: whoever is not trusted to say so is taken to have said nothing.
        break;
      default:
        return refuse(555, "5.5.4", `${name} parameter unrecognized`);
    }
  }
  return { ok: true, value: read };
}

/** Reads the parameters of RCPT. */
export function readRecipientParameters(
  parameters: ReadonlyMap<string, string>,
): ParametersRead<RecipientParameters> {
  let read: RecipientParameters = {};
  for (const [name, value] of parameters) {
    if (name === "NOTIFY") {
      const when = value.toUpperCase().split(",");
      const unknown = when.some((w) => !NOTIFY.has(w)) || (when.includes("NEVER") && when.length > 1);
      if (unknown) return refuse(501, "5.5.4", `Bad argument "${value.slice(0, 80)}" to NOTIFY`);
      read = { ...read, notify: [...new Set(when)] as NotifyWhen[] };
    } else if (name === "ORCPT") {
      const [type, text] = [
        value.slice(0, value.indexOf(";")),
        decodeXtext(value.slice(value.indexOf(";") + 1)),
      ];
      if (!/^[A-Za-z0-9-]+$/.test(type) || text === undefined || text === "") {
        return refuse(501, "5.5.4", "Syntax error in ORCPT parameter value");
      }
      read = { ...read, originalRecipient: `${type};${text}` };
    } else {
      return refuse(555, "5.5.4", `${name} parameter unrecognized`);
    }
  }
  return { ok: true, value: read };
}

/** The refusal of a message that is too large (RFC 1870 section 6). */
export function tooLarge(maxSize: number): SmtpReply {
  return reply(552, "5.3.4", `Message size exceeds fixed maximum message size (${maxSize})`);
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
