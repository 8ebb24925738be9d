import assert from "node:assert/strict";
import { test } from "node:test";
import { readAccessValue } from "../../src/policy/access-value.ts";

test("the words, in any case", () => {
  for (const word of ["OK", "RELAY", "REJECT", "DISCARD", "SKIP"]) {
    assert.deepEqual(readAccessValue(word), { kind: word.toLowerCase() });
    assert.deepEqual(readAccessValue(` ${word.toLowerCase()} `), { kind: word.toLowerCase() });
  }
});

test("errors in all their spellings", () => {
  const cases: readonly (readonly [string, number, string, string])[] = [
    ["ERROR:5.7.1:550 We do not like you", 550, "5.7.1", "We do not like you"],
    ['ERROR:"5.7.1:550 quoted"', 550, "5.7.1", "quoted"],
    ['ERROR:5.7.1:"550 quoted"', 550, "5.7.1", "quoted"],
    ["ERROR:550 plain", 550, "5.0.0", "plain"],
    ["error:450 later", 450, "4.0.0", "later"],
    ["550 bare", 550, "5.0.0", "bare"],
    ["550 5.1.1 with status", 550, "5.1.1", "with status"],
    ["ERROR:4.2.1:450 try later", 450, "4.2.1", "try later"],
    ["ERROR:5.7.1:no code", 553, "5.3.0", "no code"],
    ["go away", 553, "5.3.0", "go away"],
    ["550", 553, "5.3.0", "550"],
    ["ERROR:5.7.1:550 5.1.1 twice", 550, "5.1.1", "twice"],
    ["ERROR:4.7.1:550 cross", 550, "4.7.1", "cross"],
  ];
  for (const [value, code, enhanced, text] of cases) {
    assert.deepEqual(readAccessValue(value), { kind: "error", reply: { code, enhanced, text } }, value);
  }
});
