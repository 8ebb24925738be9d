/** `etc/mail/senders`: what it grants, and what is wrong with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findSenderGrant, parseSenders } from "../../src/tables/senders.ts";

test("addresses and domains, however they are separated", () => {
  const { entries, faults } = parseSenders(
    "# who may send as whom\nWang  boss@a.example, @b.example\nalice@a.example  info@a.example\nli x@a.example,y@a.example\n",
    "senders",
  );
  assert.deepEqual(faults, []);
  const table = { get: (key: string) => entries.get(key) };
  assert.equal(findSenderGrant(table, "wang", "Boss@A.example."), "wang: boss@a.example");
  assert.equal(findSenderGrant(table, "wang", "any@b.example"), "wang: @b.example");
  assert.equal(findSenderGrant(table, "wang", "any@a.example"), undefined);
  assert.equal(findSenderGrant(table, "wang", "boss"), undefined);
  assert.equal(findSenderGrant(table, "li", "y@a.example"), "li: y@a.example");
  assert.equal(findSenderGrant(table, "nobody", "y@a.example"), undefined);
});

test("what is no address is said with its line", () => {
  const { faults } = parseSenders("wang boss\nli\n\nzhao @\nqian a@b@c\nsun ok@a.example, no\n", "senders");
  assert.deepEqual(
    faults.map((fault) => fault.message.replace(/^.*senders:/, "")).map((text) => text.slice(0, 12)),
    ["2: no RHS fo", "1: boss: exp", "4: @: expect", "5: a@b@c: ex", "6: no: expec"],
  );
});
