/**
 * How long each stage of an outgoing connection may take (ms).
 */
import type { Settings } from "@mailhost/common/settings/settings";

/** One limit a stage. */
export interface SmtpTimeouts {
  readonly connect: number;
  readonly greeting: number;
  /** EHLO, HELO, RSET and STARTTLS with its handshake. */
  readonly hello: number;
  readonly mail: number;
  readonly rcpt: number;
  readonly data: number;
  /** One piece of the message: how long the other side may take no bytes. */
  readonly block: number;
  readonly finalDot: number;
  readonly quit: number;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** The settings' limits and, for the later stages, those of RFC 5321 section 4.5.3.2. */
export function smtpTimeouts(
  relay: Pick<Settings["relay"], "connectTimeout" | "greetingTimeout">,
): SmtpTimeouts {
  return {
    connect: relay.connectTimeout,
    greeting: relay.greetingTimeout,
    hello: 5 * MINUTE,
    mail: 5 * MINUTE,
    rcpt: 5 * MINUTE,
    data: 2 * MINUTE,
    block: 3 * MINUTE,
    finalDot: 10 * MINUTE,
    // The mail is delivered by then: politeness has its limits.
    quit: 5 * SECOND,
  };
}
