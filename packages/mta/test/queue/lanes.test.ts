import assert from "node:assert/strict";
import test from "node:test";
import { Lanes } from "../../src/queue/lanes.ts";

const LIMITS = { total: 10, first: 2, perLane: 4, failing: 1, putOff: 3 };
const START = { at: 0, id: "", lane: "" };

function fill(lanes: Lanes, name: string, count: number, from = 0): void {
  for (let i = from; i < from + count; i++) lanes.offer(name, `${name}${i}`, { at: i, id: "", lane: "" });
}

test("lanes take turns", () => {
  const lanes = new Lanes(LIMITS);
  fill(lanes, "a", 3);
  fill(lanes, "b", 3);
  const order = [lanes.take(), lanes.take(), lanes.take(), lanes.take(), lanes.take()].map((t) => t?.id);
  assert.deepEqual(order, ["a0", "b0", "a1", "b1", undefined]);
});

test("a success lets a lane grow, a failure leaves it one attempt at a time", () => {
  const lanes = new Lanes(LIMITS);
  fill(lanes, "a", 20);
  const first = lanes.take()!;
  lanes.take();
  assert.equal(lanes.take(), undefined);
  lanes.finished(first.lane, "delivered");
  assert.ok(lanes.take());
  assert.ok(lanes.take());
  assert.equal(lanes.take(), undefined);
  for (let i = 0; i < 3; i++) lanes.finished(first.lane, "deferred");
  assert.ok(first.lane.failing);
  assert.ok(lanes.take());
  assert.equal(lanes.take(), undefined);
});

test("a lane that had nothing to do begins where its successes had brought it, and anew after a failure", () => {
  const lanes = new Lanes(LIMITS);
  const startable = () => {
    fill(lanes, "a", 20);
    let count = 0;
    while (lanes.take() !== undefined) count++;
    return count;
  };
  const end = (count: number, result: "delivered" | "deferred") => {
    const lane = lanes.find("a")!;
    lanes.clear();
    for (let i = 0; i < count; i++) lanes.finished(lane, result);
    assert.equal(lanes.find("a"), undefined);
  };
  assert.equal(startable(), LIMITS.first);
  end(LIMITS.first, "delivered");
  assert.equal(startable(), LIMITS.perLane);
  end(LIMITS.perLane, "deferred");
  assert.equal(startable(), LIMITS.first);
});

test("when all turns are taken, a lane with none still gets one", () => {
  const lanes = new Lanes({ ...LIMITS, total: 2 });
  fill(lanes, "a", 5);
  assert.ok(lanes.take());
  assert.ok(lanes.take());
  fill(lanes, "b", 5);
  assert.equal(lanes.take()?.id, "b0");
  assert.equal(lanes.take(), undefined);
});

test("what a lane has no room for is fetched from where it was left", () => {
  const lanes = new Lanes(LIMITS);
  fill(lanes, "a", 150);
  assert.equal(lanes.waiting, 100);
  const { lane } = lanes.take()!;
  assert.deepEqual(lane.skipped, { at: 100, id: "", lane: "" });
  assert.equal(lanes.finished(lane, "none"), undefined);
  for (let more: string | undefined; more === undefined; ) more = lanes.finished(lanes.take()!.lane, "none");
  assert.equal(lanes.waiting, 50);
});

test("the room of a lane shrinks when many wait, down to none", () => {
  const lanes = new Lanes(LIMITS);
  for (let i = 0; i < 100; i++) fill(lanes, `lane${i}/`, 100);
  assert.equal(lanes.waiting, 10_000);
  fill(lanes, "late/", 100);
  assert.equal(lanes.waiting, 10_010);
  for (let i = 0; i < 200_000 && !lanes.full; i++) lanes.offer(`single${i}`, `single${i}`, START);
  assert.equal(lanes.waiting, 100_000);
  assert.equal(lanes.offer("another", "x", START), false);
});

test("messages that are in memory anyway wait for their turn in far larger numbers, to a bound", () => {
  const lanes = new Lanes(LIMITS);
  const offered = (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => lanes.offerNew(name, `${name}${i}`, START)).filter(Boolean)
      .length;
  assert.equal(offered("a", 6000), 5100, "beyond it as many as any other");
  for (const name of ["b", "c", "d"]) assert.equal(offered(name, 5000), 5000);
  assert.equal(offered("e", 200), 100);
  assert.equal(lanes.waiting, 20_200);
});

test("new messages and those of the due index take turns, and leave each other their room", () => {
  const lanes = new Lanes(LIMITS);
  for (let i = 0; i < 5000; i++) assert.ok(lanes.offerNew("a", `new${i}`, START));
  assert.ok(lanes.offerNew("a", "new0", START), "once is enough");
  fill(lanes, "a", 100);
  assert.equal(lanes.waiting, 5100);
  const order = [];
  for (let i = 0; i < 4; i++) {
    const { id, lane } = lanes.take()!;
    order.push(id);
    lanes.finished(lane, "delivered");
  }
  assert.deepEqual(order, ["a0", "new0", "a1", "new1"]);
  lanes.clear();
  assert.equal(lanes.waiting, 0);
  assert.equal(lanes.take(), undefined);
});

test("while a destination fails, new messages for it wait in the due index", () => {
  const lanes = new Lanes(LIMITS);
  fill(lanes, "a", 20);
  lanes.finished(lanes.take()!.lane, "deferred");
  const taken = Array.from({ length: 500 }, (_, i) => lanes.offerNew("a", `new${i}`, START));
  assert.equal(taken.filter(Boolean).length, 81);
});

test("an id waits once; startAtOnce passes nobody who waits", () => {
  const lanes = new Lanes(LIMITS);
  assert.ok(lanes.offer("a", "x", START));
  assert.ok(lanes.offer("a", "x", START));
  assert.equal(lanes.waiting, 1);
  assert.equal(lanes.startAtOnce("a"), undefined);
  assert.ok(lanes.startAtOnce("b"));
});

test("messages for a destination that is left alone are put off several at once", () => {
  const lanes = new Lanes(LIMITS);
  fill(lanes, "a", 20);
  lanes.finished(lanes.take()!.lane, "put-off");
  const taken = [lanes.take(), lanes.take(), lanes.take(), lanes.take()];
  assert.deepEqual(
    taken.map((t) => t?.id),
    ["a1", "a2", "a3", undefined],
  );
  assert.ok(taken[0]?.lane.failing);
});
