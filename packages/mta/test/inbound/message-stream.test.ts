import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";
import fc from "fast-check";
import { MessageStream, WAITING } from "../../src/inbound/message-stream.ts";

const turn = () => new Promise((done) => void setImmediate(done));

async function read(stream: MessageStream): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString("latin1");
}

test("what was written is read, in order and whole, whoever is faster", async () => {
  const piece = fc.record({ text: fc.string({ minLength: 1 }), waits: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(piece), fc.boolean(), fc.boolean(), async (pieces, readsFirst, endsEmpty) => {
      const stream = new MessageStream();
      const early = readsFirst ? read(stream) : undefined;
      for (const { text, waits } of pieces) {
        stream.write(Buffer.from(text, "latin1"));
        if (waits) await turn();
      }
      stream.end(endsEmpty ? undefined : Buffer.from("the end"));
      const sent = pieces.map(({ text }) => Buffer.from(text, "latin1").toString("latin1")).join("");
      assert.equal(await (early ?? read(stream)), sent + (endsEmpty ? "" : "the end"));
      assert.ok(stream.readableEnded);
    }),
    { numRuns: 60 },
  );
});

test("a reader that is behind stops the writer, and lets it go on", async () => {
  const stream = new MessageStream();
  assert.equal(stream.write(Buffer.alloc(WAITING - 1)), true);
  assert.equal(stream.write(Buffer.alloc(1)), false);
  const drained = once(stream, "drain");
  await stream.next();
  await drained;
  assert.equal(stream.write(Buffer.alloc(1)), true);
});

test("a message that breaks off fails its reader, also one that comes later", async () => {
  for (const readsFirst of [true, false]) {
    const stream = new MessageStream();
    stream.write(Buffer.from("half"));
    const early = readsFirst ? read(stream) : undefined;
    await turn();
    const closed = once(stream, "close");
    stream.destroy(new Error("the client went away"));
    await assert.rejects(early ?? read(stream), /the client went away/);
    await closed;
    assert.deepEqual([stream.writable, stream.write(Buffer.from("late"))], [false, true]);
  }
});

test("what nobody reads is dropped: the writer never waits, and the end is told once, later", async () => {
  const stream = new MessageStream();
  stream.write(Buffer.alloc(WAITING));
  let ends = 0;
  stream.on("end", () => void ends++);
  const drained = once(stream, "drain");
  stream.resume();
  await drained;
  assert.equal(stream.write(Buffer.alloc(2 * WAITING)), true);
  stream.end(Buffer.from("rest"));
  assert.equal(ends, 0);
  await turn();
  assert.equal(ends, 1);
});

test("a reader that leaves in the middle ends it", async () => {
  const stream = new MessageStream();
  stream.write(Buffer.from("a"));
  stream.write(Buffer.from("b"));
  for await (const piece of stream) if (piece.length > 0) break;
  assert.ok(stream.destroyed);
});
