import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Levels, type Measures } from "../../src/overload/levels.ts";

const QUIET: Measures = { turn: 2, commit: 4, delivery: 60 };

/** Gives the same measures twice a second for so long, and returns the levels, one a look. */
function during(levels: Levels, from: number, seconds: number, measures: Partial<Measures>): string[] {
  return Array.from({ length: seconds * 2 }, (_, i) =>
    levels.observe(from + i * 500, { ...QUIET, ...measures }),
  );
}

test("a measure that stays over its limit for a second begins a level, a single pause does not", () => {
  const levels = new Levels();
  assert.deepEqual(during(levels, 0, 1, { turn: 30_000 }).slice(0, 1), ["none"]);
  assert.deepEqual(during(levels, 500, 2, {}), ["none", "none", "none", "none"]);
  assert.deepEqual(during(levels, 10_000, 2, { turn: 1_100 }), ["none", "none", "others", "others"]);
});

test("it ends when everything has been below half of the limit for two seconds", () => {
  const levels = new Levels();
  during(levels, 0, 3, { commit: 2_500 });
  assert.deepEqual(new Set(during(levels, 3_000, 10, { commit: 1_100 })), new Set(["others"]));
  assert.deepEqual(during(levels, 13_000, 3, { commit: 900 }), [
    ...["others", "others", "others", "others"],
    ...["none", "none"],
  ]);
});

test("each measure has limits of its own, and the highest level counts", () => {
  const level = (measures: Partial<Measures>) => during(new Levels(), 0, 5, measures).at(-1);
  assert.equal(level({}), "none");
  assert.equal(level({ turn: 900, commit: 1_900, delivery: 4_900 }), "none");
  assert.equal(level({ delivery: 6_000 }), "slow");
  assert.equal(level({ delivery: 31_000 }), "others");
  assert.equal(level({ delivery: 121_000 }), "all");
  assert.equal(level({ turn: 4_100 }), "all");
  assert.equal(level({ commit: 8_100 }), "all");
  assert.equal(level({ commit: 8_100, delivery: 6_000 }), "all");
});

test("it comes down step by step", () => {
  const levels = new Levels();
  during(levels, 0, 3, { delivery: 200_000 });
  assert.equal(during(levels, 3_000, 3, { delivery: 50_000 }).at(-1), "others");
  assert.equal(during(levels, 6_000, 3, { delivery: 10_000 }).at(-1), "slow");
  assert.equal(during(levels, 9_000, 3, { delivery: 1_000 }).at(-1), "none");
});

test("whatever was measured, five quiet seconds end it, and it changes at most once a second", () => {
  const ms = fc.integer({ min: 0, max: 200_000 });
  fc.assert(
    fc.property(fc.array(fc.record({ turn: ms, commit: ms, delivery: ms }), { maxLength: 60 }), (all) => {
      const levels = new Levels();
      let [changes, before] = [0, "none"];
      for (const [i, measures] of all.entries()) {
        const level = levels.observe(i * 500, measures);
        if (level !== before) changes += 1;
        before = level;
      }
      assert.ok(changes <= all.length / 2);
      assert.equal(during(levels, all.length * 500, 5, {}).at(-1), "none");
    }),
  );
});
