/** Trace files on disk. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { openTraceFiles } from "../../src/connection/trace-files.ts";
import { memoryLog, temporarySite } from "../harness/server.ts";

function traceFiles(t: TestContext) {
  const site = temporarySite(t);
  const logged: string[] = [];
  const traces = openTraceFiles(site, { log: memoryLog(logged), clock: new ManualClock() });
  return { site, logged, traces, path: (name: string) => join(site.root, name) };
}

test("lines of two sessions, each with its time, number and client; for the owner alone", async (t) => {
  const { traces, path } = traceFiles(t);
  writeFileSync(path("trace"), "before\n", { mode: 0o644 });
  chmodSync(path("trace"), 0o644);
  const a = traces.open("trace", "192.0.2.1");
  const b = traces.open("trace", "192.0.2.2");
  a.write("C: USER wang");
  b.write("C: \x1b[2J\nforged");
  a.close();
  b.write("S: +OK");
  b.close();
  await traces.close();
  const lines = readFileSync(path("trace"), "utf8").split("\n");
  assert.equal(lines[0], "before");
  assert.match(lines[1]!, /^\d{4}-\d\d-\d\dT[\d:.]+Z \d+-1 192\.0\.2\.1 C: USER wang$/);
  assert.match(lines[2]!, /Z \d+-2 192\.0\.2\.2 C: \\x1b\[2J\\x0aforged$/);
  assert.match(lines[3]!, /Z \d+-2 192\.0\.2\.2 S: \+OK$/);
  assert.equal(statSync(path("trace")).mode & 0o777, 0o600);
});

test("a file that was moved away is left alone by the next session", async (t) => {
  const { traces, path } = traceFiles(t);
  const a = traces.open("trace", "a");
  a.write("one");
  renameSync(path("trace"), path("trace.1"));
  const b = traces.open("trace", "b");
  b.write("two");
  a.write("three");
  a.close();
  b.close();
  await traces.close();
  assert.match(readFileSync(path("trace.1"), "utf8"), /one\n.*three\n$/);
  assert.match(readFileSync(path("trace"), "utf8"), /^[^\n]*two\n$/);
});

test("what can not be written hurts nobody and is told once", async (t) => {
  const { traces, path, logged } = traceFiles(t);
  writeFileSync(path("secret"), "");
  symlinkSync(path("secret"), path("link"));
  writeFileSync(path("twice"), "");
  linkSync(path("twice"), path("other"));
  for (const name of ["no/such/folder", "link", ".", "twice", "no/such/folder"]) {
    const lines = traces.open(name, "a");
    lines.write("C: NOOP");
    lines.close();
    lines.close();
  }
  await traces.close();
  assert.equal(readFileSync(path("secret"), "utf8"), "");
  assert.equal(readFileSync(path("twice"), "utf8"), "");
  assert.ok(!existsSync(path("no")));
  assert.equal(logged.length, 4, logged.join("\n"));
  assert.match(logged[0]!, /^warn tracefile .*no\/such\/folder: ENOENT.*; sessions go on without$/);
});

test("a device is no trace file", async (t) => {
  const { traces, logged } = traceFiles(t);
  const lines = traces.open("/dev/full", "a");
  lines.write("x");
  lines.close();
  await traces.close();
  assert.deepEqual(logged, ["warn tracefile /dev/full: not a plain file; sessions go on without"]);
});

test("a file that somebody else has put there is not written, and no descriptor stays open", {
  skip: process.getuid?.() !== 0 && "only root can give files away",
}, async (t) => {
  const { logged, traces, path } = traceFiles(t);
  writeFileSync(path("trace"), "", { mode: 0o666 });
  chownSync(path("trace"), 12_345, 12_345);
  for (let i = 0; i < 3; i++) {
    const lines = traces.open("trace", "192.0.2.1");
    lines.write("C: USER wang");
    lines.close();
  }
  await traces.close();
  assert.equal(readFileSync(path("trace"), "utf8"), "");
  assert.match(logged.join("\n"), /belongs to user id 12345; remove it; sessions go on without/);
});
