import assert from "node:assert/strict";
import { test } from "node:test";
import { takeMessage } from "../../src/inbound/receive-message.ts";

test("a header of very short lines costs one write a chunk, not one a line", async () => {
  const chunk = Buffer.from("a:\r\n".repeat(16_384));
  const written: Buffer[] = [];
  const taken = await takeMessage(
    (async function* () {
      for (let i = 0; i < 10; i += 1) yield chunk;
    })(),
    {
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
    },
  );
  assert.equal(taken.kind, "stored");
  assert.equal(written.length, 11);
  assert.ok(
    Buffer.concat(written).equals(
      Buffer.concat([Buffer.from("Received: here\r\n"), ...Array(10).fill(chunk)]),
    ),
  );
});
