import assert from "node:assert/strict";
import { chownSync, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { lockSession } from "../../src/mbox/session-lock.ts";
import { mailbox, temporarySite } from "./mailbox-fixture.ts";

test("a mailbox has one session, and the next once it is over", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user");
  const session = await lockSession(paths);
  assert.ok(session);
  assert.equal(await lockSession(paths), undefined);
  const other = await lockSession(mailbox(site, "other"));
  assert.ok(other);
  await session.release();
  await session.release();
  const next = await lockSession(paths);
  assert.ok(next);
  await next.release();
  await other.release();
});

test("what root makes for it belongs to whoever has the folder: the servers are not root", async (t) => {
  const site = temporarySite(t);
  mkdirSync(site.stateDir, { recursive: true });
  if (process.getuid?.() === 0) chownSync(site.stateDir, 8, 8);
  const { uid, gid } = statSync(site.stateDir);
  const paths = mailbox(site, "user");
  const session = await lockSession(paths);
  assert.ok(session);
  for (const path of [dirname(paths.session), paths.session]) {
    const made = statSync(path);
    assert.deepEqual([made.uid, made.gid], [uid, gid], path);
  }
  await session.release();
});

test("where nothing is there yet, what is above the servers' folder is for everybody to pass", async (t) => {
  const site = temporarySite(t);
  rmSync(dirname(dirname(site.stateDir)), { recursive: true });
  const session = await lockSession(mailbox(site, "user"));
  assert.ok(session);
  await session.release();
  assert.equal(statSync(dirname(site.stateDir)).mode & 0o777, 0o777 & ~process.umask() & 0o755);
  assert.equal(statSync(site.stateDir).mode & 0o077, 0o050);
});
