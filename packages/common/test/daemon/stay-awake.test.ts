import assert from "node:assert/strict";
import test from "node:test";
import { StayAwake } from "../../src/daemon/stay-awake.ts";

/** A loop whose time and turns the test decides: a turn takes so long, and is counted. */
function loop({ processors = 2, clients = 1 } = {}) {
  let time = 0;
  let turns = 0;
  let look: (() => void) | undefined;
  const others = { clients };
  const stayAwake = new StayAwake(() => others.clients <= 1, {
    now: () => time,
    nextTurn: (next) => {
      assert.equal(look, undefined, "one turn is asked for at a time");
      look = next;
    },
    processors,
  });
  /** Lets time pass; the loop turns as long as it is asked to, every 0.01 ms. */
  const pass = (ms: number): number => {
    const before = turns;
    for (const end = time + ms; time < end - 1e-9; time += 0.01) {
      const next = look;
      look = undefined;
      if (next === undefined) continue;
      turns += 1;
      next();
    }
    return turns - before;
  };
  return { stayAwake, pass, others, isAwake: () => look !== undefined };
}

test("the loop is awake when the only client goes on at once, and asleep when it does not", () => {
  const { stayAwake, pass, isAwake } = loop();
  stayAwake.came();
  stayAwake.answered();
  assert.ok(isAwake());
  assert.equal(pass(0.03), 3);
  stayAwake.came();
  assert.equal(pass(1), 1, "what comes next is waited for after the next reply");
  assert.ok(!isAwake());

  stayAwake.answered();
  const turns = pass(1000);
  assert.ok(turns > 5 && turns <= 11, `${turns} turns, a tenth of a millisecond`);
  assert.ok(!isAwake());
});

test("each reply begins a wait of its own", () => {
  const { stayAwake, pass, isAwake } = loop();
  for (let i = 0; i < 100; i += 1) {
    stayAwake.answered();
    pass(0.05);
    assert.ok(isAwake());
    stayAwake.came();
  }
  assert.equal(pass(1), 1);
});

test("a client that is far away is hardly ever waited for, until one is near", () => {
  const { stayAwake, pass } = loop();
  const conversation = (commands: number, delay: number): number => {
    let turns = 0;
    for (let i = 0; i < commands; i += 1) {
      stayAwake.answered();
      turns += pass(delay);
      stayAwake.came();
    }
    return turns;
  };
  conversation(10, 20);
  const far = conversation(640, 20);
  assert.ok(far > 0 && far <= 10 * 11, `${far} turns for 640 replies`);
  // It is found out within some sessions that waiting is worth it again.
  conversation(200, 0.03);
  assert.ok(conversation(100, 0.03) >= 100 * 3);
});

test("a near client whose sessions end, each with a reply that nothing follows, is waited for on and on", () => {
  const { stayAwake, pass } = loop();
  for (let session = 0; session < 100; session += 1) {
    for (let command = 0; command < 6; command += 1) {
      stayAwake.answered();
      assert.ok(pass(0.03) > 0, `session ${session}`);
      stayAwake.came();
    }
    stayAwake.answered();
    pass(10);
  }
});

test("nothing is waited for with several clients, or on one processor", () => {
  const several = loop({ clients: 2 });
  several.stayAwake.answered();
  assert.ok(!several.isAwake());
  several.others.clients = 1;
  several.stayAwake.answered();
  assert.ok(several.isAwake());

  const single = loop({ processors: 1 });
  single.stayAwake.answered();
  assert.ok(!single.isAwake());
});
