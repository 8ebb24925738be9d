/** What follows from failed logins. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { guardFixture } from "./guard-fixture.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const IP = "192.0.2.1";

test("1 s, then twice as long each time, at most 16 s, counted by address or connection", (t) => {
  const { guard, fail } = guardFixture(t);
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 7].map(() => fail(IP)),
    [1000, 2000, 4000, 8000, 16_000, 16_000, 16_000],
  );
  assert.equal(fail("192.0.2.2", "li"), 1000);
  assert.equal(guard.failed({ ip: "192.0.2.3", name: "li", service: "smtp", password: "x" }, 3), 4000);
});

test("an IPv6 client is known by its /64", (t) => {
  const { fail, guard } = guardFixture(t);
  fail("2001:db8:0:1:0:0:0:1");
  assert.equal(fail("2001:db8:0:1:9:9:9:9"), 2000);
  assert.equal(fail("2001:db8:0:2::1"), 1000);
  for (let n = 0; n < 18; n++) fail(`2001:db8:0:1::${n + 2}`);
  const ban = guard.banned("2001:db8:0:1:ffff::");
  assert.equal(ban?.network, "2001:db8:0:1:0:0:0:0/64");
  assert.equal(guard.banned("2001:db8:0:2::1"), undefined);
});

test("failures outside of the window do not count", async (t) => {
  const { clock, fail, guard } = guardFixture(t);
  for (let n = 0; n < 19; n++) fail(IP);
  await clock.advance(15 * MINUTE);
  assert.equal(fail(IP), 1000);
  assert.equal(guard.banned(IP), undefined);
  for (let n = 0; n < 19; n++) fail(IP);
  assert.equal(guard.banned(IP)?.failures, 20);
});

test("a ban ends by itself; each further one is twice as long, up to the longest; time forgives", async (t) => {
  const { clock, fail, guard, lines } = guardFixture(t, "bans: { failures: 3, time: 1h, longest: 3h }");
  const provoke = () => {
    for (let n = 0; n < 3; n++) fail(IP);
    const ban = guard.banned(IP)!;
    return (ban.until - ban.since) / HOUR;
  };
  for (const [hours, times] of [
    [1, 1],
    [2, 2],
    [3, 3],
    [3, 4],
  ] as const) {
    assert.equal(provoke(), hours);
    assert.equal(guard.banned(IP)?.times, times);
    await clock.advance(hours * HOUR - 1);
    assert.ok(guard.banned(IP) !== undefined);
    await clock.advance(1);
    assert.equal(guard.banned(IP), undefined);
  }
  await clock.advance(3 * HOUR);
  assert.equal(provoke(), 1);
  assert.match(
    lines[0]!,
    /\[AUTH\] ban of 192\.0\.2\.1 until [-0-9T:]+Z: 3 failed logins, the last to wang \(ban 1\)/,
  );
});

test("what was under way when the ban came does not lengthen it", (t) => {
  const { fail, guard, clock } = guardFixture(t, "bans: { failures: 3 }");
  for (let n = 0; n < 12; n++) fail(IP);
  assert.equal(guard.banned(IP)?.times, 1);
  assert.equal(guard.banned(IP)?.until, clock.now() + HOUR);
});

test("the same wrong password again and again is slow and bans nobody", async (t) => {
  const { fail, guard, clock } = guardFixture(t);
  const delays = [];
  for (let n = 0; n < 200; n++) {
    delays.push(fail(IP, "wang", "of last year"));
    await clock.advance(MINUTE / 4);
  }
  assert.equal(delays.at(-1), 16_000);
  assert.equal(guard.banned(IP), undefined);
  for (let n = 0; n < 19; n++) fail(IP);
  assert.ok(guard.banned(IP) !== undefined, "guesses beside it do");
});

test("digests can not be told apart, and each counts", (t) => {
  const { guard } = guardFixture(t);
  for (let n = 0; n < 20; n++) guard.failed({ ip: IP, name: "wang", service: "smtp" }, 1);
  assert.equal(guard.banned(IP)?.failures, 20);
});

test("a right password forgives its own name at its own address, and nothing else", (t) => {
  const { fail, guard } = guardFixture(t);
  for (let n = 0; n < 10; n++) fail(IP, "wang");
  guard.succeeded({ ip: IP, name: "WANG", service: "pop3" });
  assert.equal(fail(IP, "wang"), 1000);
  guard.succeeded({ ip: IP, name: "wang", service: "pop3" });
  for (let n = 0; n < 19; n++) {
    fail(IP, "li");
    guard.succeeded({ ip: IP, name: "wang", service: "pop3" });
  }
  assert.equal(guard.banned(IP), undefined);
  fail(IP, "li");
  assert.equal(guard.banned(IP)?.name, "li", "who has an account does not guess others' with it");
});

test("a name that strangers guess at is slow for strangers, and not for who logged in to it", async (t) => {
  const { fail, guard, clock } = guardFixture(t);
  guard.succeeded({ ip: "198.51.100.7", name: "wang", service: "pop3" });
  const delays = Array.from({ length: 20 }, (_, n) => fail(`192.0.2.${n}`));
  assert.deepEqual(delays.slice(0, 11), Array(11).fill(1000));
  assert.deepEqual(delays.slice(11, 16), [2000, 4000, 8000, 16_000, 16_000]);
  assert.equal(fail("198.51.100.7"), 1000);
  assert.equal(fail("192.0.2.77", "li"), 1000);
  await clock.advance(15 * MINUTE);
  assert.equal(fail("192.0.2.200"), 1000);
});

test("who is exempt is slowed down and not banned, also by a ban from before", (t) => {
  const { fail, guard } = guardFixture(t, "", [IP]);
  for (let n = 0; n < 100; n++) fail(IP);
  assert.equal(guard.banned(IP), undefined);
  assert.equal(fail(IP), 16_000);
  guard.ban(IP, HOUR);
  assert.equal(guard.banned(IP), undefined);
});

test("bans.enabled: false leaves the delays", (t) => {
  const { fail, guard } = guardFixture(t, "bans: { enabled: false }");
  for (let n = 0; n < 30; n++) fail(IP);
  guard.ban(IP, HOUR);
  assert.equal(guard.banned(IP), undefined);
  assert.equal(fail(IP), 16_000);
});

test("a ban by hand, the list, and what is lifted", async (t) => {
  const { fail, guard, another, clock } = guardFixture(t);
  const commands = another();
  assert.deepEqual(commands.list(), []);
  commands.ban("203.0.113.9", 2 * HOUR);
  commands.ban("2001:db8::5", HOUR / 2);
  for (let n = 0; n < 20; n++) fail(IP);
  await clock.advance(1);
  assert.equal(guard.banned("203.0.113.9")?.times, 1);
  assert.deepEqual(
    commands.list().map(({ network }) => network),
    ["2001:db8:0:0:0:0:0:0/64", IP, "203.0.113.9"],
  );
  assert.equal(commands.lift(({ network }) => network === IP).length, 1);
  assert.equal(guard.banned(IP), undefined);
  assert.equal(fail(IP, "li"), 1000, "its failures are forgotten");
  assert.equal(commands.lift(() => true).length, 2);
  assert.deepEqual(guard.list(), []);
});
