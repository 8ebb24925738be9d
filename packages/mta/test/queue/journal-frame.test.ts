import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";
import fc from "fast-check";
import {
  frameHead,
  type JournalRecord,
  type ReadSegment,
  readSegment,
  recordPieces,
} from "../../src/queue/journal-frame.ts";

const id = fc.stringMatching(/^[0-9A-Za-z]{1,20}$/);
const record: fc.Arbitrary<JournalRecord> = fc.oneof(
  id.map((name) => ({ kind: "done" as const, id: name })),
  fc
    .tuple(
      id,
      fc.uint8Array({ maxLength: 60 }),
      fc.option(fc.uint8Array({ maxLength: 200 }), { nil: undefined }),
    )
    .map(([name, entry, body]) => ({
      kind: "accepted" as const,
      id: name,
      entry: Buffer.from(entry),
      body: body === undefined ? undefined : Buffer.from(body),
    })),
);
const frames = fc.array(fc.array(record, { minLength: 1, maxLength: 4 }), { maxLength: 5 });

function written(generation: number, all: readonly (readonly JournalRecord[])[]): Buffer[] {
  return all.map((records, number) => {
    const pieces = recordPieces(records);
    return Buffer.concat([frameHead(generation, number, pieces), ...pieces]);
  });
}

/** A frame as versions before wrote it: another magic, and a SHA-1 in place of the CRC-32. */
function earlierForm(frame: Buffer): Buffer {
  const head = Buffer.from(frame.subarray(0, 16));
  head.write("MHJ1", 0, "latin1");
  const records = frame.subarray(20);
  return Buffer.concat([head, createHash("sha1").update(head).update(records).digest(), records]);
}

/** What was read, with the messages themselves. */
function contents(bytes: Buffer, { records }: ReadSegment): JournalRecord[] {
  return records.map((one) => {
    if (one.kind === "done") return one;
    const { kind, id: name, entry, bodySize, bodyAt } = one;
    const body = bodySize === undefined ? undefined : Buffer.from(bytes.subarray(bodyAt, bodyAt + bodySize));
    return { kind, id: name, entry, body };
  });
}

test("what is written is read, whatever stands behind it", () => {
  fc.assert(
    fc.property(frames, frames, fc.integer({ min: 2, max: 9 }), (now, before, generation) => {
      const fresh = Buffer.concat(written(generation, now));
      const stale = Buffer.concat(written(generation - 1, before));
      const bytes = Buffer.concat([fresh, stale.subarray(fresh.length), Buffer.alloc(50)]);
      const found = readSegment(bytes);
      // With nothing new, what the file held before is still what it holds.
      const expected = now.length > 0 ? now : before;
      assert.deepEqual(contents(bytes, found), expected.flat());
      assert.equal(found.generation, now.length > 0 ? generation : before.length > 0 ? generation - 1 : 0);
    }),
  );
});

test("cut short or damaged at any octet, whole frames count and nothing of the one that is hit", () => {
  fc.assert(
    fc.property(frames, fc.nat(), fc.boolean(), fc.boolean(), (all, where, damaged, earlier) => {
      const parts = written(7, all).map((frame) => (earlier ? earlierForm(frame) : frame));
      const whole = Buffer.concat(parts);
      if (whole.length === 0) return;
      const at = where % whole.length;
      const bytes = damaged ? Buffer.from(whole) : whole.subarray(0, at);
      if (damaged) bytes[at]! ^= 0x40;
      let sound = 0;
      for (let end = 0; sound < parts.length; sound++) {
        end += parts[sound]!.length;
        if (end > at) break;
      }
      assert.deepEqual(contents(bytes, readSegment(bytes)), all.slice(0, sound).flat());
    }),
  );
});

test("a segment in which an earlier version was followed by this one is read to its end", () => {
  fc.assert(
    fc.property(frames, fc.nat({ max: 5 }), (all, before) => {
      const parts = written(3, all).map((frame, number) => (number < before ? earlierForm(frame) : frame));
      const bytes = Buffer.concat(parts);
      assert.deepEqual(contents(bytes, readSegment(bytes)), all.flat());
    }),
  );
});
