/** CR LF to LF at every split. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { UnixLines } from "../../src/transmit/unix-lines.ts";

test("line ends become LF wherever the bytes are split; a CR alone stays", () => {
  const letters = fc.array(fc.constantFrom("\r", "\n", "a"), { maxLength: 12 });
  fc.assert(
    fc.property(letters, fc.array(fc.nat(12), { maxLength: 4 }), (text, cuts) => {
      const whole = Buffer.from(text.join(""));
      const lines = new UnixLines();
      const places = [
        0,
        ...cuts.map((cut) => Math.min(cut, whole.length)).sort((a, b) => a - b),
        whole.length,
      ];
      const out = places.slice(1).map((to, i) => lines.take(whole.subarray(places[i], to)));
      out.push(lines.finish());
      assert.equal(Buffer.concat(out).toString(), text.join("").replaceAll("\r\n", "\n"));
    }),
  );
});
