/**
 * Fuzzes the reading of an mbox: the scanner against a slow and obvious one, an index brought up to date after random changes
 * against one made anew, and messages as they are sent against what the scanner announced.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endsInDate, LONGEST_FROM_LINE } from "../../packages/common/src/mbox/from-line.ts";
import { type MessageSpan, scanMbox } from "../../packages/common/src/mbox/scan.ts";
import { slowScan } from "../../packages/common/test/mbox/reference-scan.ts";
import type { MailboxIndex } from "../../packages/pop3/src/maildrop/mailbox-index.ts";
import { refreshIndex } from "../../packages/pop3/src/maildrop/refresh.ts";
import { MessageEncoder } from "../../packages/pop3/src/protocol/message-encoder.ts";
import type { Target } from "./fuzzing.ts";
import { mutated, splitUp } from "./random.ts";

const FROM = "From a@b Tue Nov 24 21:59:01 2026\n";
const WORDS = [
  "\n",
  "\n\n",
  "\r\n",
  "\r",
  ".",
  "\n.\n",
  "From ",
  "\nFrom ",
  ">From ",
  "\n>From ",
  "\n>>From ",
  "\0",
  "\0".repeat(64),
  "é",
  FROM,
  `\n${FROM}`,
  `\n\n${FROM}`,
  `\r\n\r\n${FROM.replace("\n", "\r\n")}`,
  "From a@b Tue Nov 24 21:59 2026\n",
  "From a@b Tue, Nov 4 1:59:01 +0800 2026 remote from x\n",
  "Subject: s\n",
  "X-UIDL: abcdefghijklm\n",
  "Status: RO\n",
  "Content-Length: 5\n",
  " continued\n",
  "x".repeat(300),
];
/** The fingerprint covers every byte of files of this length, whatever the clock of the file system. */
const LONGEST = 8000;

/** The target. */
export function mboxTarget(): Target {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-fuzz-"));
  const path = join(folder, "mbox");
  return {
    name: "mbox",
    words: WORDS,
    longest: LONGEST,
    async run(input, random) {
      writeFileSync(path, input);
      const file = await open(path, "r+");
      try {
        const text = input.toString("latin1");
        const expected = slowScan(text, LONGEST_FROM_LINE, (line) => {
          const bytes = Buffer.from(line, "latin1");
          return line.startsWith("From ") && endsInDate(bytes, 0, bytes.length);
        });
        const spans = await spansOf(file, input.length, 1 + random.below(200));
        assert.deepEqual(
          spans.map(({ start, head, body, end, octets }) => ({ start, head, body, end, octets })),
          expected.map(({ sent, ...rest }) => ({ ...rest, octets: sent.length })),
        );
        for (const [i, { head, end, octets }] of spans.entries()) {
          const encoder = new MessageEncoder();
          const out = splitUp(random, input.subarray(head, end)).map((piece) =>
            Buffer.from(encoder.encode(piece)),
          );
          const sent = Buffer.concat([...out, encoder.finish()]).toString("latin1");
          assert.equal(encoder.octets, end === head ? 0 : octets);
          assert.equal(sent.replace(/(^|\n)\./g, "$1"), expected[i]!.sent);
        }
        const other = random.below(2) === 0 ? input.subarray(0, random.below(input.length + 1)) : input;
        const changed =
          random.below(2) === 0 ? mutated(random, [input], [Buffer.from(FROM)], LONGEST) : other;
        const appended = Buffer.concat([changed, mutated(random, [input], [Buffer.from(FROM)], 500)]);
        let index: MailboxIndex = (await refreshIndex(file, undefined)).index;
        for (const content of [input, changed, appended.subarray(0, LONGEST), input]) {
          await rewrite(file, content);
          index = (await refreshIndex(file, index)).index;
          const fresh = (await refreshIndex(file, undefined)).index;
          assert.deepEqual(shape(index), shape(fresh));
          const uids: string[] = [...index.messages].map(({ uid }) => uid);
          assert.equal(new Set(uids).size, uids.length);
        }
        const flags = [/\r\n/, /\0/, /\n>+From /, /X-UIDL/, /[^\n]$/].map((flag) =>
          flag.test(text) ? 1 : 0,
        );
        const junk = spans[0] === undefined ? "none" : spans[0].start > 0 ? "junk" : "clean";
        return `${Math.min(spans.length, 9)} ${junk} ${flags.join("")}`;
      } finally {
        await file.close();
      }
    },
    close: () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

async function spansOf(file: FileHandle, size: number, block: number): Promise<MessageSpan[]> {
  const spans: MessageSpan[] = [];
  const tuning = { block, fromLine: LONGEST_FROM_LINE };
  for await (const some of scanMbox(file, 0, size, true, tuning)) spans.push(...some);
  return spans;
}

/** Appends where the content begins with what is there, as deliveries do; else everything is written anew. */
async function rewrite(file: FileHandle, content: Buffer): Promise<void> {
  const { size } = await file.stat();
  const before = Buffer.alloc(size);
  await file.read(before, 0, size, 0);
  if (content.subarray(0, size).equals(before)) {
    await file.write(content, size, content.length - size, size);
    return;
  }
  await file.truncate(0);
  await file.write(content, 0, content.length, 0);
}

function shape({ messages }: MailboxIndex): unknown[] {
  return [...messages].map(({ start, head, body, end, octets, digest }) => [
    start,
    head,
    body,
    end,
    octets,
    digest,
  ]);
}
