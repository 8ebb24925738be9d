import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { changesTakenIn, openFileWatch } from "../../src/fs/file-watch.ts";
import { siteAt } from "../../src/site.ts";
import { writeCompiledTable } from "../../src/tables/compile.ts";
import { openSiteTables } from "../../src/tables/site-tables.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { recordingLog } from "./recording-log.ts";

function fixture(t: TestContext, files: Record<string, string> = {}) {
  const root = mkdtempSync(join(tmpdir(), "site-tables-"));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  const path = (name: string) => join(site.etcMail, name);
  const write = (name: string, text: string) => writeFileSync(path(name), text);
  for (const [name, text] of Object.entries(files)) write(name, text);
  const { log, lines } = recordingLog();
  const reloads: string[] = [];
  const tables = openSiteTables(site, { log, onReload: (name) => reloads.push(name) });
  t.after(async () => {
    await tables.close();
    rmSync(root, { recursive: true, force: true });
  });
  return { site, path, write, tables, lines, reloads };
}

/** Says that a file was last changed an hour ago. */
function backdate(path: string): void {
  const then = new Date(Date.now() - 3_600_000);
  utimesSync(path, then, then);
}

const inAnotherProcess = (...args: string[]) =>
  execFileSync(process.execPath, [
    "--conditions=@mailhost/source",
    "--import",
    "tsx",
    fileURLToPath(new URL("rebuild-table.ts", import.meta.url)),
    ...args,
  ]);

test("a site with no tables has empty ones", (t) => {
  const { tables, lines } = fixture(t);
  assert.equal(tables.access.get("127.0.0.1"), undefined);
  assert.equal(tables.aliases.get("root"), undefined);
  assert.equal(tables.localHostNames.has("x"), false);
  assert.deepEqual([...tables.relayDomains.entries()], []);
  assert.deepEqual(tables.check(), []);
  assert.deepEqual(lines, []);
});

test("the texts of the article are read", (t) => {
  const { tables, lines } = fixture(t, {
    access: "127.0.0.1 RELAY\n202.99.11 RELAY\n",
    aliases: "MAILER-DAEMON: postmaster\npostmaster: root\n",
    "local-host-names": "linuxaid.com.cn.\nmail.linuxaid.com.cn.\n",
    "relay-domains": "branch.example\n",
  });
  assert.equal(tables.access.get("202.99.11"), "RELAY");
  assert.deepEqual(tables.aliases.get("mailer-daemon"), [
    { kind: "local", name: "postmaster", final: false },
  ]);
  assert.deepEqual(tables.aliases.get("MAILER-DAEMON"), tables.aliases.get("mailer-daemon"));
  assert.equal(tables.localHostNames.has("LinuxAid.com.cn."), true);
  assert.equal(tables.localHostNames.has("other.linuxaid.com.cn"), false);
  assert.equal(tables.relayDomains.get("branch.example"), "RELAY");
  assert.deepEqual(lines, []);
});

test("a changed text is in force at the next access, with one line in the log", (t) => {
  const { path, write, tables, lines, reloads } = fixture(t, { access: "a OK\n" });
  for (let i = 0; i < 50; i++) {
    // Same length, same tick of the clock: still seen.
    write("access", `a ${i % 2 === 0 ? "N" : "O"}${i % 10}\n`);
    assert.equal(tables.access.get("a"), `${i % 2 === 0 ? "N" : "O"}${i % 10}`);
  }
  assert.equal(lines.length, 50);
  assert.equal(lines[0], `info table ${path("access")} reread, 1 entries`);
  assert.equal(reloads.length, 50);
});

test("touching a file is no change", (t) => {
  const { path, tables, lines } = fixture(t, { aliases: "a: b\n" });
  backdate(path("aliases"));
  assert.notEqual(tables.aliases.get("a"), undefined);
  assert.deepEqual(lines, []);
});

