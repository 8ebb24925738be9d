import assert from "node:assert/strict";
import test from "node:test";
import { findGenericSender } from "../../src/tables/generic-senders.ts";
import type { Table } from "../../src/tables/table.ts";

const tableOf = (entries: Readonly<Record<string, string>>): Table => ({
  file: "genericstable",
  get: (key) => entries[key],
  entries: () => Object.entries(entries),
});

test("the order of the look-up", () => {
  const keys: string[] = [];
  assert.equal(
    findGenericSender(tableOf({}), "Joe+D", "Gen.Test", (key) => keys.push(key)),
    undefined,
  );
  assert.deepEqual(keys, [
    "joe+d@gen.test",
    "joe+*@gen.test",
    "joe@gen.test",
    "@gen.test",
    "joe+d",
    "joe+*",
    "joe",
  ]);
});

test("what the values may hold", () => {
  const table = tableOf({
    "a+*@gen.test": "a-%1@out.test",
    "@gen.test": "%1@elsewhere.test",
    "b@gen.test": "b.b@out.test",
    "c+*": "c-%1",
    d: "dora",
  });
  const address = (localPart: string, domain = "gen.test") =>
    findGenericSender(table, localPart, domain)?.address;
  assert.equal(address("a+x"), "a-x@out.test");
  assert.equal(address("B+x"), "b.b@out.test");
  assert.equal(address("Zoe"), "Zoe@elsewhere.test");
  assert.equal(address("c+x", "mail.my.test"), "c-x");
  assert.equal(address("d+x", "mail.my.test"), "dora");
  assert.equal(address("e", "mail.my.test"), undefined);
});
