/** Waits for a condition, a turn of the event loop at a time. */
import assert from "node:assert/strict";

/** Resolves once `condition` holds; fails after ten seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await new Promise(setImmediate);
  }
}
