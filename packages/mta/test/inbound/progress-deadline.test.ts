import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { DATA_PIECE, ProgressDeadline } from "../../src/inbound/progress-deadline.ts";
import { startInbound } from "./fake-inbound.ts";

const LIMIT = 300_000;

function deadline() {
  const clock = new ManualClock();
  const state = { late: 0, working: false };
  const made = new ProgressDeadline({
    clock,
    limit: LIMIT,
    isServerAtWork: () => state.working,
    onLate: () => state.late++,
  });
  return { clock, state, deadline: made };
}

test("whoever finishes a command within the limit goes on, whoever does not is late once", async () => {
  const { clock, state, deadline: d } = deadline();
  for (let i = 0; i < 5; i++) {
    await clock.advance(LIMIT - 1);
    d.progress();
  }
  assert.equal(state.late, 0);
  await clock.advance(LIMIT);
  assert.equal(state.late, 1);
  assert.equal(clock.waiting, 0);
});

test("of a message only a good piece counts", async () => {
  const { clock, state, deadline: d } = deadline();
  await clock.advance(LIMIT - 1);
  d.received(DATA_PIECE - 1);
  d.received(1);
  await clock.advance(LIMIT - 1);
  assert.equal(state.late, 0);
  d.received(100);
  await clock.advance(1);
  assert.equal(state.late, 1);
});

test("time in which the client waits for us does not count, and the end is the end", async () => {
  const { clock, state, deadline: d } = deadline();
  state.working = true;
  await clock.advance(10 * LIMIT);
  state.working = false;
  await clock.advance(LIMIT - 1);
  assert.equal(state.late, 0);
  d.stop();
  await clock.advance(10 * LIMIT);
  assert.equal(state.late, 0);
});

test("a client that trickles bytes loses its session, before a command's end and within a message", async (t) => {
  const clock = new ManualClock();
  const host = await startInbound({ clock, accounts: ["alice"] });
  t.after(() => host.stop());
  for (const before of [[], ["EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<alice@localhost>", "DATA"]]) {
    const client = await host.client();
    for (const line of before) assert.match(await client.say(line), /^[23]/);
    for (let i = 0; i < 4; i++) {
      client.write("x");
      await clock.advance(LIMIT / 4);
    }
    assert.match(await client.reply(), /^421 4\.4\.2 /);
    client.end();
  }
  while (host.open() > 0) await new Promise(setImmediate);
});
