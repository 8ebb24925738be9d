/** Status lines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { err, ok } from "../../src/protocol/reply.ts";

test("a reply has its code in brackets", () => {
  assert.equal(ok("2 320"), "+OK 2 320");
  assert.equal(err("no"), "-ERR no");
  assert.equal(err("busy", "IN-USE"), "-ERR [IN-USE] busy");
});

test("what a client typed can not break a line or make it too long", () => {
  assert.equal(err('"a\r\n+OK\0\u0085"'), '-ERR "a??+OK??"');
  for (const text of ["x".repeat(2000), "信".repeat(600)]) {
    const line = ok(text);
    assert.ok(Buffer.byteLength(line) <= 510);
    assert.ok(!line.includes("\ufffd"));
  }
});
