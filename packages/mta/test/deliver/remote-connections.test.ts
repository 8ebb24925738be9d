/**
 * Destinations and their connections: dead ones, idle ones, how many at once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostStatus } from "../../src/deliver/host-status.ts";
import { settled, until } from "./fake-peer.ts";
import { clock, closeMailer, deliver, hosts, MINUTE, newMailer, peerAt, useRemoteRig } from "./remote-rig.ts";

useRemoteRig();

test("a thousand messages for a dead destination cost one connection, and delay nobody else", async () => {
  const dead = await peerAt("mx1.example", { greeting: { lastWords: "421 4.3.2 down" } });
  const alive = await peerAt("mx2.example");
  const deliveries = Array.from({ length: 1000 }, (_, i) => deliver([`u${i}@one.example`]));
  const [other] = await deliver(["x@other.example"]);
  assert.equal(other?.kind, "delivered");
  assert.equal(alive.messages.length, 1);
  const retryAt = clock.now() + 20 * MINUTE;
  for (const [outcome] of await Promise.all(deliveries)) {
    assert.equal(outcome?.kind === "deferred" && outcome.retryAt, retryAt);
    assert.equal(outcome?.reply.text, "down");
  }
  assert.equal(dead.connections, 1);
  await deliver(["late@one.example"]);
  assert.equal(dead.connections, 1, "left alone");
  await clock.advance(20 * MINUTE);
  await Promise.all(Array.from({ length: 50 }, (_, i) => deliver([`u${i}@one.example`])));
  assert.equal(dead.connections, 2, "one call when its time has come");
  assert.equal(hosts.list()[0]?.failures, 2);
});

test("forced attempts call at once, together once, and a success ends the wait", async () => {
  const dead = await peerAt("mx1.example", { greeting: "421 4.3.2 down" });
  await deliver(["a@one.example"]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => deliver([`u${i}@one.example`], true)));
  assert.equal(dead.connections, 2);
  await dead.close();
  await peerAt("mx1.example");
  await clock.advance(1);
  const [outcome] = await deliver(["a@one.example"], true);
  assert.equal(outcome?.kind, "delivered");
  assert.deepEqual(hosts.list(), []);
  assert.equal((await deliver(["a@one.example"]))[0]?.kind, "delivered");
});

test("a connection serves the next message, and is given up after two seconds", async () => {
  const peer = await peerAt("mx1.example");
  for (let i = 0; i < 3; i++) await deliver(["a@one.example"]);
  assert.equal(peer.connections, 1);
  assert.equal(peer.messages.length, 3);
  assert.ok(!peer.lines.includes("RSET"));
  await clock.advance(2_000);
  await until(() => peer.lines.includes("QUIT") && peer.open === 0);
  await deliver(["a@one.example"]);
  assert.equal(peer.connections, 2);
});

test("the connections of a burst serve the next one, and those that are not needed any more end", async () => {
  const peer = await peerAt("mx1.example");
  await deliver(["first@one.example"]);
  const burst = async (name: string) => {
    const outcomes = await Promise.all(
      Array.from({ length: 8 }, (_, i) => deliver([`${name}${i}@one.example`])),
    );
    assert.ok(outcomes.every(([outcome]) => outcome?.kind === "delivered"));
  };
  await burst("a");
  assert.equal(peer.connections, 8);
  await burst("b");
  assert.equal(peer.connections, 8, "all of them are there still");
  await clock.advance(1_500);
  await deliver(["later@one.example"]);
  await clock.advance(1_000);
  await until(() => peer.open === 1);
  await deliver(["last@one.example"]);
  assert.equal(peer.connections, 8, "the one that was used last goes on");
});

test("an idle connection that the other side gives up costs nothing", async () => {
  const peer = await peerAt("mx1.example", {
    answer: (line, all) =>
      line.startsWith("MAIL") && all.connections === 1 && all.messages.length === 1 ? "close" : undefined,
  });
  await deliver(["a@one.example"]);
  assert.equal((await deliver(["b@one.example"]))[0]?.kind, "delivered");
  assert.equal(peer.connections, 2);
  assert.deepEqual(hosts.list(), []);
});

test("a destination has as many connections as are allowed, and no more", async () => {
  let most = 0;
  const peer = await peerAt("mx1.example", {
    extensions: [],
    answer: (_line, all) => {
      most = Math.max(most, all.open);
      return undefined;
    },
  });
  const limited = newMailer(3);
  const outcomes = await Promise.all(
    Array.from({ length: 40 }, (_, i) => deliver([`u${i}@one.example`], false, limited)),
  );
  assert.ok(outcomes.every(([outcome]) => outcome?.kind === "delivered"));
  assert.equal(peer.messages.length, 40);
  assert.equal(most, 3);
  assert.equal(peer.connections, 3);
  await limited.close();
  await until(() => peer.open === 0);
});

test("more than a hundred recipients go in several transactions over one connection", async () => {
  const peer = await peerAt("mx1.example");
  const outcomes = await deliver(Array.from({ length: 250 }, (_, i) => `u${i}@one.example`));
  assert.ok(outcomes.every((outcome) => outcome.kind === "delivered"));
  assert.deepEqual(
    peer.messages.map((message) => message.rcpts.length),
    [100, 100, 50],
  );
  assert.equal(peer.connections, 1);
});

test("recipients over the server's own limit follow in the next transaction", async () => {
  let rcpts = 0;
  const peer = await peerAt("mx1.example", {
    answer: (line) => {
      if (line.startsWith("MAIL")) rcpts = 0;
      return line.startsWith("RCPT") && ++rcpts > 4 ? "452 4.5.3 too many recipients" : undefined;
    },
  });
  const outcomes = await deliver(Array.from({ length: 10 }, (_, i) => `u${i}@one.example`));
  assert.ok(outcomes.every((outcome) => outcome.kind === "delivered"));
  assert.deepEqual(
    peer.messages.map((message) => message.rcpts.length),
    [4, 4, 2],
  );
});

test("a status table that fails undoes no delivery", async () => {
  await peerAt("mx1.example");
  const broken: HostStatus = {
    waiting: () => undefined,
    failed: () => Promise.reject(new Error("disk full")),
    succeeded: () => Promise.reject(new Error("disk full")),
    list: () => [],
  };
  const other = newMailer(2, broken);
  assert.equal((await deliver(["a@one.example"], false, other))[0]?.kind, "delivered");
  assert.equal((await deliver(["a@other.example"], false, other))[0]?.kind, "deferred");
  assert.equal((await deliver(["b@one.example"], false, other))[0]?.kind, "delivered");
  await other.close();
});

test("close lets what is under way finish and says QUIT to the rest", async () => {
  let asks = 0;
  const peer = await peerAt("mx1.example", {
    answer: (line) => {
      if (line === ".") asks++;
      return undefined;
    },
  });
  const running = deliver(["a@one.example"]);
  const closing = closeMailer();
  assert.equal((await running)[0]?.kind, "delivered");
  await closing;
  await settled();
  assert.equal(asks, 1);
  assert.equal(peer.lines.at(-1), "QUIT");
  assert.equal(peer.open, 0);
});
