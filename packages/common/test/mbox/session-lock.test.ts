import assert from "node:assert/strict";
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
