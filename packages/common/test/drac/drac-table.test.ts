import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../src/clock.ts";
import { dracExclusion } from "../../src/drac/drac-exclusion.ts";
import { openDracTable } from "../../src/drac/drac-table.ts";
import { parseSettings } from "../../src/settings/load.ts";
import { siteAt } from "../../src/site.ts";
import { whileItIsOpened } from "../../src/testing/held-gate.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { recordingLog } from "../tables/recording-log.ts";

const MINUTE = 60_000;
const lifetime = 30 * MINUTE;

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "drac-"));
  const site = siteAt(root);
  t.after(() => rmSync(root, { recursive: true, force: true }));
  return { root, site, clock: new ManualClock(), file: join(site.stateDir, "drac.mdb") };
}

test("a recorded address is permitted until its time is over, and renewed by a second record", async (t) => {
  const { site, clock } = fixture(t);
  const table = openDracTable(site, { lifetime, clock });
  t.after(() => table.close());
  assert.equal(table.permits("10.0.0.1"), undefined);
  await table.record("10.0.0.1", "anna");
  assert.deepEqual(table.permits("10.0.0.1"), {
    ip: "10.0.0.1",
    user: "anna",
    expiresAt: clock.now() + lifetime,
  });
  assert.equal(table.permits("10.0.0.2"), undefined);
  await clock.advance(20 * MINUTE);
  await table.record("10.0.0.1", "anna");
  await clock.advance(lifetime - 1);
  assert.equal(table.permits("10.0.0.1")?.user, "anna");
  await clock.advance(1);
  assert.equal(table.permits("10.0.0.1"), undefined);
  assert.deepEqual(table.list(), []);
});

test("an address counts in all its spellings", async (t) => {
  const { site, clock } = fixture(t);
  const table = openDracTable(site, { lifetime, clock });
  t.after(() => table.close());
  await table.record("::ffff:10.0.0.1", "anna");
  await table.record("2001:DB8::1", "bert");
  assert.equal(table.permits("10.0.0.1")?.user, "anna");
  assert.equal(table.permits("2001:db8:0:0:0:0:0:1")?.user, "bert");
  assert.equal(table.permits("2001:db8::2"), undefined);
  await table.record("no address", "eve");
  assert.equal(table.permits("no address"), undefined);
  assert.equal(table.list().length, 2);
  assert.equal(await table.remove("10.0.0.1"), true);
  assert.equal(await table.remove("10.0.0.1"), false);
  assert.equal(table.permits("10.0.0.1"), undefined);
});

test("the list is in order of expiry", async (t) => {
  const { site, clock } = fixture(t);
  const table = openDracTable(site, { lifetime, clock });
  t.after(() => table.close());
  for (const ip of ["10.0.0.3", "10.0.0.1", "10.0.0.2"]) {
    await table.record(ip, "u");
    await clock.advance(MINUTE);
  }
  assert.deepEqual(
    table.list().map((e) => e.ip),
    ["10.0.0.3", "10.0.0.1", "10.0.0.2"],
  );
});

test("what another process writes is seen at once, and the table outlives its processes", async (t) => {
  const { root, site, clock } = fixture(t);
  const table = openDracTable(site, { lifetime, clock });
  assert.equal(table.permits("10.0.0.9"), undefined);
  execFileSync(process.execPath, [
    "--conditions=@mailhost/source",
    "--import",
    "tsx",
    fileURLToPath(new URL("hold-drac.ts", import.meta.url)),
    ...[root, "10.0.0.9", "carl", String(clock.now()), String(lifetime)],
  ]);
  assert.equal(table.permits("10.0.0.9")?.user, "carl");
  await table.close();
  const again = openDracTable(site, { lifetime, clock });
  t.after(() => again.close());
  assert.equal(again.permits("10.0.0.9")?.user, "carl");
});

test("the expired are swept out when others are written", async (t) => {
  const { site, clock } = fixture(t);
  const table = openDracTable(site, { lifetime, clock });
  t.after(() => table.close());
  for (let i = 0; i < 20; i++) await table.record(`10.0.1.${i}`, "u");
  await clock.advance(lifetime);
  await table.record("10.0.0.1", "u");
  assert.equal(await table.remove("10.0.1.5"), false);
  assert.equal(await table.remove("10.0.0.1"), true);
});

