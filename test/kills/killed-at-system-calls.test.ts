import assert from "node:assert/strict";
import { test } from "node:test";
import { needs } from "../harness/programs.ts";
import { ACTIONS, killAt, placesOf } from "./kill-at-calls.ts";

/** One in so many places; `npm run soak -- calls` takes all. */
const SAMPLE = { append: 2, quit: 5, "quit-all": 7 } as const;

test(
  "a process killed at a system call leaves the old or the new mailbox, and an index that tells the truth",
  needs("strace"),
  async (t) => {
    for (const action of ACTIONS) {
      const places = await placesOf(action);
      assert.ok(places.length > 8, `${places.length} places`);
      // Another part of them each day, so that all have their turn.
      const step = SAMPLE[action];
      const first = Math.floor(Date.now() / 86_400_000) % step;
      const sample = places.filter((_, i) => i % step === first);
      let killed = 0;
      for (const place of sample) if ((await killAt(action, place)).killed) killed++;
      t.diagnostic(`${action}: killed ${killed} times, at ${sample.length} of ${places.length} places`);
      assert.ok(killed > 0);
    }
  },
);
