import assert from "node:assert/strict";
import test from "node:test";
import { isNewerText } from "../../src/tables/newer-text.ts";

test("a text whose time is a tick behind the clock is compared, one that is older is not", () => {
  const source = { readAt: 1_000_000, size: 5, digest: "" };
  const mark = (changedAt: number) => ({ signature: "", changedAt, size: 9 });
  const newer = (changedAt: number) =>
    isNewerText("/nonexistent", mark(changedAt), source, () => assert.fail("the answer is known at once"));
  assert.equal(newer(1_000_000), true);
  assert.equal(newer(999_995), true, "written right after it was read, by the kernel's last tick");
  assert.equal(newer(999_980), false);
});
