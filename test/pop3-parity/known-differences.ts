/**
 * Where mailhost shows a mailbox otherwise than Dovecot or popa3d, each with its reason. A difference that is not here fails the
 * comparison, and so does one that is here and is not seen any more. `row` is how docs/compatibility.md begins the row about it.
 */

/** The servers that mailhost is compared with. */
export type Peer = "dovecot" | "popa3d";

/** A difference in a message's bytes: undone, both show the same. */
export interface ByteDifference {
  readonly row: string;
  readonly reason: string;
  readonly peers: readonly Peer[];
  /** Undoes it in what mailhost shows, one character a byte. */
  readonly inOurs?: (shown: string) => string;
  /** Undoes it in what the peer shows. */
  readonly inTheirs?: (shown: string) => string;
}

/** A difference in what is a message. */
export interface CountDifference {
  readonly row: string;
  readonly reason: string;
  readonly peer: Peer;
  readonly mailbox: string;
  /** How many messages mailhost shows. */
  readonly ours: number;
  /** How many the peer shows, or that it refuses to open the mailbox. */
  readonly theirs: number | "refused";
}

/** In the order in which they are undone. */
export const BYTE_DIFFERENCES: readonly ByteDifference[] = [
  {
    row: "fields that mailbox programs write",
    reason: "a message comes as it lies in the mailbox; Dovecot takes Status and its like out",
    peers: ["dovecot"],
    inOurs: (shown) =>
      inHeader(shown, (header) =>
        header.replaceAll(
          /^(?:Status|X-Status|X-Keywords|X-UID|X-IMAP|X-IMAPbase|Content-Length)[ \t]*:.*\r\n(?:[ \t].*\r\n)*/gim,
          "",
        ),
      ),
  },
  {
    row: "`>From ` lines",
    reason: "mboxrd: the `>` that a delivery put there is taken off, so that what was sent comes out",
    peers: ["dovecot", "popa3d"],
    inTheirs: (shown) => shown.replaceAll(/^>(>*From )/gm, "$1"),
  },
  {
    row: "lines that end in CR LF",
    reason:
      "CR LF in an mbox is one line end, as for Dovecot; popa3d sends CR CR LF, of which clients make an empty line or worse",
    peers: ["popa3d"],
    inTheirs: (shown) => shown.replaceAll("\r\r\n", "\r\n"),
  },
  {
    row: "lines that end in CR LF",
    reason: "a CR at the very end is half of a line's end that was cut off; Dovecot supplies CR LF behind it",
    peers: ["dovecot"],
    inTheirs: (shown) => shown.replace(/\r\r\n$/, "\r\n"),
  },
  {
    row: "a dot at the very start of a message",
    reason: "Dovecot does not double it, so clients take it off: RFC 1939 section 3",
    peers: ["dovecot"],
    inOurs: (shown) => shown.replace(/^\./, ""),
  },
  {
    row: "a message without a body",
    reason: "nothing is added to it; popa3d ends its header with an empty line that is not there",
    peers: ["popa3d"],
    inOurs: (shown) => (`\r\n${shown}`.includes("\r\n\r\n") ? shown : `${shown}\r\n`),
  },
  {
    row: "a message without a body",
    reason: "so does Dovecot, if there is no header either",
    peers: ["dovecot"],
    inOurs: (shown) => (shown === "" ? "\r\n" : shown),
  },
];

/** LIST and RETR of a peer disagree about the length of a message; mailhost's never do. */
export const SIZE_DIFFERENCE = {
  row: "LIST tells the octets that RETR sends",
  reason:
    "a last line without a line end, an empty message: the peers supply what they do not count (RFC 1939 section 11)",
  /** Octets by which their LIST is short; less than none where Dovecot counts the first dot, which clients take off. */
  least: -1,
  most: 2,
} as const;

const BEFORE = "what stands before the first `From ` line";
const NOT_REFUSED = "one damaged place does not keep the rest of a mailbox from its owner";

export const COUNT_DIFFERENCES: readonly CountDifference[] = [
  {
    row: "lines that end in CR LF",
    reason: "a whole mailbox of them is read as what it is: no message hides in another",
    peer: "popa3d",
    mailbox: "lines that end in CR LF",
    ours: 2,
    theirs: 1,
  },
  ...["internal data first", "internal data alone"].map(
    (mailbox, i): CountDifference => ({
      row: "the message in which UW's programs keep their notes",
      reason: "it is shown, as popa3d does: nothing that lies in the mailbox is hidden",
      peer: "dovecot",
      mailbox,
      ours: i === 0 ? 2 : 1,
      theirs: i === 0 ? 1 : 0,
    }),
  ),
  {
    row: "`Content-Length`",
    reason: "a length that lies would hide mail; deliveries quote `From ` lines instead",
    peer: "dovecot",
    mailbox: "a Content-Length that hides a From line",
    ours: 2,
    theirs: 1,
  },
  {
    row: "a `From ` line behind no empty line",
    reason: "it may be text; every delivery puts an empty line before it",
    peer: "dovecot",
    mailbox: "a From line behind no empty line",
    ours: 1,
    theirs: 2,
  },
  {
    row: "a `From ` line without a date",
    reason: "it is text: a message is not torn in two",
    peer: "popa3d",
    mailbox: "a From line without a date behind an empty line",
    ours: 1,
    theirs: 2,
  },
  ...(["dovecot", "popa3d"] as const).flatMap((peer): CountDifference[] => [
    {
      row: "a `From ` line alone",
      reason: NOT_REFUSED,
      peer,
      mailbox: "a From line alone",
      ours: 1,
      theirs: "refused",
    },
    {
      row: BEFORE,
      reason: NOT_REFUSED,
      peer,
      mailbox: "text before the first From line",
      ours: 1,
      theirs: "refused",
    },
    {
      row: BEFORE,
      reason: NOT_REFUSED,
      peer,
      mailbox: "an empty line before the first From line",
      ours: 1,
      theirs: "refused",
    },
    { row: BEFORE, reason: NOT_REFUSED, peer, mailbox: "no mbox", ours: 0, theirs: "refused" },
  ]),
  {
    row: "a `From ` line alone",
    reason: NOT_REFUSED,
    peer: "popa3d",
    mailbox: "an empty message that is the only one",
    ours: 1,
    theirs: "refused",
  },
  ...["a From line with a two-digit year", "a From line without an address"].map(
    (mailbox): CountDifference => ({
      row: "`From ` lines of other forms",
      reason: "the date tells; a mailbox that begins with one is not refused",
      peer: "dovecot",
      mailbox,
      ours: 1,
      theirs: "refused",
    }),
  ),
];

function inHeader(message: string, change: (header: string) => string): string {
  const end = message.startsWith("\r\n") ? 0 : message.indexOf("\r\n\r\n");
  const header = end < 0 ? message : message.slice(0, end === 0 ? 0 : end + 2);
  return change(header) + message.slice(header.length);
}
