/** The encoder against a line-by-line reference, for every short text and at every split. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { STRETCH } from "../../src/protocol/encode-kernel.ts";
import { MessageEncoder } from "../../src/protocol/message-encoder.ts";

/** What the encoder promises, the slow way: the lines without From-quoting, and as they go over the wire. */
function reference(text: string): { octets: number; wire: string } {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const plain = lines.map((line) => line.replace(/^>(>*From )/, "$1"));
  const ended = plain.map((line) => line.replace(/\r?\n?$/, "\r\n"));
  return { octets: ended.join("").length, wire: ended.map((line) => line.replace(/^\./, "..")).join("") };
}

function encode(chunks: readonly string[]): { octets: number; wire: string } {
  const encoder = new MessageEncoder();
  const parts = chunks.map((chunk) => Buffer.from(encoder.encode(Buffer.from(chunk, "latin1"))));
  const wire = Buffer.concat([...parts, encoder.finish()]).toString("latin1");
  return { octets: encoder.octets, wire };
}

function* texts(alphabet: readonly string[], length: number): Generator<string> {
  if (length === 0) {
    yield "";
    return;
  }
  for (const rest of texts(alphabet, length - 1)) for (const letter of alphabet) yield rest + letter;
}

test("every text over a small alphabet up to length 7, whole and cut in two anywhere", () => {
  for (let length = 0; length <= 7; length++) {
    for (const text of texts(["\n", "\r", ".", ">", "From "], length)) {
      const wanted = reference(text);
      const got = encode([text]);
      if (got.wire !== wanted.wire || got.octets !== wanted.octets)
        assert.deepEqual(got, wanted, JSON.stringify(text));
      const cut = Math.floor(text.length / 2);
      const halves = encode([text.slice(0, cut), text.slice(cut)]);
      if (halves.wire !== wanted.wire) assert.deepEqual(halves, wanted, JSON.stringify(text));
    }
  }
});

test("awkward texts at every split into three, and a byte at a time", () => {
  const samples = [
    ">>From a\n>From b\nFrom c\n>>>Fro\n>Fr\n>F\n>\n",
    "..\n.\n\n.x\n...From \n>.From \n",
    "a\r\nb\rc\r\r\n\r",
    "no end",
    ">From ",
    ">Fro",
    ">>>",
    ".",
    "",
    "\n",
  ];
  for (const text of samples) {
    const wanted = reference(text);
    assert.deepEqual(encode(Array.from(text)), wanted, JSON.stringify(text));
    for (let a = 0; a <= text.length; a++) {
      for (let b = a; b <= text.length; b++) {
        assert.deepEqual(
          encode([text.slice(0, a), text.slice(a, b), text.slice(b)]),
          wanted,
          JSON.stringify(text),
        );
      }
    }
  }
});

test("all 256 bytes pass", () => {
  const bytes = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  assert.deepEqual(encode([bytes]), reference(bytes));
});

test("a megabyte of quotes, dots or line ends needs no more than twice its size", () => {
  for (const letter of [">", ".\n", "\n"]) {
    const text = letter.repeat(1024 * 1024);
    assert.equal(encode([text]).wire.length, reference(text).wire.length);
  }
});

/** Lines about as long as the kernel's vectors, with all that it looks for. */
const lines = fc
  .array(
    fc.constantFrom(
      "\n",
      "\r\n",
      ".",
      ">",
      "From ",
      ">From ",
      "x",
      "seven b",
      "sixteen bytes...",
      "\x00",
      "\xff",
    ),
    {
      maxLength: 80,
    },
  )
  .map((pieces) => pieces.join(""));

test("texts of any line lengths, cut anywhere, whatever was in the memory before", () => {
  fc.assert(
    fc.property(
      lines,
      fc.array(fc.nat(), { maxLength: 4 }),
      fc.constantFrom("\n", ".", "a"),
      (text, cuts, before) => {
        encode([before.repeat(2000)]);
        const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
        const chunks = places.slice(1).map((place, i) => text.slice(places[i], place));
        assert.deepEqual(encode(chunks), reference(text));
      },
    ),
    { numRuns: 2000 },
  );
});

test("chunks about as long as the kernel's memory, the longest output of all among them", () => {
  for (const line of [".\n", ">From \n", "x\n", "\n", "a line of a mail\n", "....\n"]) {
    for (const length of [STRETCH - 1, STRETCH, STRETCH + 1, 3 * STRETCH + 7]) {
      const text = line.repeat(Math.ceil(length / line.length)).slice(0, length);
      const [got, wanted] = [encode([text]), reference(text)];
      assert.ok(
        got.wire === wanted.wire && got.octets === wanted.octets,
        `${JSON.stringify(line)}, ${length}`,
      );
      const held = encode([">Fro", text]);
      assert.ok(held.wire === reference(`>Fro${text}`).wire, `${JSON.stringify(line)}, ${length}, held`);
    }
  }
});

test("encode-kernel-bytes.ts is what encode-kernel.wat says", async () => {
  const module = new URL("../../../../test/assemble.mjs", import.meta.url).href;
  const { assembled, ENCODE_KERNEL } = (await import(module)) as {
    assembled: (kernel: { readonly target: URL }) => Promise<string>;
    ENCODE_KERNEL: { readonly target: URL };
  };
  assert.equal(readFileSync(ENCODE_KERNEL.target, "utf8"), await assembled(ENCODE_KERNEL));
});
