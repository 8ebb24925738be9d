import assert from "node:assert/strict";
import { test } from "node:test";
import { restartDelay } from "../../src/start/backoff.ts";

test("the first death costs no wait, later ones double up to 8 s", () => {
  assert.deepEqual([1, 2, 3, 4, 5, 6, 7, 50].map(restartDelay), [0, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
});
