import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readRequest } from "../../src/submit/submission-request.ts";

test("a request survives its way through a file", () => {
  const text = fc.string({ maxLength: 30 }).filter((s) => !/[\r\n\0]/.test(s));
  const request = fc.record(
    {
      sender: text,
      fullName: text,
      recipients: fc.array(text, { maxLength: 5 }),
      fromHeader: fc.boolean(),
      notify: text,
      dsnReturn: fc.constantFrom("FULL" as const, "HDRS" as const),
      hops: fc.nat(),
      quarantine: text,
      bySmtp: fc.boolean(),
      warnings: fc.array(text, { maxLength: 3 }),
    },
    { requiredKeys: ["recipients", "fromHeader"], noNullPrototype: true },
  );
  fc.assert(
    fc.property(request, (r) => {
      assert.deepEqual(readRequest(JSON.stringify(r)), r);
    }),
  );
});

test("what anybody may have written is read with care", () => {
  for (const line of [
    "",
    "{",
    "null",
    "[]",
    "7",
    "{}",
    '{"recipients":["a"]}',
    '{"recipients":"a","fromHeader":false}',
    '{"recipients":[1],"fromHeader":false}',
    '{"recipients":["a\\nb"],"fromHeader":false}',
    '{"recipients":["a"],"fromHeader":false,"sender":7}',
    '{"recipients":["a"],"fromHeader":false,"sender":"x\\r\\nBcc: y"}',
    '{"recipients":["a"],"fromHeader":false,"dsnReturn":"ALL"}',
    '{"recipients":["a"],"fromHeader":false,"hops":-1}',
    '{"recipients":["a"],"fromHeader":false,"bySmtp":"yes"}',
    JSON.stringify({ recipients: ["a".repeat(5000)], fromHeader: false }),
    JSON.stringify({ recipients: Array.from({ length: 10_001 }, () => "a"), fromHeader: false }),
  ]) {
    assert.equal(readRequest(line), undefined, line.slice(0, 80));
  }
  fc.assert(fc.property(fc.json(), (line) => void readRequest(line)));
});
