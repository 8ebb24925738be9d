/** QUIT with the undo window and status fields, and the power going at any moment, and again while the mailbox is mended. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Clock, systemClock } from "@mailhost/common/clock";
import type { FileSystem } from "@mailhost/common/fs/file-system";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { powerLossFileSystem } from "@mailhost/common/testing/power-loss-file-system";
import fc from "fast-check";
import { Maildrop } from "../../src/maildrop/maildrop.ts";
import { refreshIndex } from "../../src/maildrop/refresh.ts";
import { removedFolder } from "../../src/maildrop/removed-messages.ts";
import { updateMaildrop } from "../../src/maildrop/update.ts";
import { mboxText, memoryLog, temporarySite } from "../harness/server.ts";

const NAMES = ["one", "two", "three", "four", "five"];
const text = (name: string) => mboxText(`Subject: ${name}\n\nbody of ${name}\n`);
const MAIL = NAMES.map(text).join("");
const REMOVED = text("two") + text("four");
const LEFT = text("one") + text("three") + text("five");
const store = {
  read: () => Promise.resolve(undefined),
  write: () => Promise.resolve(),
  forget: () => Promise.resolve(),
  sweep: () => Promise.resolve(),
  close: () => Promise.resolve(),
};
/** When a lock that was left is stale. */
const LATER: Clock = { ...systemClock, now: () => systemClock.now() + 20_000 };
const plain = (all: string) => all.replaceAll(/^(?:Status|X-UIDL): [^\n]*\n/gm, "");

test("when the power goes in QUIT, the mailbox is the old or the new one, and what went is in the undo window", async (t) => {
  const site = temporarySite(t);
  const paths = mailboxPaths(site, "wang");
  const log = memoryLog([]);
  const quit = async (fileSystem: FileSystem) => {
    const file = await open(paths.mbox, "r");
    const { index } = await refreshIndex(file, undefined);
    const drop = new Maildrop({ paths, file, index, lock: { release: () => Promise.resolve() } });
    for (const number of [2, 4]) drop.delete(number);
    drop.noteRetrieved(3);
    const context = { site, store, clock: systemClock, log, lockTimeout: 0, preparations: [], fileSystem };
    try {
      return await updateMaildrop(context, drop, { keepRemoved: 1000, updateStatusHeaders: true });
    } finally {
      await drop.close();
    }
  };
  const mend = async (fileSystem: FileSystem) => {
    const box = await lockMailbox(paths, { timeout: 0, clock: LATER, log, fileSystem });
    await box?.release();
  };
  const kept = () => {
    const folder = removedFolder(site, "wang");
    if (!existsSync(folder)) return "";
    const files = readdirSync(folder).filter((name) => !name.startsWith("."));
    return plain(files.map((name) => readFileSync(join(folder, name), "latin1")).join(""));
  };
  const calls = await (async () => {
    writeFileSync(paths.mbox, MAIL);
    const counted = powerLossFileSystem(Number.POSITIVE_INFINITY);
    assert.equal((await quit(counted)).kind, "done");
    await counted.losePower(() => 0);
    assert.equal(plain(readFileSync(paths.mbox, "latin1")), LEFT);
    assert.equal(kept(), REMOVED, "what was promised does not depend on luck");
    return counted.calls;
  })();
  const seen = new Set<string>();
  const shares = fc.array(fc.constantFrom(0, 0, 0.3, 0.5, 1, 1), { minLength: 60, maxLength: 60 });
  const when = fc.integer({ min: 1, max: calls + 1 });
  await fc.assert(
    fc.asyncProperty(when, when, shares, shares, fc.boolean(), async (first, second, some, more, fresh) => {
      if (fresh)
        for (const folder of ["journal", "removed"])
          rmSync(join(site.stateDir, folder), { recursive: true, force: true });
      rmSync(removedFolder(site, "wang"), { recursive: true, force: true });
      rmSync(paths.journal, { force: true });
      rmSync(paths.lock, { recursive: true, force: true });
      writeFileSync(paths.mbox, MAIL);
      const lose = async (fileSystem: ReturnType<typeof powerLossFileSystem>, survive: number[]) => {
        let i = 0;
        await fileSystem.losePower(() => survive[i++ % survive.length]!);
      };
      const dying = powerLossFileSystem(first);
      const { kind } = await quit(dying);
      await lose(dying, some);
      const again = powerLossFileSystem(second);
      await mend(again).catch(() => undefined);
      await lose(again, more);
      const last = powerLossFileSystem(Number.POSITIVE_INFINITY);
      await mend(last);
      await last.losePower(() => 1);
      assert.equal(statSync(paths.journal, { throwIfNoEntry: false })?.size ?? 0, 0);
      const left = plain(readFileSync(paths.mbox, "latin1"));
      assert.ok(left === LEFT || (left === MAIL && kind === "failed"), left);
      if (left === LEFT) assert.equal(kept(), REMOVED);
      seen.add(left);
    }),
    { numRuns: 100 },
  );
  assert.equal(seen.size, 2);
});
