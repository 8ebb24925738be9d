import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { type LogOptions, openLog, syslogTime } from "../../src/log/log.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

async function written(
  t: TestContext,
  options: Partial<LogOptions>,
  write: (log: ReturnType<typeof openLog>) => void,
) {
  const root = mkdtempSync(join(tmpdir(), "log-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const file = join(root, "var/log/mail.log");
  const log = openLog({
    file,
    tag: "sendmail",
    format: "sendmail",
    level: 9,
    clock: new ManualClock(),
    ...options,
  });
  write(log);
  await log.close();
  return readFileSync(file, "utf8");
}

test("a line as syslog has it", async (t) => {
  const text = await written(t, {}, (log) => log.write("info", "Q1: from=<a@b>, size=1"));
  assert.match(text, /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S+ sendmail\[\d+\]: Q1: from=<a@b>, size=1\n$/);
});

test("json: one object a line", async (t) => {
  const text = await written(t, { format: "json", tag: "popper" }, (log) => log.write("warn", 'a "b"'));
  const line = JSON.parse(text) as Record<string, unknown>;
  assert.equal(line.level, "warn");
  assert.equal(line.text, 'a "b"');
  assert.equal(line.tag, "popper");
  assert.equal(line.time, "2026-01-01T00:00:00.000Z");
});

test("nobody can forge a line, and format signs are text", async (t) => {
  const text = await written(t, {}, (log) =>
    log.write("error", "a\nJan  1 x\r\u001b[0m\u009b0m\u2028 %s %d 100%"),
  );
  assert.equal(text.split("\n").length, 2);
  assert.ok(text.endsWith("a\\x0aJan  1 x\\x0d\\x1b[0m\\x9b0m\\x2028 %s %d 100%\n"));
});

test("debug lines from level 14 on; every line is there at close, in order", async (t) => {
  assert.doesNotMatch(
    await written(t, { level: 9 }, (log) => {
      log.write("debug", "hidden");
      log.write("info", "shown");
    }),
    /hidden/,
  );
  const lines = await written(t, { level: 14 }, (log) => {
    for (let i = 0; i < 5000; i++) log.write("debug", `line ${i}`);
  });
  assert.deepEqual(
    lines
      .trim()
      .split("\n")
      .map((l) => l.replace(/.*: /, "")),
    Array.from({ length: 5000 }, (_, i) => `line ${i}`),
  );
});

test("times", () => {
  assert.equal(syslogTime(new Date(2026, 5, 3, 4, 5, 6).getTime()), "Jun  3 04:05:06");
});

test("a log that cannot be written is named", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "log-"));
  t.after(() => rmSync(dir, { recursive: true }));
  assert.throws(
    () => openLog({ file: dir, tag: "sendmail", format: "sendmail", level: 9 }),
    (error: Error) => error.message.startsWith(`${dir}: the log cannot be written: `),
  );
});

test("lines that can wait are written soon, and warnings at the end of their turn", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "log-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const file = join(root, "mail.log");
  const log = openLog({ file, tag: "sendmail", format: "sendmail", level: 9 });
  const texts = () =>
    readFileSync(file, "utf8")
      .split("\n")
      .map((line) => line.replace(/.*: /, ""));
  // Without a close: that they are on their way is the log's own doing.
  for (const [level, text] of [
    ["info", "first"],
    ["info", "second"],
    ["warn", "third"],
    ["info", "last"],
  ] as const) {
    log.write(level, text);
    await new Promise(setImmediate);
  }
  while (texts().length < 5) await new Promise((done) => void setTimeout(done, 1));
  assert.deepEqual(texts(), ["first", "second", "third", "last", ""]);
  await log.close();
});
