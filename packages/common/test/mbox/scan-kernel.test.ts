/** The scanner's inner loops against loops that are written in the obvious way; and that they are what their source says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import {
  BEHIND,
  borrowKernel,
  KERNEL_OWN,
  MARKS,
  returnKernel,
  SAID,
  type ScanKernel,
} from "../../src/mbox/scan-kernel.ts";

const AT = KERNEL_OWN + 2;
const FIELDS = /^(?:status|x-status|x-keywor|x-uid|x-imap|content-length|lines)/i;

const text = fc
  .array(
    fc.constantFrom(
      "\n",
      "\n\n",
      "From ",
      ">",
      ">>From ",
      "\n>From ",
      "F",
      "a",
      "a longer line\n",
      "\xe9",
      "\nStatus: R",
      "\nx-UIDL",
      "\nContent-Length",
      "\nContent-Type",
      "\nLines",
      "\nX-IMAPbase",
      "\nSubject",
    ),
    { maxLength: 60 },
  )
  .map((pieces) => pieces.join(""));

/** What a stretch is in POP3 beside its bytes, and whether its last line is `>` only. */
function slowly(
  before: string,
  stretch: string,
  behind: string,
  onlyQuotes: boolean,
): { extra: number; only: boolean } {
  const all = before + stretch + behind;
  let extra = 0;
  let only = onlyQuotes;
  for (let i = before.length; i < before.length + stretch.length; i++) {
    if (all[i] === "F" && all[i - 1] === ">" && only && all.startsWith("From ", i)) extra--;
    if (all[i] === "\n") extra++;
    only = all[i] === "\n" || (only && all[i] === ">");
  }
  return { extra, only };
}

function put(kernel: ScanKernel, before: string, rest: string): void {
  kernel.bytes.fill(0, AT - 2, AT + rest.length + BEHIND);
  kernel.bytes.write(before + rest, AT - 2, "latin1");
  kernel.said.set([0, 0, 0]);
}

test("a body is counted up to the place where a message may start, wherever the stretch ends", () => {
  const kernel = borrowKernel(64 * 1024);
  fc.assert(
    fc.property(
      text,
      fc.nat(),
      fc.constantFrom("aa", "a\n", "\n\n", "\n>", ">>"),
      fc.boolean(),
      (rest, cut, before, quotes) => {
        const length = cut % (rest.length + 1);
        put(kernel, before, rest);
        const onlyQuotes = before[1] === "\n" || (quotes && before[1] === ">");
        kernel.said[SAID.onlyQuotes] = onlyQuotes ? 1 : 0;
        const stop = kernel.body(AT, AT + length);
        const hit = (before + rest).search(/(?<=\n\n)From /);
        const expected = hit >= 2 && hit - 2 < length ? hit - 2 : length;
        assert.equal(stop - AT, expected);
        const { extra, only } = slowly(before, rest.slice(0, expected), rest.slice(expected), onlyQuotes);
        assert.deepEqual([kernel.said[SAID.extra], kernel.said[SAID.onlyQuotes]], [extra, only ? 1 : 0]);
      },
    ),
    { numRuns: 5000 },
  );
  returnKernel(kernel);
});

test("a header is counted up to its body, and what is in it is noticed", () => {
  const kernel = borrowKernel(64 * 1024);
  fc.assert(
    fc.property(text, fc.nat(), fc.constantFrom("aa", "a\n"), (rest, cut, before) => {
      const length = cut % (rest.length + 1);
      put(kernel, before, rest);
      kernel.said[SAID.onlyQuotes] = before === "a\n" ? 1 : 0;
      const body = kernel.header(AT, AT + length);
      const empty = (before[1] + rest).indexOf("\n\n");
      const ends = empty >= 0 && empty + 1 <= length;
      assert.equal(body, ends ? AT + empty + 1 : 0);
      const header = rest.slice(0, ends ? empty + 1 : length);
      const { extra, only } = slowly(before, header, rest.slice(header.length), before === "a\n");
      assert.deepEqual([kernel.said[SAID.extra], kernel.said[SAID.onlyQuotes]], [extra, only ? 1 : 0]);
      const lines = [...header.matchAll(/\n/g)].map(({ index }) => rest.slice(index + 1));
      const marks = kernel.said[SAID.marks]!;
      if (lines.slice(0, ends ? -1 : undefined).some((line) => FIELDS.test(line)))
        assert.ok(marks & MARKS.changing);
      else assert.ok(!(marks & MARKS.changing));
      assert.equal((marks & MARKS.notAscii) !== 0, header.includes("\xe9"));
    }),
    { numRuns: 5000 },
  );
  returnKernel(kernel);
});

test("a count beyond what one byte holds is right", () => {
  const kernel = borrowKernel(1024 * 1024);
  const length = 900_001;
  kernel.bytes.fill("\n", AT - 1, AT + length);
  kernel.bytes.fill(0, AT + length, AT + length + BEHIND);
  kernel.said[SAID.extra] = 0;
  assert.equal(kernel.body(AT, AT + length), AT + length);
  assert.equal(kernel.said[SAID.extra], length);
  returnKernel(kernel);
});

test("scan-kernel-bytes.ts is what scan-kernel.wat says", async () => {
  const module = new URL("../../../../test/assemble.mjs", import.meta.url).href;
  const { assembled, SCAN_KERNEL } = (await import(module)) as {
    assembled: (kernel: { readonly target: URL }) => Promise<string>;
    SCAN_KERNEL: { readonly target: URL };
  };
  assert.equal(readFileSync(SCAN_KERNEL.target, "utf8"), await assembled(SCAN_KERNEL));
});
