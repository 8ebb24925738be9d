import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { open, type RootDatabase } from "lmdb";
import { type HostStatus, openHostStatus } from "../../src/deliver/host-status.ts";

const MINUTE = 60_000;
const interval = 20 * MINUTE;
const refused = { code: 421, enhanced: "4.4.1", text: "Connection refused by mx.example." };
let dir: string;
let db: RootDatabase;
let clock: ManualClock;
let hosts: HostStatus;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mailhost-hosts-"));
  db = open({ path: join(dir, "hosts.mdb") });
  clock = new ManualClock();
  hosts = openHostStatus(db, { interval, clock });
});

afterEach(async () => {
  await db.close();
  rmSync(dir, { recursive: true });
});

test("the wait doubles with each failure up to sixteen intervals", async () => {
  const waits: number[] = [];
  for (let i = 0; i < 7; i++) {
    const until = await hosts.failed("x", refused);
    waits.push((until - clock.now()) / interval);
    assert.deepEqual(hosts.waiting("x")?.reply, refused);
    await clock.advance(until - clock.now());
    assert.equal(hosts.waiting("x"), undefined, "its time has come");
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 16, 16]);
});

test("failures of calls that were under way together count once", async () => {
  const times = await Promise.all([hosts.failed("x", refused), hosts.failed("y", refused)]);
  assert.equal(await hosts.failed("x", refused), times[0]);
  assert.deepEqual(
    hosts.list().map((host) => [host.key, host.failures]),
    [
      ["x", 1],
      ["y", 1],
    ],
  );
});

test("a success clears it, and a restart does not", async () => {
  const until = await hosts.failed("x", refused);
  await hosts.failed("y", refused);
  const later = openHostStatus(db, { interval, clock });
  assert.equal(later.waiting("x")?.until, until);
  await later.succeeded("x");
  await later.succeeded("never in trouble");
  assert.equal(later.waiting("x"), undefined);
  assert.deepEqual(
    later.list().map((host) => host.key),
    ["y"],
  );
});

test("destinations that nobody calls any more are forgotten", async () => {
  await hosts.failed("old", refused);
  await clock.advance(interval * 16 * 40);
  await hosts.failed("new", refused);
  assert.deepEqual(
    hosts.list().map((host) => host.key),
    ["new"],
  );
});

test("a failure counts no longer than it is to be remembered, and survives a restart", async () => {
  const options = { interval, remember: 30 * MINUTE, clock };
  const before = openHostStatus(db, options);
  assert.equal(await before.failed("x", refused), clock.now() + interval);
  await clock.advance(interval);
  assert.equal(await before.failed("x", refused), clock.now() + 30 * MINUTE);
  await db.close();
  db = open({ path: join(dir, "hosts.mdb") });
  const after = openHostStatus(db, options);
  assert.deepEqual(after.waiting("x")?.reply, refused);
  await clock.advance(30 * MINUTE);
  assert.equal(after.waiting("x"), undefined);
});
