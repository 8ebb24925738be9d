// time limit: 200 s
/**
 * A host's writes and syncs are recorded while it takes, delivers, hands out and deletes mail; then the power is cut at moments of the
 * recording, what was not synced is dropped, or left in part, and every promise must still be kept.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../harness/programs.ts";
import { recordHost } from "./recorded-host.ts";
import { replay } from "./replay.ts";

/** Other cuts each day; `npm run test:crash -- power-loss` takes all. */
const SEED = Number(process.env.MAILHOST_CRASH_SEED ?? Math.floor(Date.now() / 86_400_000));

test("acknowledged mail survives a power loss", {
  timeout: 190_000,
  ...needs("strace", "unshare"),
}, async (t) => {
  const recording = await recordHost(t, SEED);
  assert.ok(recording.promised.length > 15 && recording.deletions.length === 2);
  const { moments, cuts } = await replay(recording, { seed: SEED, oneIn: 4 });
  t.diagnostic(`seed ${SEED}: ${recording.calls.length} calls, power cut at ${cuts} of ${moments} moments`);
  assert.ok(cuts > 10);
});