test("a broken text: logged once with file, line and reason, the last good one stays", (t) => {
  const { path, write, tables, lines } = fixture(t, { access: "a RELAY\n" });
  write("access", "a REJECT\nb\n");
  backdate(path("access"));
  for (let i = 0; i < 3; i++) assert.equal(tables.access.get("a"), "RELAY");
  assert.deepEqual(lines, [
    `error ${path("access")}:2: no RHS for LHS b; the last good table stays in force`,
  ]);
  assert.deepEqual(
    tables.check().map((e) => [e.file, e.line]),
    [[path("access"), 2]],
  );
  write("access", "a REJECT\n");
  assert.equal(tables.access.get("a"), "REJECT");
  assert.deepEqual(tables.check(), []);
});

test("a text that is broken from the start: its sound lines count until it is mended", (t) => {
  const { path, write, tables, lines } = fixture(t, { aliases: "a: b\n\nbad\nx: y\n" });
  assert.notEqual(tables.aliases.get("x"), undefined);
  assert.match(lines[0]!, /aliases:3: missing colon; the sound lines of the text count/);
  write("aliases", "bad\n");
  assert.equal(tables.aliases.get("x"), undefined);
  write("aliases", "a: b\nb: a\n");
  assert.deepEqual(
    tables.check().map((e) => e.message),
    [`${path("aliases")}:1: alias loop: a -> b -> a`],
  );
  write("aliases", "a: b\n");
  assert.deepEqual(tables.check(), []);
});

test("a table rebuilt by another process is seen at once; nothing is littered", (t) => {
  const { path, site, tables, reloads, lines } = fixture(t, { access: "a OK\n", aliases: "a: b\n" });
  assert.equal(tables.access.get("a"), "OK");
  inAnotherProcess(path("access.db"), "map", "a RELAY\nb OK\n");
  assert.equal(tables.access.get("a"), "RELAY");
  assert.equal(tables.access.file, path("access.db"));
  inAnotherProcess(path("access.db"), "map", "a REJECT\n");
  assert.equal(tables.access.get("a"), "REJECT");
  assert.equal(tables.access.get("b"), undefined);
  inAnotherProcess(path("aliases.db"), "aliases", "a: c, d@e\n");
  assert.deepEqual(tables.aliases.get("a"), [
    { kind: "local", name: "c", final: false },
    { kind: "address", address: "d@e" },
  ]);
  assert.deepEqual(reloads, ["access", "access", "aliases"]);
  assert.ok(lines.includes(`info alias database ${path("aliases.db")} reread, 1 entries`));
  assert.deepEqual(readdirSync(site.etcMail).sort(), ["access", "access.db", "aliases", "aliases.db"]);
});

test("the .db rules; a newer text is warned of once", async (t) => {
  const { path, write, tables, lines } = fixture(t, { access: "a OK\n" });
  await writeCompiledTable(path("access.db"), new Map([["a", "OK"]]), "map", {
    text: "a OK\n",
    readAt: Date.now(),
  });
  assert.equal(tables.access.get("a"), "OK");
  assert.deepEqual(tables.warnings(), []);
  write("access", "a REJECT\n");
  for (let i = 0; i < 3; i++) assert.equal(tables.access.get("a"), "OK");
  assert.deepEqual(
    lines.filter((l) => l.startsWith("warn")),
    [`warn ${path("access")}: newer than ${path("access.db")}, which rules; make that anew`],
  );
  assert.equal(tables.warnings().length, 1);
  rmSync(path("access.db"));
  assert.equal(tables.access.get("a"), "REJECT");
  assert.deepEqual(tables.warnings(), []);
});

test("a damaged .db is refused and the last good table stays", async (t) => {
  const { path, write, tables, lines } = fixture(t);
  await writeCompiledTable(path("access.db"), new Map([["a", "OK"]]), "map", { text: "", readAt: 0 });
  assert.equal(tables.access.get("a"), "OK");
  write("access.db", "no table at all");
  assert.equal(tables.access.get("a"), "OK");
  assert.match(
    lines.at(-1)!,
    /^error .*access\.db: is cut short or no table .*; the last good table stays in force$/,
  );
  await writeCompiledTable(path("access.db"), new Map([["a", "REJECT"]]), "map", { text: "", readAt: 0 });
  assert.equal(tables.access.get("a"), "REJECT");
});