test("a reading command makes no table and sees one that comes later", async (t) => {
  const { site, clock, file } = fixture(t);
  const reader = openDracTable(site, { lifetime, clock, readOnly: true });
  t.after(() => reader.close());
  assert.equal(reader.permits("10.0.0.1"), undefined);
  assert.deepEqual(reader.list(), []);
  assert.equal(existsSync(file), false);
  const writer = openDracTable(site, { lifetime, clock });
  t.after(() => writer.close());
  await writer.record("10.0.0.1", "anna");
  assert.equal(reader.permits("10.0.0.1")?.user, "anna");
  await assert.rejects(reader.record("10.0.0.1", "x"), /reading only/);
});

test("a damaged file is kept aside and named, and a new table begun", async (t) => {
  const { site, clock, file } = fixture(t);
  mkdirSync(site.stateDir, { recursive: true });
  const { log, lines } = recordingLog();
  writeFileSync(file, "garbage ".repeat(2000));
  assert.throws(
    () => openDracTable(site, { lifetime, clock, readOnly: true }).permits("10.0.0.1"),
    /its first page is no LMDB page/,
  );
  const table = openDracTable(site, { lifetime, clock, log });
  await table.record("10.0.0.1", "anna");
  assert.equal(table.permits("10.0.0.1")?.user, "anna");
  await table.close();
  assert.match(
    lines[0]!,
    /drac\.mdb: damaged \(its first page is no LMDB page\); kept as .*drac\.mdb\.damaged-/,
  );
  assert.equal(readdirSync(site.stateDir).filter((n) => n.includes("damaged")).length, 1);
  truncateSync(file, 8192);
  await clock.advance(1);
  const next = openDracTable(site, { lifetime, clock, log });
  t.after(() => next.close());
  assert.equal(next.permits("10.0.0.1"), undefined);
  assert.match(lines[1]!, /beyond its end|no LMDB page/);
});

test("a table that is opened beside another one outlasts it, as at a reload", async (t) => {
  const { site, clock } = fixture(t);
  const old = openDracTable(site, { lifetime, clock });
  await old.record("10.0.0.1", "anna");
  const table = openDracTable(site, { lifetime: 2 * lifetime, clock });
  t.after(() => table.close());
  await old.close();
  assert.equal(table.permits("10.0.0.1")?.user, "anna");
  await table.record("10.0.0.2", "bert");
  await clock.advance(lifetime + 1);
  assert.deepEqual(
    table.list().map(({ ip }) => ip),
    ["10.0.0.2"],
  );
});

test("of two that find a damaged file one puts it aside", async (t) => {
  const { site, file } = fixture(t);
  mkdirSync(site.stateDir, { recursive: true });
  const garbage = "something else, and long enough\n".repeat(500);
  writeFileSync(file, garbage);
  const script = `
    import { systemClock } from ${JSON.stringify(new URL("../../src/clock.ts", import.meta.url).href)};
    import { openDracTable } from ${JSON.stringify(new URL("../../src/drac/drac-table.ts", import.meta.url).href)};
    const table = openDracTable({ stateDir: ${JSON.stringify(site.stateDir)} }, { lifetime: 60_000, clock: systemClock });
    await table.record("10.0.0." + process.argv[1], "anna");
    await table.close();`;
  const processes = ["1", "2", "3"].map((n) =>
    spawn(process.execPath, [...process.execArgv, "--input-type=module", "--eval", script, n], {
      cwd: import.meta.dirname,
      stdio: ["ignore", "ignore", "inherit"],
    }),
  );
  for (const ended of processes.map((process) => once(process, "exit")))
    assert.deepEqual(await ended, [0, null]);
  const kept = readdirSync(site.stateDir).filter((name) => name.includes(".damaged-"));
  assert.equal(kept.length, 1, kept.join(" "));
  assert.equal(readFileSync(join(site.stateDir, kept[0]!), "utf8"), garbage);
  const table = openDracTable(site, { lifetime, clock: systemClock });
  t.after(() => table.close());
  assert.equal(table.list().length, 3);
});

