/** What Qpopper left is put back at a login, and keeps nobody from the mail when it can not be. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { tempDropFiles } from "@mailhost/common/mbox/temp-drop";
import { faultyFileSystem } from "@mailhost/common/testing/faulty-file-system";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { tempDropPreparation } from "../../src/maildrop/temp-drop-preparation.ts";
import { mboxText, memoryLog, temporarySite } from "../harness/server.ts";

const OLD = mboxText("Subject: old\n\nold\n");
const NEW = mboxText("Subject: new\n\nnew\n");

test("a drop that the disk has no room for waits, and a login goes on without it", async (t) => {
  const site = temporarySite(t);
  const paths = mailboxPaths(site, "wang");
  const [drop = ""] = tempDropFiles(site, paths);
  const logged: string[] = [];
  const preparation = tempDropPreparation({
    site,
    find: () => undefined,
    log: memoryLog(logged),
    clock: new ManualClock(),
  });
  const run = async (at?: number) => {
    writeFileSync(paths.mbox, NEW);
    writeFileSync(drop, OLD);
    const how = { timeout: 0, clock: systemClock, log: memoryLog([]) };
    const box = (await lockMailbox(paths, how))!;
    const fileSystem = faultyFileSystem(at === undefined ? undefined : { at, how: "fail", code: "EDQUOT" });
    const file = await fileSystem.open(paths.mbox, 2);
    try {
      await preparation.run({ ...box, file, fileSystem }, "wang");
      assert.equal(statSync(paths.journal, { throwIfNoEntry: false })?.size ?? 0, 0);
    } catch (error) {
      assert.notEqual(statSync(paths.journal).size, 0, String(error));
    } finally {
      await fileSystem.closeAll();
      await box.release();
    }
    await (await lockMailbox(paths, how))!.release();
    return { text: readFileSync(paths.mbox, "latin1"), calls: fileSystem.calls.length };
  };
  const { text, calls } = await run();
  assert.equal(text, OLD + NEW);
  // The first call opens the mailbox.
  for (let at = 2; at <= calls; at++) {
    const left = await run(at);
    assert.ok(left.text === NEW || left.text === OLD + NEW, `failed at ${at}: ${left.text}`);
  }
  assert.ok(logged.some((line) => line.includes("is left to the next login")));
});

test("a drop that must stay is looked at once a day or when it has changed, and said so as often", async (t) => {
  const site = temporarySite(t);
  const paths = mailboxPaths(site, "wang");
  const [drop = ""] = tempDropFiles(site, paths);
  const logged: string[] = [];
  const clock = new ManualClock();
  const preparation = tempDropPreparation({ site, find: () => undefined, log: memoryLog(logged), clock });
  writeFileSync(paths.mbox, NEW);
  writeFileSync(drop, OLD);
  chmodSync(drop, 0o666);
  const login = async () => {
    if (!(await preparation.isNeeded(paths, "wang"))) return false;
    const how = { timeout: 0, clock: systemClock, log: memoryLog([]) };
    const box = (await lockMailbox(paths, how))!;
    await preparation.run(box, "wang");
    await box.release();
    return true;
  };
  assert.equal(await login(), true);
  assert.deepEqual(logged, [
    `warn ${drop}: a temporary drop of Qpopper's stays as it is: it can be written by everybody`,
  ]);
  for (let hour = 0; hour < 23; hour++) {
    assert.equal(await login(), false, "the lock is not taken for it");
    await clock.advance(3_600_000);
  }
  await clock.advance(3_600_000);
  assert.equal(await login(), true);
  assert.equal(await login(), false);
  assert.equal(logged.length, 2);
  chmodSync(drop, 0o600);
  assert.equal(await login(), true);
  assert.equal(readFileSync(paths.mbox, "latin1"), OLD + NEW);
  assert.match(logged[2]!, /was recovered, 1 message put back/);
  assert.equal(logged.length, 3);
});
