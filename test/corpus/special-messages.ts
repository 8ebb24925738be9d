/**
 * Messages written down one by one, each for one thing that has gone wrong in a mail program somewhere.
 */
import type { CorpusMessage } from "./corpus.ts";

const HEADER = "From: a@example.net\r\nTo: b@example.net\r\nSubject: corpus\r\n";

/** A message with the usual header and a body of Latin-1 text. */
function body(name: string, text: string): CorpusMessage {
  return { name, bytes: Buffer.from(`${HEADER}\r\n${text}`, "latin1") };
}

/** A message as it stands. */
function whole(name: string, text: string): CorpusMessage {
  return { name, bytes: Buffer.from(text, "latin1") };
}

const FROM_LINE = "From wang Tue Nov 24 21:59:01 2026";

const DOTS: readonly CorpusMessage[] = [
  body("a line of one dot", ".\r\n"),
  body("lines of one to six dots", ".\r\n..\r\n...\r\n....\r\n.....\r\n......\r\n"),
  body("a dot that begins the body", ".a\r\nb\r\n"),
  body("a dot that ends the body, no line end", "a\r\n."),
  body("a dot and a space", ". \r\n .\r\n"),
  body("dots after an empty line", "\r\n.\r\n\r\n.\r\n"),
  body("ten thousand lines of dots", ".\r\n".repeat(10_000)),
  body("a quoted end of data", "DATA\r\n.\r\nQUIT\r\n"),
  whole("a message that is a dot", ".\r\n"),
  whole("a message that is two dots", "..\r\n"),
];

const FROM_LINES: readonly CorpusMessage[] = [
  body("From at the start of the body", "From here on\r\n"),
  body("From after an empty line", `x\r\n\r\nFrom here on\r\n`),
  body("a whole separator line", `x\r\n\r\n${FROM_LINE}\r\nSubject: forged\r\n\r\nforged\r\n`),
  body("a separator line that ends the message", `x\r\n\r\n${FROM_LINE}\r\n`),
  body("quoted From", ">From a\r\n>>From b\r\n>>>From c\r\n > From d\r\n"),
  body("a quoted separator line", `\r\n>${FROM_LINE}\r\n>>${FROM_LINE}\r\n`),
  body("From in small letters, and without a space", "from a\r\nFrom\r\nFrom\tb\r\nFromage \r\n"),
  body("From after a bare LF", "x\n\nFrom the LF\n"),
  body("From after a bare CR", "x\r\rFrom the CR\r\n"),
  body("a thousand separator lines", `\r\n${FROM_LINE}\r\n`.repeat(1000)),
  whole("a separator line before the header", `${FROM_LINE}\r\n${HEADER}\r\nx\r\n`),
  whole("a quoted separator line in the header", `${HEADER}>${FROM_LINE}\r\nX-After: y\r\n\r\nx\r\n`),
  whole("a header field that is called From", `From : odd\r\nfrom: b\r\n\r\nx\r\n`),
];

const ENDS: readonly CorpusMessage[] = [
  body("an empty body", ""),
  body("a body of one empty line", "\r\n"),
  body("a body of fifty empty lines", "\r\n".repeat(50)),
  body("one trailing empty line", "x\r\n\r\n"),
  body("two trailing empty lines", "x\r\n\r\n\r\n"),
  body("trailing blanks and tabs", "x  \t \r\n   \r\n\t\r\n"),
  body("no line end at the end", "no line end"),
  body("one letter", "x"),
  whole("a header and no body, not even its empty line", HEADER),
  whole("one field and nothing else", "Subject: x\r\n"),
  whole("no header: a body alone", "just text\r\nand more\r\n"),
  whole("no header: an empty line first", "\r\ntext: that looks like a field\r\n"),
  whole("no header: it begins with a blank", " folded to nothing\r\nSubject: late\r\n\r\nx\r\n"),
  whole("an empty line and nothing else", "\r\n"),
  whole("five empty lines and nothing else", "\r\n".repeat(5)),
  whole("a header whose last line is no field", `${HEADER}this is no field\r\n\r\nx\r\n`),
  whole("a colon first", ": no name\r\n\r\nx\r\n"),
];

const LINE_ENDS: readonly CorpusMessage[] = [
  {
    name: "all bare LF",
    bytes: Buffer.from(`${HEADER}\r\none\r\ntwo\r\n`.replaceAll("\r\n", "\n"), "latin1"),
  },
  body("LF and CRLF by turns", "a\nb\r\nc\nd\r\n\n\r\n\n"),
  body("a bare CR inside a line", "a\rb\r\n"),
  body("a bare CR at the start of a line", "\ra\r\n"),
  body("CR CR LF", "a\r\r\nb\r\r\r\n\r\r\n"),
  body("only CR", "\r\r\r\r\r"),
  body("LF CR by turns", "a\n\rb\n\r\n\r"),
  body("a CR that ends the message", "a\r"),
  body("form feed, vertical tab, NEL and the rest", "\x0b\x0c\x85\x1a\x04\x1b[0m\x7f\r\n"),
  body("NULs", "a\0b\r\n\0\r\n\0\0\0\r\n"),
  body("a line of a thousand NULs", `${"\0".repeat(1000)}\r\n`),
  body("NUL beside line ends", "\0\r\n\r\0\n\0\r\n"),
  whole("a bare CR in the header", `${HEADER}X-Odd: a\rb\r\n\r\nx\r\n`),
  whole("a NUL in the header", `${HEADER}X-Odd: a\0b\r\n\r\nx\r\n`),
];

