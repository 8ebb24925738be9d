import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { DataDecoder } from "../../src/inbound/data-decoder.ts";

/** The rule, told line by line over the whole text: slow and obvious. */
function reference(text: string): { content: string; rest: string | undefined } {
  let content = "";
  let afterCrlf = true;
  let at = 0;
  for (;;) {
    const lf = text.indexOf("\n", at);
    if (lf < 0) return { content, rest: undefined };
    const crlf = lf > at && text[lf - 1] === "\r";
    const line = text.slice(at, crlf ? lf - 1 : lf);
    at = lf + 1;
    if (line === "." && crlf && afterCrlf) return { content, rest: text.slice(at) };
    content += `${line.startsWith(".") && line !== "." ? line.slice(1) : line}\r\n`;
    afterCrlf = crlf;
  }
}

/** Feeds the text in pieces cut at the given places. */
function decode(text: string, cuts: readonly number[]): { content: string; rest: string | undefined } {
  const decoder = new DataDecoder();
  const bytes = Buffer.from(text, "latin1");
  let content = "";
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    const { content: piece, rest } = decoder.push(bytes.subarray(from, to));
    content += piece.toString("latin1");
    if (rest !== undefined) {
      assert.equal(decoder.lines, content.split("\n").length - 1, JSON.stringify(text));
      return { content, rest: rest.toString("latin1") + text.slice(to) };
    }
    from = to;
  }
  return { content, rest: undefined };
}

const END = "\r\n.\r\nQUIT\r\n";

test("every short string of the dangerous octets is read as the rule says, at every cut", () => {
  const alphabet = [".", "\r", "\n", "a"];
  let texts = [""];
  for (let length = 0; length <= 5; length += 1) {
    for (const text of texts) {
      const whole = text + END;
      const expected = reference(whole);
      assert.deepEqual(decode(whole, []), expected, JSON.stringify(whole));
      for (let cut = 1; cut < whole.length; cut += 1) {
        assert.deepEqual(decode(whole, [cut]), expected, `${JSON.stringify(whole)} cut at ${cut}`);
      }
      const everywhere = Array.from({ length: whole.length - 1 }, (_, i) => i + 1);
      assert.deepEqual(decode(whole, everywhere), expected, `${JSON.stringify(whole)} octet by octet`);
    }
    texts = texts.flatMap((t) => alphabet.map((c) => t + c));
  }
});

test("random messages are read the same in any pieces", () => {
  const octets = fc.array(
    fc.constantFrom(".", "..", "\r\n", "\n", "\r", "a", "line", "\0", "\xff", "\r\n.\r", "\n.\r\n"),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(octets, fc.array(fc.nat(400), { maxLength: 8 }), (parts, places) => {
      const whole = parts.join("") + END;
      const cuts = [...new Set(places.filter((p) => p > 0 && p < whole.length))].sort((a, b) => a - b);
      assert.deepEqual(decode(whole, cuts), reference(whole));
    }),
    { numRuns: 500 },
  );
});

test("only CRLF . CRLF ends the data", () => {
  for (const notTheEnd of ["a\n.\n", "a\n.\r\n", "a\r.\r", "a\r\n.\n", "a\r\n.\rx\r\n", "a\r.\r\n"]) {
    const { content, rest } = decode(`${notTheEnd}MAIL FROM:<evil@example.com>${END}`, []);
    assert.ok(content.includes("MAIL FROM:<evil@example.com>"), JSON.stringify(notTheEnd));
    assert.equal(rest, "QUIT\r\n");
  }
});

test("an empty message and one whose first line is a dot", () => {
  assert.deepEqual(decode(".\r\nNOOP\r\n", []), { content: "", rest: "NOOP\r\n" });
  assert.deepEqual(decode("..\r\n.\r\n", []), { content: ".\r\n", rest: "" });
});

test("a message of dots takes time in proportion to its length", () => {
  const text = `${"..\r\n".repeat(250_000)}.\r\n`;
  const { content, rest } = decode(text, [65_536, 131_072]);
  assert.equal(content.length, 750_000);
  assert.equal(rest, "");
});

/** As {@link decode}, for long texts: one chunk before the cut and one behind it. */
function decodeTwo(text: string, cut: number): { content: string; rest: string | undefined; lines: number } {
  const decoder = new DataDecoder();
  const bytes = Buffer.from(text, "latin1");
  const first = decoder.push(bytes.subarray(0, cut));
  if (first.rest !== undefined) {
    const rest = first.rest.toString("latin1") + text.slice(cut);
    return { content: first.content.toString("latin1"), rest, lines: decoder.lines };
  }
  const before = first.content.toString("latin1");
  const { content, rest } = decoder.push(bytes.subarray(cut));
  return {
    content: before + content.toString("latin1"),
    rest: rest?.toString("latin1"),
    lines: decoder.lines,
  };
}

test("lines that are gone through sixteen octets at a time are read as the rule says, wherever something odd is", () => {
  const odd = [
    "\n",
    "\r\n.",
    "\r\n..",
    "\n.",
    "\r\n.\r",
    "\r\r\n",
    "\r\n\r\n",
    "\n.\r\n",
    "\r\n.\n",
    ".",
    "\r",
  ];
  for (const piece of odd) {
    for (let place = 0; place < 40; place += 1) {
      const text = `${"a".repeat(place)}${piece}${"b".repeat(60)}\r\n${"c".repeat(77)}\r\n${piece}d\r\n${END}`;
      const { content, rest } = reference(text);
      for (const cut of [0, 1, place, place + 1, place + 2, place + piece.length, text.length - 9]) {
        const found = decodeTwo(text, cut);
        const lines = content.split("\n").length - 1;
        assert.deepEqual(found, { content, rest, lines }, `${JSON.stringify(text)} cut at ${cut}`);
      }
    }
  }
});

test("a chunk longer than what is gone through at once is read as the rule says, wherever it is divided", () => {
  const stretch = 68 * 1024;
  const line = `${"m".repeat(76)}\r\n`;
  for (const piece of ["\r\n.x", "\r\n..", "\n.x", "\nx", "\r\nx", "\r\n.\r\n"]) {
    for (let before = 0; before <= piece.length; before += 1) {
      const filled = line.repeat(Math.ceil(stretch / line.length)).slice(0, stretch - before);
      const text = `${filled}${piece}${line.repeat(3)}${END}`;
      const { content, rest } = reference(text);
      const lines = content.split("\n").length - 1;
      assert.deepEqual(
        decodeTwo(text, 0),
        { content, rest, lines },
        `${JSON.stringify(piece)} from ${-before}`,
      );
    }
  }
});

test("data-kernel-bytes.ts is what data-kernel.wat says", async () => {
  const module = new URL("../../../../test/assemble.mjs", import.meta.url).href;
  const { assembled, DATA_KERNEL } = (await import(module)) as {
    assembled: (kernel: { readonly target: URL }) => Promise<string>;
    DATA_KERNEL: { readonly target: URL };
  };
  assert.equal(readFileSync(DATA_KERNEL.target, "utf8"), await assembled(DATA_KERNEL));
});
