import assert from "node:assert/strict";
import { test } from "node:test";
import { endsInDate } from "@mailhost/common/mbox/from-line";

const isStart = (line: string) => endsInDate(Buffer.from(line, "latin1"));

test("the dates that mail programs put into From lines are known", () => {
  for (const line of [
    "From a@example.net Tue Nov 24 21:59:01 2026",
    "From a@example.net Tue Nov  4 21:59:01 2026",
    "From a@example.net Tue Nov 24 21:59 2026",
    "From a@example.net Tue Nov 24 21:59:01 +0800 2026",
    "From a@example.net Tue Nov 24 21:59:01 2026 +0800",
    "From a@example.net Tue Nov 24 21:59:01 CST 2026",
    "From a@example.net Tue Nov 24 21:59:01 26",
    "From a Tue Nov 24 21:59:01 2026 remote from b",
    "From a@example.net Tue, 24 Nov 2026 21:59:01 +0800",
    "From a@example.net  Tue,  4 Nov 2026 21:59 GMT\r",
    "From Tue Nov 24 21:59:01 2026",
  ]) {
    assert.ok(isStart(line), line);
  }
});

test("text that begins with From is text", () => {
  for (const line of [
    "From here on it goes downhill",
    "From now on, 24 Nov 2026 is the day",
    "From the log of 24 Nov 2026 21:59:01 +0800",
    "From Nov 24 21:59:01 2026",
    "From a Tue Nov 24 2026",
    "From a Tue, 24 Nov 2026 21:59:01 +0800, said Li",
  ]) {
    assert.ok(!isStart(line), line);
  }
});
