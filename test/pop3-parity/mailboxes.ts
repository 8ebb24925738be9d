/**
 * The mailboxes that all servers are given: some written down, each about one thing, the corpus as an mbox, and two hundred put
 * together by chance, the same ones in every run.
 */
import fc from "fast-check";
import { asFetched, corpus } from "../corpus/corpus.ts";

/** A mailbox and what to call it. */
export interface Mailbox {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Another can be given to look further. */
export const SEED = Number(process.env.MAILHOST_PARITY_SEED ?? 20_261_127);
const GENERATED = 200;
/** Messages of the corpus in one mailbox: if one is misread, those behind it are still looked at. */
const TOGETHER = 12;

const DATE = "Tue Nov 24 21:59:01 2026";
const HEADER = "From: a@example.net\nTo: b@example.net\nSubject: x\n";

/** `From ` lines that all three take for the start of a message. */
const FROM_LINES = [
  `From a@example.net ${DATE}`,
  `From a@example.net  ${DATE}`,
  "From MAILER-DAEMON Tue Nov  3 01:02:03 2026",
  "From a Tue Nov 24 21:59:01 2026",
  "From a@example.net Tue Nov 24 21:59 2026",
  "From a@example.net Tue Nov 24 21:59:01 CST 2026",
  "From a@example.net Tue Nov 24 21:59:01 2026 +0800",
  "From a@example.net Tue Nov 24 21:59:01 +0800 2026",
  'From "a b"@example.net Tue Nov 24 21:59:01 2026',
] as const;

const FIELDS = [
  "Subject: x",
  "Subject:",
  "X-Folded: one\n two\n\tthree",
  "X-8bit: \xff\xfe",
  "Message-ID: <x@y>",
  "Received: from q by r; Tue, 24 Nov 2026 21:59:01 +0800",
  "Content-Type: text/plain; charset=utf-8",
  `X-Long: ${"h".repeat(3000)}`,
  ".X-Dot: y",
] as const;

/** What programs that share a mailbox write into its headers. */
const MARKS = [
  "Status: RO",
  "Status: O",
  "X-Status: A",
  "X-Keywords: $Label1",
  "X-UID: 17",
  "X-UIDL: 0123456789abcdef0123456789abcdef",
  "Content-Length: 10",
  "Content-Length: 99999",
  "Lines: 3",
] as const;

const LINES = [
  "",
  "",
  "text",
  ".",
  "..",
  ".x",
  "...",
  " ",
  "\t",
  "From x",
  "From: x",
  ">From x",
  ">>From x",
  "> From x",
  ">From",
  " From x",
  "a\rb",
  "\r",
  "\x01\x7f",
  "\xe4\xbd\xa0 8 bit \x80\xff",
  "x".repeat(998),
  "y".repeat(5000),
  `${".".repeat(2000)}`,
  "z".repeat(70_000),
] as const;

/** Lines of a body; a `From ` line behind an empty one would be another message. */
const body = fc
  .array(fc.oneof(fc.constantFrom(...LINES), fc.stringMatching(/^[ -~]{0,80}$/)), { maxLength: 30 })
  .map((lines) => {
    const kept: string[] = [];
    for (const line of lines) if (!line.startsWith("From ") || (kept.at(-1) ?? "") !== "") kept.push(line);
    return kept;
  });

const header = fc.record({
  fields: fc.array(fc.constantFrom(...FIELDS), { minLength: 1, maxLength: 6 }),
  marks: fc.oneof(
    { weight: 2, arbitrary: fc.constant<string[]>([]) },
    fc.array(fc.constantFrom(...MARKS), { maxLength: 3 }),
  ),
  marksFirst: fc.boolean(),
});

const message = fc
  .record({ from: fc.constantFrom(...FROM_LINES), header, body })
  .map(({ from, header: { fields, marks, marksFirst }, body: lines }) => {
    const top = marksFirst ? [...marks, ...fields] : [...fields, ...marks];
    return `${[from, ...top, "", ...lines].join("\n")}\n`;
  });

/** The message that UW's programs put first to keep their notes in; it is nobody's mail. */
const INTERNAL = `From MAILER-DAEMON ${DATE}
Date: 24 Nov 2026 21:59:01 +0800
From: Mail System Internal Data <MAILER-DAEMON@example.net>
Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA
Message-ID: <1@example.net>
X-IMAP: 1448373541 0000000010
Status: RO

This text is part of the internal format of your mail folder, and is not
a real message.  It is created automatically by the mail system software.
`;

const mailbox = fc
  .record({
    messages: fc.array(message, { maxLength: 7 }),
    end: fc.constantFrom("\n", "\n", "\n", ""),
  })
  .map(({ messages, end }) => {
    const text = messages.join("\n");
    // A last line that is a CR may be the empty line at the end or not; then it is there.
    return messages.length === 0 ? "" : `${text}${text.endsWith("\r\n") ? "\n" : end}`;
  });

const one = (text: string, from: string = FROM_LINES[0]) => `${from}\n${text}`;

/** Each is about one thing. */
const SPECIAL: Readonly<Record<string, string>> = {
  nothing: "",
  "one message": `${one(`${HEADER}\ntext\n`)}\n`,
  "no final line end": one(`${HEADER}\ntext`),
  "no final line end, and another before": `${one(`${HEADER}\ntext\n`)}\n${one(`${HEADER}\ntext`)}`,
  "no empty line at the end": one(`${HEADER}\ntext\n`),
  "many empty lines at the end": one(`${HEADER}\ntext\n\n\n\n\n`),
  "nothing but a header": `${one(HEADER)}\n${one(HEADER)}\n`,
  "an empty body": `${one(`${HEADER}\n`)}\n${one(`${HEADER}\n`)}\n`,
  "no header": `${one("\ntext\n")}\n${one("\ntext\n")}\n`,
  "an empty message": `${one("")}\n${one(`${HEADER}\ntext\n`)}\n${one("")}\n`,
  "an empty message that is the only one": one(""),
  "a From line alone": FROM_LINES[0],
  "a line as long as a file": `${one(`${HEADER}\n${"x".repeat(1_000_000)}\n`)}\n`,
  "all dots": `${one(`${HEADER}\n${".\n".repeat(5000)}`)}\n`,
  "quoted From lines": `${one(`${HEADER}\n>From x\n>>From y\n>>>From z\n> From a\n`)}\n`,
  "quoted From lines in a header": `${one(`>From x\n${HEADER}\ntext\n`)}\n`,
  "a NUL": `${one(`${HEADER}\na\0b\n\0\n`)}\n`,
  "lines that end in CR LF": `${one(`${HEADER}\ntext\n.\n`)}\n${one(`${HEADER}\ntext\n`)}\n`.replaceAll(
    "\n",
    "\r\n",
  ),
  "lines of a body that end in CR LF": `${one(`${HEADER}\ntext\r\n.\r\nmore\n`)}\n`,
  "a CR before the end": one(`${HEADER}\ntext\r`),
  "internal data first": `${INTERNAL}\n${one(`${HEADER}\ntext\n`)}\n`,
  "internal data alone": `${INTERNAL}\n`,
  "X-IMAPbase in a real message": `${one(`${HEADER}X-IMAPbase: 1448373541 0000000002\nX-UID: 1\nStatus: O\n\ntext\n`)}\n${one(`${HEADER}X-UID: 2\n\nmore\n`)}\n`,
  "a Content-Length that is right": `${one(`${HEADER}Content-Length: 5\n\ntext\n`)}\n${one(`${HEADER}\nmore\n`)}\n`,
  "a Content-Length that is too long": `${one(`${HEADER}Content-Length: 500\n\ntext\n`)}\n${one(`${HEADER}\nmore\n`)}\n`,
  "a Content-Length that hides a From line": `${one(`${HEADER}Content-Length: ${one(`${HEADER}\nmore\n`).length + 6}\n\ntext\n\n${one(`${HEADER}\nmore\n`)}`)}\n`,
  "a From line in a body": `${one(`${HEADER}\ntext\nFrom here on\nmore\n`)}\n`,
  "a From line behind no empty line": `${one(`${HEADER}\ntext\n`)}${one(`${HEADER}\nmore\n`)}\n`,
  "a From line without a date behind an empty line": `${one(`${HEADER}\ntext\n\nFrom here on\nmore\n`)}\n`,
  "a From line with a zone in words": `${one(`${HEADER}\ntext\n`, "From a@example.net Tue Nov 24 21:59:01 2026 EST")}\n`,
  "a From line of UUCP": `${one(`${HEADER}\ntext\n`, `From a ${DATE} remote from b`)}\n`,
  "a From line with a two-digit year": `${one(`${HEADER}\ntext\n`, "From a@example.net Tue Nov 24 21:59:01 26")}\n`,
  "a From line with an RFC 5322 date": `${one(`${HEADER}\ntext\n`, "From a@example.net Tue, 24 Nov 2026 21:59:01 +0800")}\n`,
  "a From line without an address": `${one(`${HEADER}\ntext\n`, `From ${DATE}`)}\n`,
  "a From line with a long address": `${one(`${HEADER}\ntext\n`, `From ${"a".repeat(400)} ${DATE}`)}\n`,
  "text before the first From line": `no message\n\n${one(`${HEADER}\ntext\n`)}\n`,
  "an empty line before the first From line": `\n${one(`${HEADER}\ntext\n`)}\n`,
  "no mbox": "no message\n",
  "a header that is no header": `${one("not a field\nSubject: x\n\ntext\n")}\n`,
  "a thousand messages": `${one(`${HEADER}\ntext\n`)}\n`.repeat(1000),
};

/** All of them. */
export function mailboxes(): readonly Mailbox[] {
  const special = Object.entries(SPECIAL).map(([name, text]) => ({ name, text }));
  const generated = fc
    .sample(mailbox, { seed: SEED, numRuns: GENERATED })
    .map((text, i) => ({ name: `generated ${i}`, text }));
  return [...special, ...corpusBoxes(), ...generated].map(({ name, text }) => ({
    name,
    bytes: Buffer.from(text, "latin1"),
  }));
}

/** The corpus as this and other local mailers would have written it. */
function corpusBoxes(): { name: string; text: string }[] {
  const messages = corpus().map(({ bytes }) => {
    const text = asFetched(bytes).toString("latin1").replaceAll("\r\n", "\n");
    return `${FROM_LINES[0]}\n${text.replaceAll(/^(>*From )/gm, ">$1")}\n`;
  });
  return Array.from({ length: Math.ceil(messages.length / TOGETHER) }, (_, i) => ({
    name: `corpus ${i * TOGETHER} and on`,
    text: messages.slice(i * TOGETHER, (i + 1) * TOGETHER).join(""),
  }));
}
