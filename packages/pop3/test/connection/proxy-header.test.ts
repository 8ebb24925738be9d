/** The PROXY header's grammar. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseProxyHeader } from "../../src/connection/proxy-header.ts";

test("a header names the client", () => {
  assert.deepEqual(parseProxyHeader("PROXY TCP4 192.0.2.7 10.0.0.1 40000 110"), {
    kind: "known",
    ip: "192.0.2.7",
  });
  assert.deepEqual(parseProxyHeader("PROXY TCP6 2001:db8::7 ::1 40000 110"), {
    kind: "known",
    ip: "2001:db8::7",
  });
  assert.deepEqual(parseProxyHeader("PROXY UNKNOWN whatever follows"), { kind: "unknown" });
});

test("anything else is none", () => {
  for (const line of [
    "USER wang",
    "PROXY",
    "PROXY TCP4 192.0.2.7 10.0.0.1 40000",
    "PROXY TCP4 2001:db8::7 10.0.0.1 40000 110",
    "PROXY TCP4 192.0.2.7 10.0.0.1 40000 110 x",
    "PROXY TCP4 192.0.2.999 10.0.0.1 40000 110",
    "PROXY TCP4 192.0.2.7 10.0.0.1 -1 110",
    "proxy TCP4 192.0.2.7 10.0.0.1 40000 110",
  ]) {
    assert.equal(parseProxyHeader(line), undefined, line);
  }
});
