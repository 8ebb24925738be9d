/**
 * What is said of a test file that takes too long: what it waited for, its processes, the log of its host.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const module = new URL("./post-mortem.mjs", import.meta.url).href;
const { postMortem, REPORT_SIGNAL } = (await import(module)) as {
  readonly postMortem: (pid: number, report: string) => Promise<string>;
  readonly REPORT_SIGNAL: string;
};

/** Listens, has a child that is called like a host's launcher and sleeps, and waits for a client for ever. */
const HANGING = `
const child = require("node:child_process").spawn(
  "sh", ["-c", "sleep 60; :", "mailhost.js", "start", "--root", process.argv[1]], { stdio: "ignore" });
require("node:net").createServer().listen(0, "127.0.0.1", function () { console.log(this.address().port, child.pid); });
`;

test("what a process waits for, what it started, and the end of its host's log are told", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-post-mortem-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "var/log"), { recursive: true });
  writeFileSync(join(root, "var/log/mail.log"), "the first line\nthe last line\n");
  const reporting = [
    "--report-on-signal",
    `--report-signal=${REPORT_SIGNAL}`,
    `--report-directory=${root}`,
    "--report-filename=report",
  ];
  const child = spawn(process.execPath, [...reporting, "-e", HANGING, root], {
    detached: true,
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => process.kill(-child.pid!, "SIGKILL"));
  const [printed] = (await once(child.stdout, "data")) as [Buffer];
  const [port, below] = printed.toString().trim().split(" ");
  const text = await postMortem(child.pid!, join(root, "report"));
  assert.match(text, new RegExp(`^it waited with these open:\n(?:  .*\n)*  tcp 127.0.0.1:${port} to -, `));
  assert.match(text, new RegExp(`^  child ${below}$`, "m"));
  assert.match(text, new RegExp(`^  ${below} ${child.pid} [A-Z] \\d+ \\S+ sh -c sleep`, "m"));
  assert.match(text, /the log of \S+ ends:\n {2}the first line\n {2}the last line$/);
});

test("a process that is gone is told of as such", async () => {
  const child = spawn(process.execPath, ["--version"], { detached: true, stdio: "ignore" });
  await once(child, "close");
  assert.match(await postMortem(child.pid!, "/nonexistent"), /^it had ended\n/);
});
