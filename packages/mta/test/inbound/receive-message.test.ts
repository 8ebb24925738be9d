import assert from "node:assert/strict";
import { test } from "node:test";
import { type Intake, takeMessage } from "../../src/inbound/receive-message.ts";

/** How a message is taken in by a store that notes what is written, and holds so many pieces before it copies what comes. */
function intake(written: Buffer[] = [], held = 1): Intake {
  return {
    store: {
      receive: () => ({
        id: "Q1",
        size: 0,
        get holdsPieces() {
          return written.length < held;
        },
        async write(piece: Buffer) {
          written.push(Buffer.from(piece));
        },
        commit: () => Promise.reject(new Error("not asked for")),
        abort: () => Promise.resolve(),
      }),
    },
    trace: () => "Received: here\r\n",
    maxSize: 10_000_000,
    maxHops: 30,
    header: () => ({}),
  };
}

/** The same chunk again and again. */
async function* times(count: number, chunk: Buffer): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i += 1) yield chunk;
}

test("a header of very short lines costs one write a chunk, not one a line", async () => {
  const chunk = Buffer.from("a:\r\n".repeat(16_384));
  const written: Buffer[] = [];
  const taken = await takeMessage(times(10, chunk), intake(written));
  assert.equal(taken.kind, "stored");
  assert.equal(written.length, 11);
  assert.ok(
    Buffer.concat(written).equals(
      Buffer.concat([Buffer.from("Received: here\r\n"), ...Array(10).fill(chunk)]),
    ),
  );
});

test("a piece is done with when it has been copied, and when nothing of it can be held as part of the header", async () => {
  const [header, rest, body, last] = ["A: b\r\nC: d", "\r\n\r\nbody\r\n", "more\r\n", "last\r\n"].map(
    (text) => Buffer.from(text),
  ) as [Buffer, Buffer, Buffer, Buffer];
  const done: string[] = [];
  async function* content(): AsyncGenerator<Buffer> {
    yield* [header, rest, body, last];
  }
  const given = intake([], 4);
  await takeMessage(content(), { ...given, doneWith: (piece) => done.push(piece.toString()) });
  // Our trace header is the first thing that is written, A: b the second, C: d with the first body line the third.
  assert.deepEqual(done, ["more\r\n", "last\r\n"]);
  const held: string[] = [];
  await takeMessage(content(), { ...intake([], 100), doneWith: (piece) => held.push(piece.toString()) });
  assert.deepEqual(held, []);
});
