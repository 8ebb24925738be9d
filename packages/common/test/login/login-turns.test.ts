/** Whose password is looked at next. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type LoginStanding, LoginTurns, seated } from "../../src/login/login-turns.ts";

test("known before clean before failed, and each address in turn", async () => {
  const turns = new LoginTurns(1);
  const order: string[] = [];
  await turns.take();
  const come = (standing: LoginStanding, network: string, label: string) =>
    seated({ standing, network }, async () => {
      await turns.take();
      order.push(label);
      turns.leave();
    });
  const all = [
    come("failed", "a", "guess 1"),
    come("clean", "b", "flood 1"),
    come("clean", "b", "flood 2"),
    come("clean", "b", "flood 3"),
    come("clean", "c", "new"),
    come("known", "d", "owner"),
  ];
  turns.leave();
  await Promise.all(all);
  assert.deepEqual(order, ["owner", "flood 1", "new", "flood 2", "flood 3", "guess 1"]);
});

test("as many at once as there may be, and no turn is lost", async () => {
  const turns = new LoginTurns(3);
  let running = 0;
  let most = 0;
  const one = async () => {
    await turns.take();
    most = Math.max(most, ++running);
    await new Promise(setImmediate);
    running--;
    turns.leave();
  };
  await Promise.all(Array.from({ length: 50 }, one));
  await one();
  assert.deepEqual([most, running], [3, 0]);
});

test("those who have failed lately take some places alone, and the others find one", async () => {
  const turns = new LoginTurns(4, 2);
  const running = new Set<string>();
  const ends: (() => void)[] = [];
  const come = (standing: LoginStanding, label: string) =>
    seated({ standing, network: label }, async () => {
      await turns.take();
      running.add(label);
      await new Promise<void>((end) => ends.push(end));
      running.delete(label);
      turns.leave();
    });
  const settled = () => new Promise(setImmediate);
  const all = ["guess 1", "guess 2", "guess 3"].map((label) => come("failed", label));
  await settled();
  assert.deepEqual([...running], ["guess 1", "guess 2"]);
  all.push(come("clean", "new"), come("known", "owner"));
  await settled();
  assert.deepEqual([...running], ["guess 1", "guess 2", "new", "owner"]);
  ends[2]?.();
  await settled();
  assert.equal(running.has("guess 3"), false, "a place that others left is not for it");
  ends[0]?.();
  await settled();
  assert.equal(running.has("guess 3"), true);
  for (let n = 0; n < 6; n++) {
    for (const end of ends.splice(0)) end();
    await settled();
  }
  await Promise.all(all);
  assert.equal(running.size, 0);
});
