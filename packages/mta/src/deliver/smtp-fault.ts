/**
 * The end of an SMTP connection before its time: refused, silent, lost, or in no state to be talked to any further.
 *
 * What a server says about a sender, a recipient or a message is no fault but a reply. A fault concerns the connection,
 * and what was not settled before it may be tried at the next host.
 */
import { errnoOf, messageOf, type SmtpReply } from "@mailhost/common/errors";

/** Where in a connection's life it ended; the words stand in the log. */
export type Stage =
  | "connect"
  | "greeting"
  | "EHLO"
  | "STARTTLS"
  | "AUTH"
  | "MAIL"
  | "RCPT"
  | "DATA"
  | "message body"
  | "final dot"
  | "RSET"
  | "QUIT";

/** How a connection ended. */
export class SmtpFault extends Error {
  override readonly name = "SmtpFault";
  readonly stage: Stage;
  /** The server's last words, or our own in Sendmail's manner: `421 4.4.1 Connection refused by mx.example.com.` */
  readonly reply: SmtpReply;
  /** True when the server refused us for good (a 5xx greeting): no other host, no delivery. */
  readonly permanent: boolean;
  /** Lines of the conversation for a report. */
  readonly transcript: readonly string[];

  constructor(stage: Stage, reply: SmtpReply, transcript: readonly string[] = [], options?: ErrorOptions) {
    super(reply.text, options);
    this.stage = stage;
    this.reply = reply;
    this.permanent = reply.code >= 500;
    this.transcript = transcript;
  }

  /** True when the destination as a whole is in trouble, not just with this message. */
  get concernsHost(): boolean {
    return ["connect", "greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RSET"].includes(this.stage);
  }
}

/** The fault for a failed system call on a connection with `host`, a name with a trailing dot. */
export function connectionFault(stage: Stage, host: string, error: unknown): SmtpFault {
  return new SmtpFault(stage, temporary(stage, systemCallText(stage, host, error)), [], { cause: error });
}

/** The fault for a server that said nothing in time. */
export function timeoutFault(stage: Stage, host: string): SmtpFault {
  const when = stage === "connect" ? "" : ` during ${stage}`;
  return new SmtpFault(stage, temporary(stage, `Connection timed out${when} with ${host}`));
}

/** The fault for a server that hung up. */
export function closedFault(stage: Stage, host: string): SmtpFault {
  return new SmtpFault(stage, temporary(stage, `Connection closed by ${host} during ${stage}`));
}

/** The fault for a server that talks, but not SMTP. */
export function protocolFault(stage: Stage, host: string, what: string): SmtpFault {
  return new SmtpFault(stage, {
    code: 451,
    enhanced: "4.5.0",
    text: `Protocol error by ${host} during ${stage}: ${what}`,
  });
}

/** RFC 3463: 4.4.1 no answer from host, 4.4.2 bad connection. */
function temporary(stage: Stage, text: string): SmtpReply {
  return { code: 421, enhanced: stage === "connect" ? "4.4.1" : "4.4.2", text };
}

function systemCallText(stage: Stage, host: string, error: unknown): string {
  switch (errnoOf(error)) {
    case "ECONNREFUSED":
      return `Connection refused by ${host}`;
    case "ECONNRESET":
    case "EPIPE":
      return stage === "connect"
        ? `Connection reset by ${host}`
        : `Connection reset by ${host} during ${stage}`;
    case "ETIMEDOUT":
      return `Connection timed out with ${host}`;
    case "EHOSTUNREACH":
    case "EHOSTDOWN":
      return `No route to host ${host}`;
    case "ENETUNREACH":
    case "EADDRNOTAVAIL":
      return `Network is unreachable to ${host}`;
    default:
      return `Connection with ${host} failed during ${stage}: ${messageOf(error)}`;
  }
}
