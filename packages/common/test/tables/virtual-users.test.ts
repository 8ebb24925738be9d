import assert from "node:assert/strict";
import test from "node:test";
import type { Table } from "../../src/tables/table.ts";
import { findVirtualUser } from "../../src/tables/virtual-users.ts";

/** The values are what a real Sendmail 8.17 made of the same table (sendmail -bt, and RCPT over -bs). */
const entries = new Map([
  ["r@virt.test", "joe%1x%2y%3z%%p%0q%a"],
  ["x++@virt.test", "plusplus%1-%2-%3@other.test"],
  ["x+*@virt.test", "star%1-%2-%3@other.test"],
  ["z+*@virt.test", "star%1-%2-%3@other.test"],
  ["aa+bb@virt.test", "full%1-%2-%3@other.test"],
  ["ab@virt.test", "user%1-%2-%3@other.test"],
  ["@virt.test", "%1-%2-%3@other.test"],
  ["+*@plus.test", "detail-%2@other.test"],
  ["++@plus.test", "some-%2@other.test"],
  ["@plus.test", "none-%1@other.test"],
  ["no@virt.test", "error:nouser 550 No such user here"],
]);
const table: Table = { file: "virtusertable", get: (key) => entries.get(key), entries: () => entries };

function found(localPart: string, domain = "virt.test") {
  const hit = findVirtualUser(table, localPart, domain);
  return hit?.target.kind === "address" ? hit.target.address : hit?.target.reply;
}

test("arguments of each kind of entry, as Sendmail fills them", () => {
  assert.equal(found("r"), "joerxyz%pr@virt.testq%a");
  assert.equal(found("r+d"), "joerxdy+dz%pr@virt.testq%a");
  assert.equal(found("Foo+Bar"), "Foo-Bar-+Bar@other.test");
  assert.equal(found("foo+"), "foo--+@other.test");
  assert.equal(found("x+d"), "plusplusx-d-+d@other.test");
  assert.equal(found("x+"), "starx--+@other.test");
  assert.equal(found("z+"), "starz--+@other.test");
  assert.equal(found("aa+bb"), "fullaa+bb--@other.test");
  assert.equal(found("AA+BB", "Virt.Test."), "fullAA+BB--@other.test");
  assert.equal(found("ab+c"), "userab-c-+c@other.test");
  assert.equal(found("x"), "x--@other.test");
});

test("catch-alls for addresses with a detail stand before the one of the domain", () => {
  assert.equal(found("u+d", "plus.test"), "some-d@other.test");
  assert.equal(found("u+", "plus.test"), "detail-@other.test");
  assert.equal(found("u", "plus.test"), "none-u@other.test");
});

test("every key is told in the order of the look-up, and the last is the one that counts", () => {
  const keys: string[] = [];
  const hit = findVirtualUser(table, "Joe+D", "plus.test", (key, value) =>
    keys.push(`${key}${value === undefined ? "" : "!"}`),
  );
  assert.deepEqual(keys, [
    "joe+d@plus.test",
    "joe++@plus.test",
    "joe+*@plus.test",
    "joe@plus.test",
    "++@plus.test!",
  ]);
  assert.equal(hit?.key, "++@plus.test");
  assert.equal(findVirtualUser(table, "joe", "elsewhere.test"), undefined);
});

test("a quoted local part is looked up without its quotes, and keeps those that it needs", () => {
  assert.equal(found('"ab"'), "userab--@other.test");
  assert.equal(found('"Foo Bar"'), '"Foo Bar"--@other.test');
  assert.equal(found('"x@evil.test"'), '"x@evil.test"--@other.test');
  assert.equal(found('"aa+b@evil.test"'), '"aa+b@evil.test"--@other.test');
});

test("a refusal is a reply", () => {
  assert.deepEqual(found("no"), { code: 550, enhanced: "5.0.0", text: "No such user here" });
});
