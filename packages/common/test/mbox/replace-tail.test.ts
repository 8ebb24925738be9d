import assert from "node:assert/strict";
import { appendFileSync, statSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { replaceTail } from "../../src/mbox/replace-tail.ts";
import type { Piece } from "../../src/mbox/replacement.ts";
import { replayJournal } from "../../src/mbox/replay.ts";
import type { Fault } from "../../src/testing/faulty-file-system.ts";
import { faultyFileSystem } from "../../src/testing/faulty-file-system.ts";
import { powerLossFileSystem } from "../../src/testing/power-loss-file-system.ts";
import { content, journalLength, keptLog, mailbox, temporarySite } from "./mailbox-fixture.ts";

type Site = ReturnType<typeof temporarySite>;

const TEXT = Array.from({ length: 10 }, (_, i) => `${i}:${"abcdefghij".slice(i % 7)}|`).join("");
const AT = 12;
/** From {@link AT} on: something new, what was at the end, something from before. */
const NEW = `${TEXT.slice(0, AT)}new ${TEXT.slice(30)}${TEXT.slice(12, 30)} and more`;
/** Mail of a program that heeds no lock. */
const FOREIGN = "From x\nforeign";

async function replaceWith(site: Site, fault?: Fault) {
  const paths = mailbox(site, "user", TEXT);
  const fileSystem = faultyFileSystem(fault);
  const file = await fileSystem.open(paths.mbox, 2);
  const box = { paths, file, fileSystem, log: keptLog(), release: () => Promise.resolve() };
  const pieces: Piece[] = [
    Buffer.from("new "),
    { file, start: 30, end: TEXT.length },
    { file, start: 12, end: 30 },
    Buffer.from(" and more"),
  ];
  let error: unknown;
  await replaceTail(box, AT, pieces).catch((e: unknown) => {
    error = e;
  });
  await fileSystem.closeAll();
  return { paths, error, fileSystem };
}

async function recover(paths: ReturnType<typeof mailbox>): Promise<void> {
  if (journalLength(paths) === 0) return;
  const fileSystem = faultyFileSystem();
  const file = await fileSystem.open(paths.mbox, 2);
  await replayJournal({ paths, file, fileSystem, log: keptLog() });
  await fileSystem.closeAll();
}

test("the end is replaced, the file stays the same file", async (t) => {
  const site = temporarySite(t);
  const inode = statSync(mailbox(site, "user", TEXT).mbox).ino;
  const { paths, error } = await replaceWith(site);
  assert.equal(error, undefined);
  assert.equal(content(paths), NEW);
  assert.equal(statSync(paths.mbox).ino, inode);
  assert.equal(journalLength(paths), 0);
});

test("killed at any call: the old or the new mbox, and mail that came after the kill stays", async (t) => {
  const site = temporarySite(t);
  // The first makes the journal, and takes more calls than those that follow.
  await replaceWith(site);
  const { fileSystem } = await replaceWith(site);
  const seen = new Set<string>();
  // The first call is the test's own.
  for (let at = 2; at <= fileSystem.calls.length; at++) {
    for (const foreign of ["", FOREIGN]) {
      const { paths, error } = await replaceWith(site, { at, how: "kill" });
      assert.notEqual(error, undefined);
      appendFileSync(paths.mbox, foreign);
      await recover(paths);
      const left = content(paths);
      assert.ok(left === TEXT + foreign || left === NEW + foreign, `${fileSystem.calls[at - 1]}: ${left}`);
      assert.equal(journalLength(paths), 0);
      seen.add(left);
    }
  }
  assert.equal(seen.size, 4);
});

test("a call that fails: the old mbox at once, or the new one after recovery", async (t) => {
  const site = temporarySite(t);
  // The first makes the journal, and takes more calls than those that follow.
  await replaceWith(site);
  const { fileSystem } = await replaceWith(site);
  for (let at = 2; at <= fileSystem.calls.length; at++) {
    for (const how of ["fail", "short"] as const) {
      const { paths } = await replaceWith(site, { at, how });
      const journalled = journalLength(paths) > 0;
      if (!journalled) assert.ok([TEXT, NEW].includes(content(paths)), fileSystem.calls[at - 1]);
      await recover(paths);
      assert.ok([TEXT, NEW].includes(content(paths)), fileSystem.calls[at - 1]);
    }
  }
});

test("fewer bytes than there were are refused before anything is touched", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", TEXT);
  const fileSystem = faultyFileSystem();
  const file = await fileSystem.open(paths.mbox, 2);
  const box = { paths, file, fileSystem, log: keptLog(), release: () => Promise.resolve() };
  await assert.rejects(replaceTail(box, AT, [Buffer.from("x")]), RangeError);
  assert.equal(content(paths), TEXT);
  await fileSystem.closeAll();
});

test("when the power goes at any moment, and again during recovery, the mbox is the old or the new one", async (t) => {
  const site = temporarySite(t);
  const shares = fc.array(fc.constantFrom(0, 0, 0.3, 0.5, 1, 1), { minLength: 40, maxLength: 40 });
  const when = fc.integer({ min: 1, max: 30 });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(when, when, shares, shares, async (first, second, some, more) => {
      const paths = mailbox(site, "user", TEXT);
      const until = async (dieAt: number, survive: number[], work: "replace" | "replay") => {
        const fileSystem = powerLossFileSystem(dieAt);
        const file = await fileSystem.open(paths.mbox, 2);
        const box = { paths, file, fileSystem, log: keptLog(), release: () => Promise.resolve() };
        const pieces: Piece[] = [
          Buffer.from("new "),
          { file, start: 30, end: TEXT.length },
          { file, start: 12, end: 30 },
          Buffer.from(" and more"),
        ];
        const done = await (work === "replace" ? replaceTail(box, AT, pieces) : replayJournal(box)).then(
          () => true,
          () => false,
        );
        let i = 0;
        await fileSystem.losePower(() => survive[i++ % survive.length]!);
        return done;
      };
      const finished = await until(first, some, "replace");
      if (journalLength(paths) > 0) await until(second, more, "replay");
      if (journalLength(paths) > 0) assert.ok(await until(Number.POSITIVE_INFINITY, [1], "replay"));
      const left = content(paths);
      assert.ok(left === NEW || (left === TEXT && !finished), JSON.stringify(left));
      seen.add(left);
    }),
    { numRuns: 300 },
  );
  assert.equal(seen.size, 2);
});

test("mail that a program with no lock appends while the new bytes are copied is not overwritten", async (t) => {
  const paths = mailbox(temporarySite(t), "user", TEXT);
  const fileSystem = faultyFileSystem();
  const file = await fileSystem.open(paths.mbox, 2);
  const box = { paths, file, fileSystem, log: keptLog(), release: () => Promise.resolve() };
  const source = new Proxy(file, {
    get(target, key) {
      if (key === "read") appendFileSync(paths.mbox, FOREIGN);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const pieces: Piece[] = [Buffer.from("new "), { file: source, start: AT, end: TEXT.length }];
  await assert.rejects(replaceTail(box, AT, pieces, TEXT.length), /does not heed the lock/);
  await fileSystem.closeAll();
  assert.equal(content(paths), TEXT + FOREIGN);
  assert.equal(journalLength(paths), 0);
});
