/**
 * The Received header that we put on top of each message (RFC 5321 section 4.4), and the name of the protocol in it.
 */
import { writtenIp } from "@mailhost/common/ip-address";
import type { TlsFacts } from "@mailhost/common/tls/tls-facts";
import { mailDate } from "./mail-date.ts";

/** What a Received header tells. */
export interface ReceivedFacts {
  /** The name given with HELO; empty for the `sendmail` command. */
  readonly helo: string;
  /** `mail.example.com [192.0.2.1]`, as {@link clientText} makes it. */
  readonly client: string;
  /** Somebody has logged in with AUTH. */
  readonly authenticated?: boolean;
  /** Neither `helo` nor `client` is shown (auth.hideClientAddress). */
  readonly hidesClient?: boolean;
  readonly hostname: string;
  readonly protocol: string;
  /** When the connection was encrypted. Nobody's certificate is asked for: `verify=NO`. */
  readonly tls?: TlsFacts;
  readonly id: string;
  /** The recipient, when there is only one: more would tell of blind copies. */
  readonly recipient?: string;
  readonly now: number;
}

/** The header, folded, with its final CRLF. */
export function receivedHeader(facts: ReceivedFacts): string {
  let text = "Received: ";
  if (facts.hidesClient !== true) text += `from ${heloText(facts.helo)} (${facts.client})`;
  if (facts.authenticated === true) text += `${facts.hidesClient === true ? "" : FOLD}(authenticated bits=0)`;
  // In Sendmail's order, which those who read Received fields by patterns know: what says how it was encrypted follows the id.
  text += `${FOLD}by ${facts.hostname} (mailhost) with ${facts.protocol} id ${facts.id}`;
  if (facts.tls !== undefined) {
    const { version, cipher, bits } = facts.tls;
    text += `${FOLD}(version=${version} cipher=${cipher} bits=${bits} verify=NO)`;
  }
  if (facts.recipient !== undefined) text += `${FOLD}for <${facts.recipient}>`;
  return `${text};${FOLD}${mailDate(facts.now)}\r\n`;
}

/** A header's line goes on in the next. */
const FOLD = "\r\n\t";

/** `name [192.0.2.1]`, `name [192.0.2.1] (may be forged)` or `[192.0.2.1]`. */
export function clientText(ip: string, name: string, forged: boolean): string {
  const address = `[${writtenIp(ip)}]`;
  if (name === "") return address;
  return `${name} ${address}${forged ? " (may be forged)" : ""}`;
}

/** The protocol's registered name (RFC 3848, RFC 6531 section 4.3). */
export function protocolName(
  extended: boolean,
  utf8: boolean,
  secure: boolean,
  authenticated: boolean,
): string {
  if (!extended) return "SMTP";
  return `${utf8 ? "UTF8SMTP" : "ESMTP"}${secure ? "S" : ""}${authenticated ? "A" : ""}`;
}

/** The client's own word for itself, with nothing in it that could end a line or open a comment. */
function heloText(helo: string): string {
  if (helo === "") return "localhost";
  const text = /^[A-Za-z0-9.:[\]_-]*$/.test(helo) ? helo : helo.replace(/[^A-Za-z0-9.:[\]_-]/g, "?");
  return text.length > 255 ? text.slice(0, 255) : text;
}

/** The header of a message that came in by the `sendmail` command. */
export function localReceivedHeader(facts: {
  readonly user: string;
  readonly hostname: string;
  readonly id: string;
  readonly recipient?: string;
  readonly now: number;
}): string {
  const lines = [`Received: (from ${facts.user.replace(/[^A-Za-z0-9._+-]/g, "?")}@localhost)`];
  const by = `by ${facts.hostname} (mailhost) id ${facts.id}`;
  if (facts.recipient === undefined) lines.push(`${by};`);
  else lines.push(by, `for <${facts.recipient}>;`);
  lines.push(mailDate(facts.now));
  return `${lines.join("\r\n\t")}\r\n`;
}
