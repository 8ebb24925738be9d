import assert from "node:assert/strict";
import { test } from "node:test";
import { type Intake, takeMessage } from "../../src/inbound/receive-message.ts";

/** How a message is taken in by a store that notes what is written. */
function intake(written: Buffer[] = []): Intake {
  return {
    store: {
      receive: () => ({
        id: "Q1",
        size: 0,
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
