import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import type { MessageSpan } from "../../src/mbox/scan.ts";
import { scanMbox } from "../../src/mbox/scan.ts";
import { temporarySite } from "./mailbox-fixture.ts";
import { slowScan } from "./reference-scan.ts";

const FROM = "From a@b Tue Nov 24 21:59:01 2026\n";
const TIGHT = 40;

async function scan(
  path: string,
  options: { from?: number; to?: number; block?: number; slice?: number } = {},
): Promise<MessageSpan[]> {
  const file = await open(path, "r");
  try {
    const { from = 0, block, slice } = options;
    const to = options.to ?? (await file.stat()).size;
    const tuning =
      block === undefined ? undefined : { block, fromLine: TIGHT, ...(slice === undefined ? {} : { slice }) };
    const spans: MessageSpan[] = [];
    for await (const some of scanMbox(file, from, to, from === 0, tuning)) spans.push(...some);
    return spans;
  } finally {
    await file.close();
  }
}

const piece = fc.constantFrom(
  "\n",
  "\n\n",
  "F",
  "From ",
  "From x\n",
  ">",
  ">>From ",
  "\n>From ",
  "\r",
  "\r\n",
  "a",
  "A: b\n",
  FROM,
  `\n\n${FROM}`,
  "From Mon Nov 2 01:02 1999\n",
  "From a long sender with spaces @b Tue Nov 24 21:59:01 2026\n",
);

test("scanning agrees with the slow and obvious way, however the blocks fall", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 30 }),
      fc.integer({ min: 1, max: 70 }),
      fc.integer({ min: 1, max: 70 }),
      async (pieces, block, slice) => {
        const text = pieces.join("");
        writeFileSync(path, text, "latin1");
        const found = (await scan(path, { block, slice })).map(({ digest, seen: _seen, ...rest }) => ({
          ...rest,
          hash: digest.length,
        }));
        const expected = slowScan(text, TIGHT).map(({ sent, ...rest }) => ({
          ...rest,
          octets: sent.length,
          hash: 32,
        }));
        assert.deepEqual(found, expected);
      },
    ),
    { numRuns: 1500 },
  );
});

test("a digest does not depend on where blocks end, nor on what follows the message", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 20 }),
      fc.integer({ min: 1, max: 70 }),
      async (pieces, block) => {
        const text = FROM + pieces.join("");
        writeFileSync(path, text, "latin1");
        const alone = (await scan(path)).map(({ digest }) => digest);
        const blocks: MessageSpan[] = [];
        const file = await open(path, "r");
        for await (const some of scanMbox(file, 0, text.length, true, { block, fromLine: 1000 }))
          blocks.push(...some);
        await file.close();
        assert.deepEqual(
          blocks.map(({ digest }) => digest),
          alone,
        );
        const missing = /\n\r?\n$/.test(text) ? "" : text.endsWith("\n") ? "\n" : "\n\n";
        writeFileSync(path, `${text}${missing}${FROM}A: b\n\n`, "latin1");
        const followed = (await scan(path)).map(({ digest }) => digest);
        assert.deepEqual(followed.slice(0, -1), alone);
      },
    ),
    { numRuns: 300 },
  );
});

test("a scan from an old end of the file finds what a scan of the whole finds behind it", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 25 }), fc.nat(), async (pieces, cut) => {
      const text = pieces.join("");
      writeFileSync(path, text, "latin1");
      const from = text.length === 0 ? 0 : cut % (text.length + 1);
      const whole = await scan(path, { block: 16 });
      assert.deepEqual(
        await scan(path, { from, block: 16 }),
        whole.filter(({ start }) => start >= from),
      );
    }),
    { numRuns: 500 },
  );
});

test("the digest ignores what mail readers change, and nothing else", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  const digest = async (header: string, body = "text\n") => {
    writeFileSync(path, `${FROM}${header}\n${body}\n`, "latin1");
    const [span] = await scan(path);
    return span!.digest;
  };
  const plain = await digest("Subject: a\nTo: b\n");
  assert.equal(plain.length, 32);
  const changed = [
    "Status: RO\nSubject: a\nTo: b\n",
    "Status: R\rO\r\nSubject: a\nTo: b\n",
    "Subject: a\nX-UIDL: abc\nX-UID: 7\nTo: b\nx-status: A\n",
    "Subject: a\nTo: b\nX-Keywords: one\n two\n\tthree\nContent-Length: 5\nLines: 1\nX-IMAPbase: 1 2\nX-IMAP: 3\n",
  ];
  for (const header of changed) assert.equal(await digest(header), plain, header);
  assert.notEqual(await digest("Subject: a2\nTo: b\n"), plain);
  assert.notEqual(await digest("Subject: a\nTo: b\nX-Status2: c\n"), plain);
  assert.notEqual(await digest("Subject: a\nTo: b\n", "text2\n"), plain);
});

test("the X-UIDL field is told when POP3 could have given it", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  const uidl = async (field: string) => {
    writeFileSync(path, `${FROM}Subject: a\n${field}\nTo: b\n\ntext\n\n`, "latin1");
    return (await scan(path))[0]!.uidl;
  };
  assert.equal(await uidl('X-UIDL: abc!"#$~'), 'abc!"#$~');
  assert.equal(await uidl("x-uidl:\t123 "), "123");
  assert.equal(await uidl(`X-UIDL: ${"a".repeat(70)}`), "a".repeat(70));
  assert.equal(await uidl(`X-UIDL: ${"a".repeat(71)}`), undefined);
  assert.equal(await uidl("X-UIDL: two words"), undefined);
  assert.equal(await uidl("X-UIDL: \xe9"), undefined);
  assert.equal(await uidl("Subject: X-UIDL: abc"), undefined);
});

test("a header of 10,000 lines and one message of 40 MiB are measured in constant memory", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  const header = "X-Line: something to fill it with\n".repeat(10_000);
  const line = `${"x".repeat(71)}\n`;
  const lines = Math.ceil((40 * 1024 * 1024) / line.length);
  writeFileSync(path, `${FROM}${header}\n${line.repeat(lines)}\n`, "latin1");
  const before = process.memoryUsage().arrayBuffers;
  const file = await open(path, "r");
  const spans: MessageSpan[] = [];
  for await (const some of scanMbox(file, 0, (await file.stat()).size)) spans.push(...some);
  await file.close();
  assert.ok(process.memoryUsage().arrayBuffers - before < 4 * 1024 * 1024);
  const [span] = spans;
  assert.equal(spans.length, 1);
  assert.equal(span!.octets, header.length + 10_000 + 2 + lines * (line.length + 1));
  assert.equal(span!.body - span!.head, header.length + 1);
});

test("a file that shrinks while it is read ends where it ends", async (t) => {
  const path = join(temporarySite(t).root, "mbox");
  writeFileSync(path, `${FROM}A: b\n\nc\n`, "latin1");
  const spans = await scan(path, { to: 5000 });
  assert.deepEqual(
    spans.map(({ end, octets }) => [end, octets]),
    [[FROM.length + 8, 11]],
  );
});
