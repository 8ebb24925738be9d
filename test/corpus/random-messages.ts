/**
 * Messages put together by chance from awkward pieces, so that the pieces meet in ways nobody thought of.
 */
import type { CorpusMessage } from "./corpus.ts";
import { type Random, randomFrom } from "./random.ts";

const FIELDS = [
  "From: a@example.net",
  "To: undisclosed-recipients:;",
  "Subject: =?utf-8?q?=E4=BD=A0?=",
  "Subject:",
  "X-Empty: ",
  "X-Folded: one\r\n two\r\n\tthree",
  "Message-ID: <x@y>",
  "received: from q",
  "X-8bit: \xff\xfe",
  "Status: O",
];

const LINES = [
  "",
  ".",
  "..",
  ".x",
  "From x",
  ">From x",
  "From a@b Tue Nov 24 21:59:01 2026",
  " ",
  "\t",
  "\r",
  "a\rb",
  "\0",
  "--",
  "text",
];

const LINE_ENDS = ["\r\n", "\r\n", "\r\n", "\r\n", "\n"];

function line(random: Random): string {
  if (random.chance(0.6)) return random.pick(LINES);
  // Any octet but the two of a line end.
  const bytes = random.bytes(random.integer(0, random.chance(0.05) ? 20_000 : 120));
  return bytes.toString("latin1").replaceAll(/[\r\n]/g, "?");
}

function oneMessage(random: Random): Buffer {
  const lineEnd = () => random.pick(LINE_ENDS);
  const text: string[] = [];
  if (random.chance(0.9)) {
    for (let n = random.integer(1, 20); n > 0; n--) text.push(random.pick(FIELDS), "\r\n");
    text.push("\r\n");
  }
  for (let n = random.integer(0, random.chance(0.1) ? 3000 : 60); n > 0; n--)
    text.push(line(random), lineEnd());
  if (random.chance(0.3)) text.push(line(random));
  return Buffer.from(text.join(""), "latin1");
}

/** That many of them. */
export function randomMessages(seed: number, count: number): CorpusMessage[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, i) => ({
    name: `random ${i} of seed ${seed}`,
    bytes: oneMessage(random),
  }));
}
