import assert from "node:assert/strict";
import { test } from "node:test";
import { readSendmailFlags } from "../../src/commands/sendmail-flags.ts";
import { requestOf } from "../../src/commands/sendmail-submit.ts";

function recipientsOf(...argv: string[]): readonly string[] {
  const read = readSendmailFlags(argv);
  assert.ok(read.ok);
  return requestOf(read.flags).recipients;
}

test("an argument may be a list of recipients", () => {
  assert.deepEqual(recipientsOf("alice,bob", "carol"), ["alice", "bob", "carol"]);
  assert.deepEqual(recipientsOf("Alice <alice@a.example>, bob@b.example"), [
    "alice@a.example",
    "bob@b.example",
  ]);
  assert.deepEqual(recipientsOf('"a,b"@c.example,joe'), ['"a,b"@c.example', "joe"]);
});

test("a source route, a program and an address alone stay as they are", () => {
  assert.deepEqual(recipientsOf("@r.example,@s.example:joe@a.example"), [
    "@r.example,@s.example:joe@a.example",
  ]);
  assert.deepEqual(recipientsOf("|prog a,b"), ["|prog a,b"]);
  assert.deepEqual(recipientsOf("joe smith"), ["joe smith"]);
});
