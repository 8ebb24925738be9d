/** SASLprep: the examples of RFC 4013, and the tables. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { saslPrep } from "../../src/sasl/saslprep.ts";

test("the examples of RFC 4013 section 3", () => {
  assert.equal(saslPrep("I\u00adX"), "IX");
  assert.equal(saslPrep("user"), "user");
  assert.equal(saslPrep("USER"), "USER");
  assert.equal(saslPrep("\u00aa"), "a");
  assert.equal(saslPrep("\u2168"), "IX");
  assert.equal(saslPrep("\u0007"), undefined);
});

test("spaces become one, full width becomes plain, parts of a letter come together", () => {
  assert.equal(saslPrep("a\u00a0b\u3000c"), "a b c");
  assert.equal(saslPrep("\uff57\uff41\uff4e\uff47"), "wang");
  assert.equal(saslPrep("cafe\u0301"), "caf\u00e9");
  assert.equal(saslPrep("密码"), "密码");
  assert.equal(saslPrep("\u{1f600}"), "\u{1f600}", "newer than Unicode 3.2");
});

test("what no name and no password may have", () => {
  for (const bad of [
    "\0",
    "\t",
    "\u007f",
    "\u0085",
    "\ue000",
    "\u{f0000}",
    "\ufdd0",
    "\uffff",
    "\ud800",
    "\ufffd",
    "\u2028",
    "\u202e",
    "\u0340",
    "\u{e0041}",
    "\u2ff0",
  ]) {
    assert.equal(saslPrep(`a${bad}b`), undefined, JSON.stringify(bad));
  }
});

test("what is prepared stays as it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const once = saslPrep(text);
      return once === undefined || saslPrep(once) === once;
    }),
  );
});
