import assert from "node:assert/strict";
import { test } from "node:test";
import { ORPHAN_LIMIT, STOP_LIMIT, sessionsWithin } from "../../src/daemon/stop-times.ts";

test("sessions have the most of the time that a daemon has to stop, and what is behind them the rest", () => {
  assert.equal(sessionsWithin(STOP_LIMIT), 25_000);
  assert.equal(sessionsWithin(ORPHAN_LIMIT), 3000);
  assert.equal(sessionsWithin(0), 0);
});
