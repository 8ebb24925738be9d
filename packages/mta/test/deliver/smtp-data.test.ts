import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { DataEncoder } from "../../src/deliver/smtp-data.ts";

/** The rule, in one obvious step after another. */
function reference(text: string): string {
  const clean = text.replace(/\r(?!\n)/g, " ").replace(/\r?\n/g, "\n");
  const whole = clean === "" || clean.endsWith("\n") ? clean : `${clean}\n`;
  return `${whole.replace(/^\./gm, "..")}.\n`.replace(/\n/g, "\r\n");
}

function encode(pieces: readonly string[]): string {
  const encoder = new DataEncoder();
  const out = pieces.map((piece) => encoder.push(Buffer.from(piece, "latin1")).toString("latin1"));
  return out.join("") + encoder.end().toString("latin1");
}

test("every text of up to seven of the octets that matter is encoded as by the reference", () => {
  const alphabet = [".", "\r", "\n", "a"];
  let texts = [""];
  for (let length = 0; length <= 7; length++) {
    for (const text of texts) {
      const expected = reference(text);
      if (encode([text]) !== expected) assert.equal(encode([text]), expected, JSON.stringify(text));
      if (encode(text.split("")) !== expected)
        assert.equal(encode(text.split("")), expected, JSON.stringify(text));
    }
    texts = texts.flatMap((text) => alphabet.map((octet) => text + octet));
  }
});

test("octets of any value pass, at every cut, and no line end stands alone", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 })), (pieces) => {
      const texts = pieces.map((piece) => Buffer.from(piece).toString("latin1"));
      const wire = encode(texts);
      assert.equal(wire, reference(texts.join("")));
      assert.doesNotMatch(wire, /\r(?!\n)|(?<!\r)\n/);
      assert.equal(wire.indexOf("\r\n.\r\n"), wire === ".\r\n" ? -1 : wire.length - 5);
    }),
  );
});
