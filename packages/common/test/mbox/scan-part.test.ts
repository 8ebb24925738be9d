import assert from "node:assert/strict";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { FoundMessages } from "../../src/mbox/found-messages.ts";
import { type MessageSpan, scanMbox } from "../../src/mbox/scan.ts";
import { scanPart } from "../../src/mbox/scan-part.ts";
import { scanInThreads } from "../../src/mbox/scan-threads.ts";
import { temporarySite } from "./mailbox-fixture.ts";

const FROM = "From a@b Tue Nov 24 21:59:01 2026\n";
const TIGHT = 34;

const piece = fc.constantFrom(
  "\n",
  "\r\n",
  "\r",
  "F",
  "From x\n",
  "\n>From ",
  "a",
  "A: b\n",
  "Status: RO\n",
  "X-UIDL: one\n",
  FROM,
  `\n\n${FROM}`,
  `\n\n${FROM.slice(0, -1)}\r\n`,
  `\r\n\r\n${FROM}`,
  `\n\r\n${FROM}`,
  `\n\n${FROM.slice(0, 12)}`,
  "x".repeat(90),
);

async function whole(path: string, oldStyleIds = false): Promise<MessageSpan[]> {
  const file = await open(path, "r");
  try {
    const spans: MessageSpan[] = [];
    const { size } = await file.stat();
    for await (const some of scanMbox(file, 0, size, true, { fromLine: TIGHT, oldStyleIds }))
      spans.push(...some);
    return spans;
  } finally {
    await file.close();
  }
}

test("the parts of a mailbox give what the whole of it does, wherever it is divided and however the blocks fall", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 30 }),
      fc.array(fc.nat(900), { maxLength: 6 }),
      fc.integer({ min: 1, max: 70 }),
      fc.boolean(),
      async (pieces, places, block, oldStyleIds) => {
        const text = pieces.join("");
        writeFileSync(path, text, "latin1");
        const cuts = [...new Set(places.map((place) => place % (text.length + 1)))].sort((a, b) => a - b);
        const ends = [0, ...cuts.filter((cut) => cut > 0 && cut < text.length), text.length];
        const fd = openSync(path, "r");
        const rest = { fd, to: text.length, fromLine: TIGHT, oldStyleIds, block };
        const parts = ends
          .slice(1)
          .map((until, i) => scanPart({ ...rest, from: ends[i]!, until, atStart: i === 0 }));
        closeSync(fd);
        assert.deepEqual(
          FoundMessages.of(parts).drain(),
          await whole(path, oldStyleIds),
          JSON.stringify(text),
        );
      },
    ),
    { numRuns: 2000 },
  );
});

test("threads scan the parts of a mailbox side by side, messages longer than a part among them", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  const letters = Array.from({ length: 400 }, (_, i) => {
    const body = `${"From here on\n>From there\nline\n".repeat(i % 50 === 7 ? 4000 : i % 40)}\n`;
    return `${FROM}A: ${i}\n${i % 9 === 0 ? "Status: R\n" : ""}\n${body}`;
  });
  writeFileSync(path, letters.join(""), "latin1");
  const file = await open(path, "r");
  t.after(() => file.close());
  const { size } = await file.stat();
  const tuning = { fromLine: TIGHT };
  const found = await scanInThreads({ file, from: 0, to: size, atStart: true, tuning }, 20_000);
  const expected = await whole(path);
  assert.equal(expected.length, 400);
  assert.deepEqual(found.drain(), expected);
  // From an old end of the file, or a message that is known.
  const from = expected[123]!.start;
  const behind = await scanInThreads({ file, from, to: size, atStart: true, tuning }, 20_000);
  assert.deepEqual(behind.drain(), expected.slice(123));
  const nothing = await scanInThreads({ file, from: size, to: size, atStart: false, tuning }, 20_000);
  assert.equal(nothing.count, 0);
});

test("what cannot be read is an error of the system, and the next mailbox is scanned all the same", async (t) => {
  const folder = await open(temporarySite(t).root, "r");
  t.after(() => folder.close());
  const order = { from: 0, to: 100_000, atStart: true, tuning: { fromLine: TIGHT } };
  await assert.rejects(scanInThreads({ ...order, file: folder }, 20_000), { code: "EISDIR" });
  const path = join(temporarySite(t).root, "mbox");
  writeFileSync(path, `${FROM}A: b\n\nx\n\n`.repeat(2000), "latin1");
  const file = await open(path, "r");
  t.after(() => file.close());
  const found = await scanInThreads({ ...order, file, to: (await file.stat()).size }, 20_000);
  assert.equal(found.count, 2000);
});
