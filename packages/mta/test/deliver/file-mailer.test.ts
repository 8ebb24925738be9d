/** Files that an alias names are appended to by Sendmail's rules. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { deliverToFile } from "../../src/deliver/file-mailer.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { programSlots } from "../../src/deliver/program-mailer.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import { bodyOf, entryOf, temporarySite } from "../queue/queue-samples.ts";
import { until } from "./fake-peer.ts";

const SELF = `${process.getuid!()}:${process.getgid!()}`;
const MESSAGE =
  "From sender@origin.example Tue Nov 24 21:59:01 2026\nReturn-Path: <sender@origin.example>\nSubject: x\n\n>From me\n\n";

async function rig(t: TestContext, defaultUser = SELF) {
  const site = await temporarySite(t);
  mkdirSync(site.stateDir, { recursive: true });
  const path = (name: string) => join(site.root, name);
  const deliver = (name: string): Promise<Outcome> => {
    const target = {
      kind: "file",
      path: name.startsWith("/") ? name : path(name),
      as: { name: "list" },
    } as const;
    const recipient: QueueRecipient = { address: "list@here.example", target, state: "pending" };
    const body = bodyOf("Subject: x\r\n\r\nFrom me\r\n");
    const entry = entryOf({ recipients: [recipient], size: body.size });
    return deliverToFile({ entry, body, recipients: [recipient], forced: false }, recipient, {
      site,
      local: { programTimeout: 60_000, defaultUser },
      slots: programSlots(),
      lockTimeout: 0,
      clock: systemClock,
      log: silentLog,
    });
  };
  return { site, path, deliver };
}

const shown = (outcome: Outcome) => `${outcome.kind} ${outcome.reply.enhanced} ${outcome.reply.text}`;
const REFUSED = "failed 5.0.0 Can't create output";

test("a new file is made for its owner alone; one that is there grows by an mbox message", async (t) => {
  const { path, deliver } = await rig(t);
  assert.equal(shown(await deliver("new")), "delivered 2.0.0 Sent");
  assert.equal(readFileSync(path("new"), "utf8"), MESSAGE);
  assert.equal(statSync(path("new")).mode & 0o777, 0o600);
  writeFileSync(path("old"), "x\n");
  await deliver("old");
  await deliver("old");
  assert.equal(readFileSync(path("old"), "utf8"), `x\n\n${MESSAGE}${MESSAGE}`);
  assert.equal(shown(await deliver("/dev/null")), "delivered 2.0.0 Sent");
});

test("links, folders, further names and what can be executed are refused as Sendmail refuses them", async (t) => {
  const { path, deliver } = await rig(t);
  for (const name of ["plain", "exec", "suid", "hard"]) writeFileSync(path(name), "x\n");
  chmodSync(path("exec"), 0o744);
  chmodSync(path("suid"), 0o4644);
  linkSync(path("hard"), path("hard2"));
  symlinkSync(path("plain"), path("link"));
  mkdirSync(path("folder"));
  for (const name of ["exec", "suid", "hard", "link", "folder", "nowhere/file"]) {
    assert.equal(shown(await deliver(name)), REFUSED, name);
  }
  assert.equal(readFileSync(path("plain"), "utf8"), "x\n");
  const outcome = await deliver("link");
  assert.deepEqual(outcome.kind === "failed" && outcome.transcript, [`${path("link")} is a symbolic link`]);
});

test("a file that another program has locked waits", async (t) => {
  const { path, deliver } = await rig(t);
  writeFileSync(path("busy"), "");
  writeFileSync(path("busy.lock"), String(process.pid));
  const outcome = await deliver("busy");
  assert.equal(outcome.kind, "deferred");
  assert.equal(outcome.reply.enhanced, "4.2.0");
});

test("a lock directory from before this process is broken at once when nobody has the file", async (t) => {
  const { path, deliver } = await rig(t);
  writeFileSync(path("left"), "");
  mkdirSync(path("left.lock"));
  // Made while we run, it is one of us who is about to take the file.
  assert.equal(
    shown(await deliver("left")),
    `deferred 4.2.0 ${path("left")}: is locked by another program or session`,
  );
  const before = (Date.now() - process.uptime() * 1000 - 500) / 1000;
  utimesSync(path("left.lock"), before, before);
  assert.equal(shown(await deliver("left")), "delivered 2.0.0 Sent");
  assert.equal(existsSync(path("left.lock")), false);

  // Whoever holds it has the kernel's lock.
  const box = await lockMailbox(
    { ...mailboxPaths((await rig(t)).site, "any"), mbox: path("left"), lock: path("left.lock") },
    { clock: systemClock, log: silentLog, timeout: 0 },
  );
  utimesSync(path("left.lock"), before, before);
  assert.match(shown(await deliver("left")), /^deferred 4\.2\.0 /);
  await box!.release();
});

test("root writes as the default user, who may do only what it may", async (t) => {
  if (process.getuid?.() !== 0) {
    t.skip("root alone can do this");
    return;
  }
  const { path, deliver } = await rig(t, "65534:65534");
  chmodSync(path("."), 0o755);
  mkdirSync(path("theirs"));
  chownSync(path("theirs"), 65534, 65534);
  assert.equal(shown(await deliver("theirs/new")), "delivered 2.0.0 Sent");
  assert.equal(statSync(path("theirs/new")).uid, 65534);
  assert.equal(readFileSync(path("theirs/new"), "utf8"), MESSAGE);
  writeFileSync(path("roots"), "x\n", { mode: 0o644 });
  assert.equal(shown(await deliver("roots")), REFUSED);
  assert.equal(readFileSync(path("roots"), "utf8"), "x\n");
  // A folder that it may not write to: no NAME.lock there, the kernel's lock does.
  writeFileSync(path("open"), "");
  chownSync(path("open"), 65534, 65534);
  assert.equal(shown(await deliver("open")), "delivered 2.0.0 Sent");
  assert.equal(readFileSync(path("open"), "utf8"), MESSAGE);
});

test("a fifo does not hang the delivery", async (t) => {
  const { path, deliver } = await rig(t);
  const made = spawn("mkfifo", [path("fifo")]);
  await once(made, "exit");
  assert.equal(shown(await deliver("fifo")), REFUSED);
});

/** The program that root has append as another user, here as ourselves. */
function appender(t: TestContext, root: string, size: number) {
  const child = spawn(
    process.execPath,
    [
      ...process.execArgv.filter((arg) => !arg.startsWith("--test")),
      fileURLToPath(new URL("../../src/deliver/file-append-main.ts", import.meta.url)),
      join(root, "file"),
      "0",
      String(Date.UTC(2026, 10, 24, 21, 59, 1)),
      String(size),
      "sender@origin.example",
    ],
    { env: { ...process.env, TMPDIR: root }, stdio: ["pipe", "pipe", "inherit"] },
  );
  child.stdin.on("error", () => undefined);
  t.after(() => child.kill("SIGKILL"));
  return { child, ended: once(child, "exit") as Promise<[number | null]> };
}

