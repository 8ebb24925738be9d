/**
 * How long each stage of an outgoing connection may take (ms).
 */
import type { Settings } from "@mailhost/common/settings/settings";

/** One limit a stage. */
export interface SmtpTimeouts {
  readonly connect: number;
  readonly greeting: number;
  /** EHLO, HELO and LHLO. */
  readonly hello: number;
  /** STARTTLS and its handshake, each. */
  readonly startTls: number;
  /** Each answer to AUTH. */
  readonly auth: number;
  readonly mail: number;
  readonly rcpt: number;
  readonly data: number;
  /** One piece of the message: how long the other side may take no bytes. */
  readonly block: number;
  readonly finalDot: number;
  readonly rset: number;
  readonly quit: number;
}

/** The longest wait for the answer to QUIT: the mail is delivered by then, and politeness has its limits. */
const LONGEST_QUIT = 5000;
/** The longest handshake: Sendmail's hour is for a host that computes on paper. */
const LONGEST_START_TLS = 5 * 60_000;

/** The settings' limits (Sendmail's Timeout options; RFC 5321 section 4.5.3.2). */
export function smtpTimeouts(settings: {
  readonly relay: Pick<Settings["relay"], "connectTimeout" | "greetingTimeout">;
  readonly timeouts: Settings["timeouts"];
}): SmtpTimeouts {
  const { relay, timeouts } = settings;
  return {
    connect: relay.connectTimeout,
    greeting: relay.greetingTimeout,
    hello: timeouts.helo,
    startTls: Math.min(timeouts.startTls, LONGEST_START_TLS),
    auth: timeouts.auth,
    mail: timeouts.mail,
    rcpt: timeouts.rcpt,
    data: timeouts.dataInit,
    block: timeouts.dataBlock,
    finalDot: timeouts.dataFinal,
    rset: timeouts.rset,
    quit: Math.min(timeouts.quit, LONGEST_QUIT),
  };
}