const LENGTHS: readonly CorpusMessage[] = [
  ...[76, 77, 998, 999, 1000, 1001, 1024, 4096, 8191, 8192, 8193, 65_535, 65_536, 65_537, 100_000].map((n) =>
    body(`a line of ${n} letters`, `before\r\n${"x".repeat(n)}\r\nafter\r\n`),
  ),
  body("ten lines of 100,000 letters", `${"y".repeat(100_000)}\r\n`.repeat(10)),
  body("a line of 100,000 letters without a line end", "z".repeat(100_000)),
  body("a long line that hides a From", `${"x".repeat(70_000)}\r\nFrom there\r\n`),
  body("a long line of dots", `${".".repeat(50_000)}\r\n`),
  ...[65_000, 65_400, 65_536, 65_600, 131_072].map((n) =>
    body(`around what is kept in memory: ${n} octets`, `${"w".repeat(70)}\r\n`.repeat(Math.ceil(n / 72))),
  ),
  body("a thousand short lines", "a\r\n".repeat(1000)),
  whole("a header field of 100,000 letters", `${HEADER}X-Long: ${"h".repeat(100_000)}\r\n\r\nx\r\n`),
  whole("a field folded over 5,000 lines", `${HEADER}X-Folded: a\r\n${" folded\r\n".repeat(5000)}\r\nx\r\n`),
  whole("10,000 header fields", `${HEADER}${manyFields(10_000)}\r\nx\r\n`),
  whole("10,000 header fields and no body", manyFields(10_000)),
  whole("29 Received fields", `${receivedFields(29)}${HEADER}\r\nx\r\n`),
];

const BYTES: readonly CorpusMessage[] = [
  body(
    "every octet but CR and LF",
    octets((byte) => byte !== 10 && byte !== 13),
  ),
  body(
    "every octet from 128 on, a line each",
    octets((byte) => byte > 127, "\r\n"),
  ),
  { name: "UTF-8 in the header", bytes: Buffer.from(`${HEADER}X-Name: 企业邮件服务器\r\n\r\n你好\r\n`) },
  {
    name: "Latin-1 in the header",
    bytes: Buffer.from(`${HEADER}X-Name: Gr\xfc\xdfe\r\n\r\n\xe4\xf6\xfc\r\n`, "latin1"),
  },
  {
    name: "broken UTF-8",
    bytes: Buffer.from(`${HEADER}X-Name: \xc3\r\n\r\n\xe4\xb8\r\n\xff\xfe\r\n`, "latin1"),
  },
  {
    name: "UTF-16, LE",
    bytes: Buffer.concat([
      Buffer.from(`${HEADER}\r\n`),
      Buffer.from("\ufeff你好\r\n.\r\nFrom x\r\n", "utf16le"),
    ]),
  },
  {
    name: "UTF-16, BE",
    bytes: Buffer.concat([
      Buffer.from(`${HEADER}\r\n`),
      Buffer.from("\ufeff你好\r\nFrom x\r\n", "utf16le").swap16(),
    ]),
  },
  { name: "a byte order mark before the header", bytes: Buffer.from(`\ufeff${HEADER}\r\nx\r\n`) },
  whole("a field name of odd letters", "X-!#$%&'*+-.^_`|~: y\r\n\r\nx\r\n"),
  whole(
    "a Return-Path and a Status of its own",
    `Status: RO\r\nX-UIDL: own\r\nContent-Length: 3\r\n${HEADER}\r\nx\r\n`,
  ),
  whole(
    "a Content-Length that lies",
    `Content-Length: 99999\r\nLines: 7\r\n${HEADER}\r\nx\r\n\r\n${FROM_LINE}\r\ny\r\n`,
  ),
];

/** All of them. */
export function specialMessages(): readonly CorpusMessage[] {
  return [...DOTS, ...FROM_LINES, ...ENDS, ...LINE_ENDS, ...LENGTHS, ...BYTES];
}

function manyFields(count: number): string {
  return Array.from({ length: count }, (_, i) => `X-Field-${i}: value ${i}\r\n`).join("");
}

function receivedFields(count: number): string {
  return Array.from(
    { length: count },
    (_, i) =>
      `Received: from h${i}.example (h${i}.example [192.0.2.${i}])\r\n\tby h${i + 1}.example; Tue, 24 Nov 2026 21:59:01 +0800\r\n`,
  ).join("");
}

function octets(wanted: (byte: number) => boolean, between = ""): string {
  const all = Array.from({ length: 256 }, (_, i) => i).filter(wanted);
  return `${all.map((byte) => String.fromCharCode(byte)).join(between)}\r\n`;
}
