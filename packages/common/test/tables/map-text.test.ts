import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { tableKey } from "../../src/tables/address-keys.ts";
import { parseMapText, printMapText, readMapLine } from "../../src/tables/map-text.ts";

const parse = (text: string, options = {}) => parseMapText(text, "access", options);

test("the article's access file", () => {
  const table = parse("127.0.0.1 RELAY\n\n202.99.11\tRELAY\n");
  assert.deepEqual(
    [...table.entries],
    [
      ["127.0.0.1", "RELAY"],
      ["202.99.11", "RELAY"],
    ],
  );
  assert.deepEqual(table.faults, []);
});

test("makemap's complaints, with their lines; sound lines are kept", () => {
  const table = parse(
    "a OK\n# c\n lead x\nFoo.COM  ERROR:5.7.1:550 No # such\nnorhs\nfoo.com dup\nblank   \n",
  );
  assert.deepEqual(
    table.faults.map((f) => f.message),
    [
      "access:3: syntax error (leading space)",
      "access:5: no RHS for LHS norhs",
      "access:7: no RHS for LHS blank",
    ],
  );
  assert.deepEqual(
    table.duplicates.map((f) => f.message),
    ["access:6: key foo.com: duplicate key"],
  );
  assert.equal(table.entries.get("foo.com"), "ERROR:5.7.1:550 No # such");
});

test("CR LF, a byte order mark and a missing last newline", () => {
  const table = parse("\uFEFFA b\r\n\r\nq c");
  assert.deepEqual(
    [...table.entries],
    [
      ["a", "b"],
      ["q", "c"],
    ],
  );
  assert.deepEqual(table.faults, []);
});

test("makemap's flags", () => {
  assert.equal(parse("Ab C\n", { fold: false }).entries.get("Ab"), "C");
  assert.equal(parse("a\n", { allowEmpty: true }).entries.get("a"), "");
  assert.equal(parse("%x\n#a b\n", { comment: "%" }).entries.get("#a"), "b");
  assert.equal(parse("a b:c d\n", { delimiter: ":" }).entries.get("a b"), "c d");
  assert.equal(parse("a:::b:c\n", { delimiter: ":" }).entries.get("a"), "b:c");
});

test("a line of octets keeps them, and folds the characters that they are", () => {
  const octets = (text: string) => Buffer.from(text).toString("latin1");
  assert.deepEqual(readMapLine(octets("\u00c0\u00c9@X.test \u00c0 b "), { octets: true }), {
    key: octets("\u00e0\u00e9@x.test"),
    value: octets("\u00c0 b "),
  });
  assert.deepEqual(readMapLine("a \xff\xfe", { octets: true }), { key: "a", value: "\xff\xfe" });
});

test("an overlong key is a fault, not a crash", () => {
  assert.match(parse(`${"x".repeat(2000)} OK\n`).faults[0]!.reason, /key too long/);
});

test("what is printed is read back", () => {
  const key = fc.stringMatching(/^[^\s#\uFEFF][^\s]{0,20}$/u).map(tableKey);
  const value = fc.stringMatching(/^[^\s][^\r\n]{0,20}[^\s]$/u);
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(key, value), { selector: ([k]) => k }), (pairs) => {
      const entries = new Map(pairs.filter(([k]) => !k.startsWith("#") && tableKey(k) === k));
      const read = parse(printMapText(entries));
      assert.deepEqual(read.faults, []);
      assert.deepEqual(read.entries, entries);
    }),
  );
});

test("no text makes the reader throw", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parse(text)));
});
