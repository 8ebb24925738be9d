/**
 * Some seconds of each fuzzer, which begins with all inputs that ever failed; `npm run fuzz` is the long run.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { commandsTarget } from "./commands-target.ts";
import { fuzz, type Target } from "./fuzzing.ts";
import { mboxTarget } from "./mbox-target.ts";

const DURATION = 4000;

async function short(t: TestContext, target: Target): Promise<void> {
  t.after(() => target.close());
  const seed = Date.now() % 2 ** 31;
  const { runs, kinds, failure } = await fuzz(target, { duration: DURATION, seed, keep: false });
  t.diagnostic(`seed ${seed}: ${runs} inputs, ${kinds} kinds`);
  const text = failure?.input.toString("latin1");
  assert.equal(failure?.error, undefined, `seed ${seed}: ${JSON.stringify(text)}: ${String(failure?.error)}`);
}

test("what clients send is cut into commands, and every session ends well", async (t) => {
  await short(t, await commandsTarget(t));
});

test("an mbox is read as the slow and obvious way reads it, before changes and after", async (t) => {
  await short(t, mboxTarget());
});
