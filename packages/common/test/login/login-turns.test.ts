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
