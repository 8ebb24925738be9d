/** Messages in columns: what goes in comes out, in memory and from storage, and what is damaged does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { IndexedMessage } from "../../src/maildrop/mailbox-index.ts";
import { CHUNK, decodeChunk, encodeChunk } from "../../src/maildrop/message-chunk.ts";
import { MessageTable, MessageTableBuilder } from "../../src/maildrop/message-table.ts";

/** Messages of 1000 bytes, those of the second chunk far behind; every third has an id of its own. */
function message(i: number, length = 999): IndexedMessage {
  const start = i * 1000 + (i > CHUNK ? 2 ** 40 : 0);
  const digest = i.toString(16).padStart(32, "0");
  const uid = i % 3 === 0 ? `uid-${i}` : digest;
  const end = start + length;
  return { start, head: start + 50, body: start + 500, end, octets: length, digest, uid, seen: i % 2 === 0 };
}

const MESSAGES = Array.from({ length: CHUNK + 10 }, (_, i) => message(i));
const SIZE = 2 ** 41;
const FIRST = { from: 0, after: 0, size: SIZE };

test("messages come out as they were put in, one longer than 4 GiB too", () => {
  const long = [
    ...MESSAGES,
    { ...message(CHUNK + 10, 5 * 2 ** 30), body: message(CHUNK + 10).start + 2 ** 32 },
  ];
  const table = MessageTable.of(long);
  assert.deepEqual([...table], long);
  assert.equal(table.count, long.length);
  assert.equal(
    table.octets,
    long.reduce((sum, { octets }) => sum + octets, 0),
  );
  for (const i of [0, 1, CHUNK - 1, CHUNK, CHUNK + 9]) {
    assert.deepEqual(table.at(i), long[i]);
    assert.equal(table.start(i), long[i]!.start);
    assert.equal(table.uid(i), long[i]!.uid);
    assert.equal(table.octetsOf(i), long[i]!.octets);
  }
  assert.equal(table.at(-1), undefined);
  assert.equal(table.start(table.count), undefined);
  assert.deepEqual(table.last, long.at(-1));
  assert.equal(MessageTable.EMPTY.last, undefined);
});

test("a table made of pieces of others is what the pieces are, moved as they were", () => {
  const many = MessageTable.of(Array.from({ length: 2 * CHUNK + 100 }, (_, i) => message(i)));
  const place = fc.integer({ min: 0, max: many.count });
  const edges = fc.oneof(place, fc.constantFrom(0, CHUNK, 2 * CHUNK, many.count, CHUNK - 1, CHUNK + 1));
  const piece = fc.tuple(edges, edges, fc.constantFrom(0, 0, -500, 7));
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const builder = new MessageTableBuilder();
      const expected: IndexedMessage[] = [];
      for (const [a, b, by] of pieces) {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        builder.copy(many, from, to, by);
        for (let i = from; i < to; i++) {
          const { start, head, body, end, ...rest } = many.at(i)!;
          expected.push({ start: start + by, head: head + by, body: body + by, end: end + by, ...rest });
        }
        builder.add(message(3));
        expected.push(message(3));
      }
      assert.equal(builder.count, expected.length);
      assert.deepEqual([...builder.build()], expected);
    }),
    { numRuns: 60 },
  );
});

test("what stays is shared, not copied", () => {
  const table = MessageTable.of(MESSAGES);
  const builder = new MessageTableBuilder();
  builder.copy(table, 0, table.count - 1);
  assert.equal(builder.build().chunks[0], table.chunks[0]);
});

test("stored chunks come back as they were, wherever their bytes lie in memory", () => {
  const { chunks } = MessageTable.of(MESSAGES);
  const [one, two] = [encodeChunk(chunks[0]!, 0), encodeChunk(chunks[1]!, CHUNK)];
  const first = decodeChunk(one, FIRST)!;
  const odd = Buffer.concat([Buffer.alloc(3), two]).subarray(3);
  const second = decodeChunk(odd, { from: CHUNK, after: MESSAGES[CHUNK - 1]!.end, size: SIZE })!;
  assert.deepEqual([...new MessageTable([first, second])], MESSAGES);
});

test("no damaged byte and no cut goes unnoticed", () => {
  const chunk = encodeChunk(MessageTable.of(MESSAGES.slice(0, 4)).chunks[0]!, 0);
  for (let i = 0; i < chunk.length; i++) {
    const damaged = Buffer.from(chunk);
    damaged[i]! ^= 0x80;
    assert.equal(decodeChunk(damaged, FIRST), undefined);
    assert.equal(decodeChunk(chunk.subarray(0, i), FIRST), undefined);
  }
  assert.equal(decodeChunk(Buffer.concat([chunk, chunk]), FIRST), undefined);
});

test("a chunk in another's place, beyond the file, out of order or with a wrong uid is refused", () => {
  const stored = (messages: readonly IndexedMessage[], from = 0) =>
    encodeChunk(MessageTable.of(messages).chunks[0]!, from);
  assert.equal(decodeChunk(stored(MESSAGES, CHUNK), FIRST), undefined);
  assert.equal(decodeChunk(stored(MESSAGES), { ...FIRST, size: 5000 }), undefined);
  assert.equal(decodeChunk(stored(MESSAGES), { ...FIRST, after: 1 }), undefined);
  assert.equal(decodeChunk(stored([message(5), message(1)]), FIRST), undefined);
  assert.equal(decodeChunk(stored([{ ...message(1), octets: Number.NaN }]), FIRST), undefined);
  assert.equal(decodeChunk(stored([{ ...message(1), start: Number.NaN }]), FIRST), undefined);
  assert.equal(decodeChunk(stored([{ ...message(1), uid: "two words" }]), FIRST), undefined);
  assert.equal(decodeChunk(stored([{ ...message(1), uid: "u".repeat(71) }]), FIRST), undefined);
});