test("an etc/mail handed over from Sendmail: Berkeley DB files are refused and the texts count", (t) => {
  const berkeley = Buffer.alloc(12_288);
  berkeley.writeUInt32LE(0x061561, 12);
  const { tables, lines } = fixture(t, { access: "a RELAY\n", "access.db": berkeley.toString("latin1") });
  assert.equal(tables.access.get("a"), "RELAY");
  assert.match(lines[0]!, /Berkeley DB file; make it anew with makemap/);
  assert.equal(tables.check().length, 1);
});

test("a map in the place of the alias database is refused", async (t) => {
  const { path, tables } = fixture(t, { aliases: "a: b\n" });
  await writeCompiledTable(path("aliases.db"), new Map([["a:", "c"]]), "map", { text: "", readAt: 0 });
  assert.notEqual(tables.aliases.get("a"), undefined);
  assert.match(tables.check()[0]!.message, /aliases\.db: holds a map; make it with newaliases/);
});

test("what cannot be read is a fault, not a crash", (t) => {
  const { path, tables } = fixture(t, { access: "a OK\n" });
  rmSync(path("access"));
  mkdirSync(path("access"));
  assert.equal(tables.access.get("a"), "OK");
  assert.match(tables.check()[0]!.message, /access: cannot be read: EISDIR/);
  rmSync(path("access"), { recursive: true });
  symlinkSync("access", path("access"));
  assert.equal(tables.access.get("a"), "OK");
  assert.match(tables.check()[0]!.message, /access: cannot be read: ELOOP/);
});

test("keys given twice: the first counts, and a warning says so", (t) => {
  const { path, tables, lines } = fixture(t, { access: "a OK\na REJECT\n" });
  assert.equal(tables.access.get("a"), "OK");
  assert.deepEqual(lines, [`warn ${path("access")}:2: key a: duplicate key`]);
  assert.equal(tables.warnings().length, 1);
  assert.deepEqual(tables.check(), []);
});

test("a rebuilt .db that could not be opened for want of descriptors is read again by itself", async (t) => {
  const { tables, path, lines } = fixture(t, { access: "202.99.11 RELAY\n" });
  assert.equal(tables.access.get("202.99.11"), "RELAY");
  await writeCompiledTable(path("access.db"), new Map([["202.99.11", "REJECT"]]), "map", {
    text: "",
    readAt: Date.now(),
  });
  for (const name of ["access", "access.db"]) backdate(path(name));
  const failing = t.mock.method(fs, "openSync", () => {
    throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" });
  });
  syncBuiltinESMExports();
  assert.equal(tables.access.get("202.99.11"), "RELAY");
  failing.mock.restore();
  syncBuiltinESMExports();
  assert.equal(tables.access.get("202.99.11"), "RELAY");
  const later = Date.now() + 5000;
  t.mock.method(Date, "now", () => later);
  assert.equal(tables.access.get("202.99.11"), "REJECT");
  assert.equal(lines.filter((line) => line.includes("cannot be read: EMFILE")).length, 1);
});

test("with a watch an unchanged table costs no system call, and a change is seen when it was taken in", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "site-tables-watch-"));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  const file = join(site.etcMail, "access");
  writeFileSync(file, "a RELAY\n");
  backdate(file);
  const { log } = recordingLog();
  const clock = new ManualClock();
  const watch = openFileWatch({ clock, log });
  const tables = openSiteTables(site, { log, watch });
  t.after(async () => {
    await tables.close();
    watch.close();
    rmSync(root, { recursive: true, force: true });
  });
  assert.equal(tables.access.get("a"), "RELAY");
  await changesTakenIn();
  const stats = [t.mock.method(fs, "statSync"), t.mock.method(fs, "lstatSync")];
  syncBuiltinESMExports();
  for (let i = 0; i < 20; i++) {
    assert.equal(tables.access.get("a"), "RELAY");
    await changesTakenIn();
  }
  for (const stat of stats) {
    assert.equal(stat.mock.callCount(), 0);
    stat.mock.restore();
  }
  syncBuiltinESMExports();
  writeFileSync(file, "a REJECT\n");
  await changesTakenIn();
  assert.equal(tables.access.get("a"), "REJECT");
  rmSync(file);
  await changesTakenIn();
  assert.equal(tables.access.get("a"), undefined);
});
