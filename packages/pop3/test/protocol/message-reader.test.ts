/** Messages that a client sends, against a line-by-line reference, at any split. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { MessageReader } from "../../src/protocol/message-reader.ts";

/** The message and what is behind it, the slow way; undefined when the message does not end. */
function reference(text: string): { message: string; rest: string } | undefined {
  let message = "";
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\n", at) + 1;
    if (end === 0) return undefined;
    const line = text.slice(at, end);
    at = end;
    if (/^\.\r?\n$/.test(line)) return { message, rest: text.slice(at) };
    message += line.replace(/^\./, "");
  }
  return undefined;
}

function read(chunks: readonly string[]): { message: string; rest: string } | undefined {
  const reader = new MessageReader();
  let message = "";
  for (const [i, chunk] of chunks.entries()) {
    const { bytes, rest } = reader.take(Buffer.from(chunk, "latin1"));
    message += bytes.toString("latin1");
    if (rest !== undefined) {
      return { message, rest: rest.toString("latin1") + chunks.slice(i + 1).join("") };
    }
  }
  return undefined;
}

const text = fc
  .array(fc.constantFrom(".", "\r", "\n", "\r\n", "a", "\r\n.\r\n"), { maxLength: 12 })
  .map((parts) => parts.join(""));

test("any message, cut in three anywhere", () => {
  fc.assert(
    fc.property(text, fc.nat(30), fc.nat(30), (all, a, b) => {
      const [from, to] = a < b ? [a, b] : [b, a];
      const wanted = reference(all);
      assert.deepEqual(read([all.slice(0, from), all.slice(from, to), all.slice(to)]), wanted);
      assert.deepEqual(read(Array.from(all)), wanted);
    }),
    { numRuns: 2000 },
  );
});