test("what is written waits while another process opens the table", async (t) => {
  const { site, clock, file } = fixture(t);
  const table = openDracTable(site, { lifetime, clock });
  t.after(() => table.close());
  await whileItIsOpened(file, () => table.record("10.0.0.1", "anna"));
  await clock.advance(lifetime + 1);
  await whileItIsOpened(file, () => table.record("10.0.0.2", "bert"));
  assert.equal(await whileItIsOpened(file, () => table.remove("10.0.0.2")), true);
  assert.deepEqual(table.list(), []);
});

test("on a full disk a record is refused, and the process goes on", (t) => {
  const { root } = fixture(t);
  const child = fileURLToPath(new URL("./full-disk-drac.ts", import.meta.url));
  const node = [process.execPath, "--conditions=@mailhost/source", "--import", "tsx", child, root];
  // 128 blocks of 512 bytes: writes past 64 KiB fail.
  const output = execFileSync("sh", ["-c", 'ulimit -S -f 128 && exec "$0" "$@"', ...node], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  assert.equal(output.toString(), "refused: true, kept: true\nroom again: 1\n");
});

test("a renewal is written when it gains a twelfth of the lifetime, and none shortens an entry", async (t) => {
  const { site, clock } = fixture(t);
  const table = openDracTable(site, { lifetime, clock });
  t.after(() => table.close());
  const begun = clock.now();
  await table.record("10.0.0.1", "anna");
  await clock.advance(2 * MINUTE);
  await table.record("10.0.0.1", "anna");
  assert.equal(table.permits("10.0.0.1")?.expiresAt, begun + lifetime);
  await clock.advance(MINUTE);
  await table.record("10.0.0.1", "bert");
  assert.deepEqual(table.permits("10.0.0.1"), {
    ip: "10.0.0.1",
    user: "bert",
    expiresAt: clock.now() + lifetime,
  });
  await table.record("10.0.0.1", "postmaster", 24 * 60 * MINUTE);
  await clock.advance(60 * MINUTE);
  await table.record("10.0.0.1", "anna");
  assert.equal(table.permits("10.0.0.1")?.user, "postmaster");
  await table.record("10.0.0.1", "postmaster", MINUTE);
  assert.equal(table.permits("10.0.0.1")?.expiresAt, clock.now() + MINUTE);
});

test("what is excluded gets no entry, and one from before does not count", async (t) => {
  const { site, clock } = fixture(t);
  const before = openDracTable(site, { lifetime, clock });
  await before.record("10.0.0.1", "anna");
  await before.record("2001:db8:1::1", "anna");
  await before.close();
  const access = new Map([
    ["192.168", "RELAY"],
    ["connect:192.168.7", "REJECT"],
  ]);
  const none = { file: "", get: () => undefined, entries: () => [] };
  let settings = parseSettings("hostname: a.test\ndrac: { never: [10.0.0.0/30, 2001:db8:1] }", "m.yaml");
  const exclusion = dracExclusion({
    settings: () => settings,
    tables: { access: { ...none, get: (key) => access.get(key) }, relayDomains: none },
    gateways: new Set(["172.17.0.1"]),
  });
  const table = openDracTable(site, { lifetime, clock, exclusion });
  t.after(() => table.close());
  for (const ip of ["10.0.0.1", "::ffff:10.0.0.1", "2001:db8:1::1"])
    assert.equal(table.permits(ip), undefined, ip);
  for (const ip of ["10.0.0.2", "172.17.0.1", "127.0.0.1", "::1", "192.168.1.1", "10.0.0.5", "192.168.7.1"]) {
    await table.record(ip, "anna");
  }
  await table.record("127.0.0.9", "anna");
  assert.deepEqual(
    table
      .list()
      .map(({ ip }) => ip)
      .sort(),
    ["10.0.0.1", "10.0.0.5", "127.0.0.9", "192.168.7.1", "2001:db8:1:0:0:0:0:1"],
    "what was there stays in the list until its time is over",
  );
  settings = parseSettings("hostname: a.test", "m.yaml");
  assert.equal(table.permits("10.0.0.1")?.user, "anna");
});
