/**
 * What a host did in a case, in a form in which two hosts can be compared: queue ids, dates and versions are made alike, and
 * nothing else is.
 */
import type { MboxEntry } from "../harness/mbox-reader.ts";
import type { TakenMessage } from "../harness/sink.ts";

/** One message that came out somewhere. */
export interface Delivery {
  /** `mailbox alice`, `host 203.0.113.10`, or a file's path. */
  readonly where: string;
  /** Sender and recipients with their parameters; a mailbox knows the sender alone. */
  readonly envelope: string;
  /** Header fields as they stand, folded lines joined. */
  readonly header: readonly string[];
  readonly body: readonly string[];
}

/** Everything that is compared. */
export interface Observed {
  /** What was sent, and what came back, all lines of it. */
  readonly replies: readonly { readonly to: string; readonly reply: string }[];
  readonly deliveries: readonly Delivery[];
  /** Lines of the log without date and process. */
  readonly log: readonly string[];
  /** Of a command. */
  readonly exit?: number;
  readonly stdout?: string;
  readonly stderr?: string;
}

/** Queue ids of both: Sendmail's and mailhost's have one form. */
const QUEUE_ID = /\b[0-9A-Za-x]{8}\d{6}\b/g;
const DATE =
  /\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? (?:\d{1,2} )?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) .{0,2}(?:\d{4} )?\d\d:\d\d(?::\d\d)?(?: \d{4})?(?: [+-]\d{4})?(?: ?\(?(?:GMT|UTC|[A-Z]{3,4})\)?)?/g;

/** A text with what must differ made alike. */
export function alike(text: string): string {
  return (
    text
      .replace(QUEUE_ID, "QID")
      .replaceAll("Mon, 4 Jun 2001 09:00:00 +0800", "THEN")
      .replace(DATE, "DATE")
      .replace(/\b\d{12}\.QID@/g, "STAMP.QID@")
      .replace(/\(?8\.17\.1\.9(?:\/8\.17\.1\.9)?\)?/g, "VERSION")
      .replace(/\(mailhost\)/g, "VERSION")
      .replace(/\bQID\.\d{6,}\/[\w.-]+/g, "BOUNDARY")
      // mailhost's root is a folder of the test.
      .replace(/\/tmp\/mailhost-e2e-\w+(?=\/)/g, "")
      .replace(/\bpid=\d+/g, "pid=N")
  );
}

/** An mbox's message as delivered. */
export function fromMbox(where: string, entry: MboxEntry): Delivery {
  return parted(where, entry.from.replace(/^From (\S+).*/s, "from $1"), entry.message.toString("latin1"));
}

/** A sink's message as delivered. */
export function fromSink(host: string, taken: TakenMessage): Delivery {
  const envelope = [
    `from ${ordered(taken.mail)}`,
    ...taken.recipients.map((r) => `to ${ordered(r)}`).sort(),
  ].join(", ");
  return parted(`host ${host}`, envelope, taken.message.toString("latin1").replaceAll("\r\n", "\n"));
}

/** The parameters of MAIL and RCPT in one order; SIZE is the sender's own guess, and stays out. */
function ordered(path: string): string {
  const [address, ...parameters] = path.split(/ (?=[A-Z0-9-]+(?:=|\b))/);
  return [address, ...parameters.filter((p) => !p.startsWith("SIZE=")).sort()].join(" ");
}

function parted(where: string, envelope: string, text: string): Delivery {
  const end = text.indexOf("\n\n");
  const header = end < 0 ? text : text.slice(0, end);
  const quoted = /^Content-Transfer-Encoding: quoted-printable/im.test(text);
  return {
    where,
    envelope: alike(envelope),
    header: header
      // What a program was given begins with mbox's line.
      .replace(/^From (\S+) .*/m, "X-From-Line: $1")
      .replace(/\n[ \t]+/g, " ")
      .split("\n")
      .map(alike),
    body: (end < 0 ? "" : quoted ? unquoted(text.slice(end + 2)) : text.slice(end + 2))
      .replace(/\n+$/, "")
      .split("\n")
      .map(alike),
  };
}

/** Text in quoted-printable (RFC 2045 section 6.7), read. */
function unquoted(text: string): string {
  return text
    .replace(/=\n/g, "")
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Orders deliveries, because hosts deliver in an order of their own. */
export function inOrder(deliveries: readonly Delivery[]): Delivery[] {
  const key = (d: Delivery) => `${d.where} ${d.envelope} ${d.header.join(" ")}`;
  return [...deliveries].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** A log line without its date, host and process; undefined when it is of no interest here. */
export function logText(line: string): string | undefined {
  const text = /\b(?:sendmail|mailhost|sm-mta|newaliases)(?:\/\w+)?\[\d+\]: (.*)/.exec(line)?.[1];
  return text === undefined || text === "" ? undefined : text;
}
