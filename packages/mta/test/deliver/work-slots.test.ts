/** Slots: so many in all, so many of one name, nobody forgotten. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkSlots } from "../../src/deliver/work-slots.ts";

test("one name that hangs leaves room for others; who waits starts when there is room", async () => {
  const slots = new WorkSlots({ total: 3, perName: 2 });
  const running = new Map<string, () => void>();
  const started: string[] = [];
  const start = (label: string) =>
    slots.run(label[0]!, () => {
      started.push(label);
      return new Promise<void>((end) => running.set(label, end));
    });
  const all = ["a1", "a2", "a3", "b1", "c1"].map(start);
  const turn = () => new Promise(setImmediate);
  await turn();
  assert.deepEqual(started, ["a1", "a2", "b1"]);
  running.get("b1")!();
  await turn();
  assert.deepEqual(started, ["a1", "a2", "b1", "c1"], "a has its share");
  running.get("a1")!();
  await turn();
  assert.equal(started.at(-1), "a3");
  for (const end of running.values()) end();
  await Promise.all(all);
});

test("work that fails gives its slot back", async () => {
  const slots = new WorkSlots({ total: 1, perName: 1 });
  await assert.rejects(slots.run("a", () => Promise.reject(new Error("no"))));
  assert.equal(await slots.run("a", () => Promise.resolve(1)), 1);
});

test("a name may have fewer slots than others", async () => {
  const slots = new WorkSlots({ total: 9, perName: 9 });
  const order: string[] = [];
  let release: () => void = () => undefined;
  const first = slots.run("a", () => new Promise<void>((done) => (release = done)), 1);
  const second = slots.run("a", async () => void order.push("second of a"), 1);
  await slots.run("b", async () => void order.push("b"), 1);
  release();
  await Promise.all([first, second]);
  assert.deepEqual(order, ["b", "second of a"]);
});
