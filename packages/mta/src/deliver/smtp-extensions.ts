/**
 * What a server offers in its EHLO answer (RFC 5321 section 4.1.1.1).
 */
import type { ServerReply } from "./smtp-reply.ts";

/** The extensions that we make use of. */
export interface SmtpExtensions {
  /** False after HELO: no parameters may be used. */
  readonly esmtp: boolean;
  /** SIZE is offered (RFC 1870). */
  readonly size: boolean;
  /** Octets of the largest message taken; 0 when no limit is known. */
  readonly sizeLimit: number;
  readonly pipelining: boolean;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  readonly startTls: boolean;
  /** Mechanisms of AUTH in upper case (RFC 4954); empty when it is not offered. */
  readonly auth: readonly string[];
}

/** A server that knows HELO only. */
export const PLAIN_SMTP: SmtpExtensions = {
  esmtp: false,
  size: false,
  sizeLimit: 0,
  pipelining: false,
  eightBitMime: false,
  smtpUtf8: false,
  dsn: false,
  startTls: false,
  auth: [],
};

/** Reads an EHLO answer: the first line is the server's name, each later one a keyword and its parameters. */
export function readExtensions(reply: ServerReply): SmtpExtensions {
  const offered = new Map<string, string>();
  for (const line of reply.lines.slice(1)) {
    const [keyword = "", ...parameters] = line.trim().split(/[\s=]+/);
    offered.set(keyword.toUpperCase(), parameters.join(" "));
  }
  const limit = Number(/^\d{1,15}$/.exec(offered.get("SIZE") ?? "")?.[0] ?? 0);
  return {
    esmtp: true,
    size: offered.has("SIZE"),
    sizeLimit: limit,
    pipelining: offered.has("PIPELINING"),
    eightBitMime: offered.has("8BITMIME"),
    smtpUtf8: offered.has("SMTPUTF8"),
    dsn: offered.has("DSN"),
    startTls: offered.has("STARTTLS"),
    auth: (offered.get("AUTH") ?? "")
      .toUpperCase()
      .split(" ")
      .filter((mechanism) => mechanism !== ""),
  };
}