test("a message whose sender process dies in the middle leaves nothing in another user's file", async (t) => {
  const { path } = await rig(t);
  writeFileSync(path("file"), "x\n");
  const { child, ended } = appender(t, path("."), 1000);
  child.stdin.end("Subject: x\r\n\r\nhalf");
  assert.deepEqual((await ended)[0], 75);
  assert.equal(readFileSync(path("file"), "utf8"), "x\n");
});

test("one that is killed while it appends is mended by the next", async (t) => {
  const { path } = await rig(t);
  writeFileSync(path("file"), "x\n\n");
  const text = "Subject: x\r\n\r\nFrom me\r\n";
  const first = appender(t, path("."), 10_000_000);
  first.child.stdin.write(`Subject: long\r\n\r\n${"line\r\n".repeat(200_000)}`);
  await until(() => statSync(path("file")).size > 1000);
  first.child.kill("SIGKILL");
  await first.ended;
  // It would be broken when it is 15 s old.
  rmSync(path("file.lock"), { recursive: true });
  const second = appender(t, path("."), text.length);
  second.child.stdin.end(text);
  assert.deepEqual((await second.ended)[0], 0);
  assert.equal(readFileSync(path("file"), "utf8"), `x\n\n${MESSAGE}`);
});

test("a mailbox of ours that an alias names as a file has the mailbox's journal", async (t) => {
  const { site, path, deliver } = await rig(t);
  mkdirSync(site.spoolDir, { recursive: true });
  assert.equal(shown(await deliver(join(site.spoolDir, "joe"))), "delivered 2.0.0 Sent");
  assert.ok(statSync(mailboxPaths(site, "joe").journal).isFile());
  assert.throws(() => statSync(path("var/lib/mailhost/file-journal")));
});
