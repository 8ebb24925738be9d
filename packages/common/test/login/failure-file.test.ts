/** The memory of failures: shared, bounded, and nothing that stops a login. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import fc from "fast-check";
import { decodeAddress, encodeAddress } from "../../src/login/address-record.ts";
import { ownPages } from "../../src/login/failure-file.ts";
import { loginMemory } from "../../src/login/login-memory.ts";
import { decodeName, encodeName } from "../../src/login/name-record.ts";
import { guardFixture } from "./guard-fixture.ts";

const IP = "192.0.2.1";

test("what one process saw the others know", (t) => {
  const { site, guard, another, fail } = guardFixture(t, "bans: { failures: 4 }");
  const other = another();
  assert.equal(other.banned(IP), undefined);
  fail(IP);
  assert.equal(other.failed({ ip: IP, name: "wang", service: "smtp", password: "a" }, 1), 2000);
  assert.equal(fail(IP), 4000);
  other.failed({ ip: IP, name: "wang", service: "smtp", password: "b" }, 1);
  assert.equal(guard.banned(IP)?.failures, 4);
  const file = join(site.stateDir, "login-failures");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(!readFileSync(file, "latin1").includes("guess"), "no password is in it");
});

test("processes that come and go and fail at once count together", async (t) => {
  const { site, clock, guard } = guardFixture(t);
  const child = fileURLToPath(new URL("./failing-child.ts", import.meta.url));
  const run = () =>
    promisify(execFile)(process.execPath, [
      ...["--conditions=@mailhost/source", "--import", "tsx", child],
      ...[site.root, IP, String(clock.now())],
    ]);
  await Promise.all([run(), run(), run(), run()]);
  // Four times five; of two in the same few microseconds one may be lost.
  const delay = guard.failed({ ip: IP, name: "wang", service: "pop3" }, 1);
  assert.equal(delay, 16_000);
});

test("a file that was removed is begun anew, and one of another form is put away", async (t) => {
  const { site, guard, clock, fail } = guardFixture(t, "bans: { failures: 2 }");
  const file = join(site.stateDir, "login-failures");
  writeFileSync(file, Buffer.alloc(131_072, 7));
  fail(IP);
  fail(IP);
  assert.ok(guard.banned(IP) !== undefined);
  rmSync(file);
  await clock.advance(1000);
  assert.equal(guard.banned(IP), undefined);
  fail(IP);
  assert.ok(statSync(file).size > 4096);
});

test("damage forgives and stops nothing", (t) => {
  const { site, guard, fail, another } = guardFixture(t, "bans: { failures: 2 }");
  const file = join(site.stateDir, "login-failures");
  fail(IP);
  fail(IP);
  assert.ok(guard.banned(IP) !== undefined);
  const data = readFileSync(file);
  data.fill(0x55, 4096);
  writeFileSync(file, data);
  assert.equal(guard.banned(IP), undefined);
  assert.deepEqual(guard.list(), []);
  fail(IP);
  truncateSync(file, 5000);
  assert.equal(guard.banned(IP), undefined);
  truncateSync(file, 10);
  assert.equal(another().banned(IP), undefined);
});

test("a file that can not be used is told once, and this process remembers by itself", (t) => {
  const { site, guard, fail, lines } = guardFixture(t, "bans: { failures: 2 }");
  mkdirSync(join(site.stateDir, "login-failures"));
  assert.deepEqual([fail(IP), fail(IP)], [1000, 2000]);
  assert.ok(guard.banned(IP) !== undefined);
  assert.equal(guard.list().length, 1);
  assert.equal(lines.filter((line) => line.includes("each process alone")).length, 1);
});

test("twenty thousand addresses leave the file as large as it is, and bans in their places", (t) => {
  const { site, guard, fail } = guardFixture(t);
  const banned = Array.from({ length: 50 }, (_, n) => `198.51.100.${n}`);
  for (const ip of banned) guard.ban(ip, 3_600_000);
  for (let n = 0; n < 20_000; n++) fail(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, `name${n}`);
  const { size } = statSync(join(site.stateDir, "login-failures"));
  assert.ok(size <= 21 * 1024 * 1024, `${size} octets`);
  assert.ok(banned.every((ip) => guard.banned(ip) !== undefined));
  assert.equal(guard.list().length, 50);
});

test("records come back as they were written", () => {
  const time = fc.nat(2 ** 45);
  const record = fc.record({
    network: fc.oneof(
      fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => octets.join(".")),
      fc
        .array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
        .map((groups) => groups.map((group) => group.toString(16)).join(":")),
    ),
    touched: time,
    failures: fc.array(
      fc.record({ at: time, name: fc.nat(0xffffffff), password: fc.nat(0xffff), times: fc.nat(0xffff) }),
      { maxLength: 64 },
    ),
    lastName: fc.string({ maxLength: 16, unit: "grapheme" }).filter((name) => Buffer.byteLength(name) <= 64),
    since: time,
    until: time,
    banFailures: fc.nat(0xffff),
    bans: fc.nat(0xffff),
  });
  const key = Buffer.alloc(16, 3);
  fc.assert(
    fc.property(record, fc.nat(1023), (given, at) => {
      const data = encodeAddress(key, given);
      assert.deepEqual(decodeAddress(data), structuredClone(given));
      data[at] = data[at]! ^ 0xff;
      assert.equal(decodeAddress(data), undefined);
    }),
  );
  const name = fc.record({
    touched: time,
    level: fc.double({ min: 0, max: 1e6, noNaN: true }),
    known: fc.array(fc.nat(0xffffffff), { maxLength: 16 }),
  });
  fc.assert(
    fc.property(name, (given) =>
      assert.deepEqual(decodeName(encodeName(key, given)), structuredClone(given)),
    ),
  );
});

test("a long name is cut at a whole character", () => {
  const record = decodeAddress(
    encodeAddress(Buffer.alloc(16), {
      ...{ network: IP, touched: 1, failures: [], since: 0, until: 0, banFailures: 0, bans: 0 },
      lastName: "王".repeat(500),
    }),
  );
  assert.equal(record?.lastName, "王".repeat(21));
});

test("names that somebody logged in to stay while others are guessed at", () => {
  let now = 1;
  const memory = loginMemory(ownPages(), () => now);
  memory.putName("owner", { touched: 0, level: 0, known: [1] });
  for (let n = 0; n < 60_000; n++) memory.putName(`guess${n}`, { touched: now++, level: 1, known: [] });
  assert.deepEqual(memory.name("owner")?.known, [1]);
});
