import assert from "node:assert/strict";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { watchForPanic } from "../../src/queue/panic-watch.ts";

test("a queue that LMDB has given up is told once; other errors are not told", async () => {
  const clock = new ManualClock(0);
  let fault: string | undefined;
  const told: string[] = [];
  const isThere = () => {
    if (fault !== undefined) throw new Error(fault);
    return false;
  };
  const watch = watchForPanic({ isThere }, clock, (reason) => told.push(reason));
  await clock.advance(1000);
  fault = "Input/output error";
  await clock.advance(1000);
  assert.deepEqual(told, []);
  fault = "MDB_PANIC: Update of meta page failed or environment had fatal error";
  await clock.advance(1000);
  assert.deepEqual(told, [fault]);
  watch.close();
});
