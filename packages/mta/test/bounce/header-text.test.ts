import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { durationInWords } from "../../src/bounce/duration-words.ts";
import { decodeXtext, mailDate, oneLine, quotedPrintable } from "../../src/bounce/header-text.ts";

test("durations in Sendmail's words", () => {
  const HOUR = 3_600_000;
  assert.equal(durationInWords(4 * HOUR), "4 hours");
  assert.equal(durationInWords(120 * HOUR), "5 days");
  assert.equal(durationInWords(1.5 * HOUR), "1 hour 30 minutes");
  assert.equal(durationInWords(24 * HOUR), "1 day");
  assert.equal(durationInWords(14 * 24 * HOUR), "2 weeks");
  assert.equal(durationInWords(15 * 24 * HOUR), "15 days");
  assert.equal(durationInWords(0), "0 seconds");
});

test("nothing from a network starts a header of its own", () => {
  assert.equal(oneLine("no\r\nBcc: x@y\0z"), "no Bcc: x@y z");
  assert.equal(oneLine("x".repeat(400)).length, 300);
  assert.equal(decodeXtext("a+2Bb@x"), "a+b@x");
  assert.equal(decodeXtext("a+0D+0Ab"), "a+0D+0Ab");
});

test("dates are RFC 5322's", () => {
  assert.equal(mailDate(Date.UTC(2026, 10, 24, 21, 59, 1)), "Tue, 24 Nov 2026 21:59:01 +0000");
});

test("property: quoted-printable is ASCII in lines of at most 76, and decodes to what it was", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" }).map((s) => s.replace(/[\r\n]/g, ""))), (lines) => {
      const encoded = quotedPrintable(lines);
      assert.match(encoded, /^[\x20-\x7e\r\n]*$/);
      for (const line of encoded.split("\r\n")) assert.ok(line.length <= 76);
      const decoded = encoded
        .replace(/=\r\n/g, "")
        .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
      const wanted = lines.map((line) => `${Buffer.from(line).toString("latin1")}\r\n`).join("");
      assert.equal(decoded, wanted);
    }),
  );
});
