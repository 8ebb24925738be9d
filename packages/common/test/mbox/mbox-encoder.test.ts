import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { encodedBound, MboxEncoder } from "../../src/mbox/mbox-encoder.ts";

/** What comes out when the message is cut at these places. */
function encoded(text: string, cuts: readonly number[]): string {
  const bytes = Buffer.from(text, "latin1");
  const encoder = new MboxEncoder();
  const out = Buffer.alloc(encodedBound(bytes.length) + encodedBound(0) * (cuts.length + 2));
  let at = 0;
  let from = 0;
  for (const cut of [...cuts.filter((place) => place < bytes.length).sort((a, b) => a - b), bytes.length]) {
    at = encoder.encode(bytes.subarray(from, cut), out, at);
    from = cut;
  }
  return out.toString("latin1", 0, encoder.finish(out, at));
}

const words = fc.constantFrom(
  "\r\n",
  "\r\n",
  "\r\nFrom ",
  "\r\n>From ",
  "\r\n>>From",
  "\r\r\n",
  "\r",
  "\n",
  "F",
  "From ",
  ">",
  "$1>$&",
  "\0\xff\x85",
  `${"long line ".repeat(15)}\r\n`,
  "x".repeat(200),
);

test("lines that are encoded at once come out as byte by byte, at any split", () => {
  fc.assert(
    fc.property(
      fc.array(words, { maxLength: 40 }),
      fc.array(fc.nat(2000), { maxLength: 6 }),
      (parts, cuts) => {
        const text = parts.join("");
        const everywhere = Array.from({ length: text.length }, (_, i) => i);
        assert.equal(encoded(text, cuts), encoded(text, everywhere));
      },
    ),
    { numRuns: 1000 },
  );
});

test("a line of nothing but > takes no time to speak of", () => {
  const text = `${`${">".repeat(60_000)}\r\n`.repeat(50)}From x\r\n`;
  assert.equal(encoded(text, []).length, text.length - 51 + 1);
});

test("a chunk longer than the kernel takes at once is encoded whole, in any state of its memory", () => {
  const line = `${"From here ".repeat(9)}\r\n`;
  const text = `${"\r".repeat(66_000)}\r\n${line.repeat(3000)}${">".repeat(70_000)}From \r\n${line}`;
  const stored = text
    .split("\r\n")
    .slice(0, -1)
    .map((each, i) => (i === 0 ? `${each}\r\n` : `${each.replace(/^(?=>*From )/, ">")}\n`))
    .join("");
  for (let run = 0; run < 2; run++) assert.equal(encoded(text, [run]), stored);
});

test("store-kernel-bytes.ts is what store-kernel.wat says", async () => {
  const module = new URL("../../../../test/assemble.mjs", import.meta.url).href;
  const { assembled, STORE_KERNEL } = (await import(module)) as {
    assembled: (kernel: { readonly target: URL }) => Promise<string>;
    STORE_KERNEL: { readonly target: URL };
  };
  assert.equal(readFileSync(STORE_KERNEL.target, "utf8"), await assembled(STORE_KERNEL));
});
