import assert from "node:assert/strict";
import { appendFileSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import type { MailboxPaths } from "../../src/mbox/mailboxes.ts";
import { MboxError } from "../../src/mbox/mbox-error.ts";
import type { ByteRange } from "../../src/mbox/remove.ts";
import { removeMessages } from "../../src/mbox/remove.ts";
import { replayJournal } from "../../src/mbox/replay.ts";
import type { Fault } from "../../src/testing/faulty-file-system.ts";
import { faultyFileSystem } from "../../src/testing/faulty-file-system.ts";
import { content, journalLength, keptLog, locked, mailbox, temporarySite } from "./mailbox-fixture.ts";

type Site = ReturnType<typeof temporarySite>;

/** A text in which every stretch of a few bytes is different. */
const TEXT = Array.from({ length: 10 }, (_, i) => `${i}:${"abcdefghij".slice(i % 7)}|`).join("");

function without(text: string, ranges: readonly ByteRange[]): string {
  let kept = "";
  let at = 0;
  for (const { start, end } of ranges) {
    kept += text.slice(at, start);
    at = end;
  }
  return kept + text.slice(at);
}

/** Removes ranges through a file system with a fault, and lets the lock go. */
async function removeWith(
  site: Site,
  name: string,
  text: string,
  ranges: ByteRange[],
  step: number,
  fault?: Fault,
) {
  const paths = mailbox(site, name, text);
  const fileSystem = faultyFileSystem(fault);
  // What is tested here happens under a lock, whoever took it.
  const file = await fileSystem.open(paths.mbox, 2);
  const box = { paths, file, fileSystem, log: keptLog(), release: () => Promise.resolve() };
  let error: unknown;
  await removeMessages(box, ranges, step).catch((e: unknown) => {
    error = e;
  });
  await fileSystem.closeAll();
  return { paths, error, fileSystem };
}

/** What whoever locks the mailbox next does. */
async function recover(paths: MailboxPaths): Promise<void> {
  if (journalLength(paths) === 0) return;
  const fileSystem = faultyFileSystem();
  const file = await fileSystem.open(paths.mbox, 2);
  await replayJournal({ paths, file, fileSystem, log: keptLog() });
  await fileSystem.closeAll();
}

const cuts = fc.array(fc.integer({ min: 0, max: TEXT.length }), { maxLength: 12 }).map((numbers) => {
  const sorted = [...new Set(numbers)].sort((a, b) => a - b);
  const ranges: ByteRange[] = [];
  for (let i = 0; i + 1 < sorted.length; i += 2) ranges.push({ start: sorted[i]!, end: sorted[i + 1]! });
  return ranges;
});

test("what is removed goes and the rest stays, whatever the step", async (t) => {
  const site = temporarySite(t);
  await fc.assert(
    fc.asyncProperty(cuts, fc.integer({ min: 1, max: 40 }), async (ranges, step) => {
      const { paths, error } = await removeWith(site, "user", TEXT, ranges, step);
      assert.equal(error, undefined);
      assert.equal(content(paths), without(TEXT, ranges));
      assert.equal(journalLength(paths), 0);
    }),
    { numRuns: 150 },
  );
});

test("the file stays the same file, and ranges that make no sense are refused before it is touched", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", TEXT);
  const box = await locked(paths);
  const { ino } = await box.file.stat();
  for (const ranges of [
    [{ start: 5, end: 4 }],
    [
      { start: 0, end: 9 },
      { start: 8, end: 10 },
    ],
    [{ start: 0, end: TEXT.length + 1 }],
  ]) {
    await assert.rejects(removeMessages(box, ranges), RangeError);
  }
  assert.equal(content(paths), TEXT);
  await removeMessages(box, [{ start: 3, end: 10 }]);
  await removeMessages(box, []);
  assert.equal((await box.file.stat()).ino, ino);
  await box.release();
  assert.equal(content(paths), TEXT.slice(0, 3) + TEXT.slice(10));
});

const PLANS: { name: string; ranges: ByteRange[]; step: number }[] = [
  { name: "first-few", ranges: [{ start: 0, end: 5 }], step: 7 },
  {
    name: "narrow-then-wide",
    ranges: [
      { start: 4, end: 8 },
      { start: 30, end: 40 },
      { start: 70, end: 90 },
    ],
    step: 7,
  },
  { name: "wide", ranges: [{ start: 10, end: 80 }], step: 7 },
  { name: "everything", ranges: [{ start: 0, end: TEXT.length }], step: 7 },
  { name: "the-end", ranges: [{ start: 90, end: TEXT.length }], step: 7 },
  { name: "one-step", ranges: [{ start: 4, end: 8 }], step: 4096 },
];

test("killed at any call, recovery leaves exactly the old or exactly the new mbox", async (t) => {
  const site = temporarySite(t);
  for (const { name, ranges, step } of PLANS) {
    const { fileSystem } = await removeWith(site, name, TEXT, ranges, step);
    const wanted = without(TEXT, ranges);
    const seen = new Set<string>();
    for (let at = 2; at <= fileSystem.calls.length; at++) {
      const { paths, error, fileSystem } = await removeWith(site, name, TEXT, ranges, step, {
        at,
        how: "kill",
      });
      assert.equal(error instanceof MboxError, fileSystem.struck, `${name} ${at}`);
      await recover(paths);
      const left = content(paths);
      assert.ok(
        left === TEXT || left === wanted,
        `${name}, killed at ${at} (${fileSystem.calls[at - 1]}): ${left}`,
      );
      assert.equal(journalLength(paths), 0);
      seen.add(left);
    }
    assert.equal(seen.size, 2, name);
  }
});

test("killed again during recovery, at any call, the end is the same", async (t) => {
  const site = temporarySite(t);
  const { ranges, step } = PLANS[1]!;
  const wanted = without(TEXT, ranges);
  const { fileSystem } = await removeWith(site, "user", TEXT, ranges, step);
  const total = fileSystem.calls.length;
  for (let at = 2; at <= total; at += 3) {
    for (let again = 2; ; again++) {
      const { paths } = await removeWith(site, "user", TEXT, ranges, step, { at, how: "kill" });
      if (journalLength(paths) === 0) break;
      const second = faultyFileSystem({ at: again, how: "kill" });
      const file = await second.open(paths.mbox, 2);
      await replayJournal({ paths, file, fileSystem: second, log: keptLog() }).catch(() => undefined);
      await second.closeAll();
      await recover(paths);
      assert.ok(content(paths) === TEXT || content(paths) === wanted, `killed at ${at}, then at ${again}`);
      if (!second.struck) break;
      // One in five of the second kills is enough for the longer recoveries.
      if (again > 12) again += 4;
    }
  }
});

test("whichever call fails, the error says why, and the mbox is the old one or finished by the next to lock", async (t) => {
  const site = temporarySite(t);
  for (const { name, ranges, step } of PLANS) {
    const { fileSystem } = await removeWith(site, name, TEXT, ranges, step);
    const wanted = without(TEXT, ranges);
    for (const how of ["fail", "short"] as const) {
      for (let at = 2; at <= fileSystem.calls.length; at++) {
        if (how === "short" && !fileSystem.calls[at - 1]!.startsWith("write")) continue;
        const { paths, error } = await removeWith(site, name, TEXT, ranges, step, { at, how, code: "EIO" });
        const where = `${name} ${how} ${at} ${fileSystem.calls[at - 1]}`;
        if (error !== undefined) assert.ok(error instanceof MboxError && error.fault === "io", where);
        if (error !== undefined && journalLength(paths) === 0) {
          assert.ok(content(paths) === TEXT || content(paths) === wanted, where);
        }
        await recover(paths);
        assert.ok(content(paths) === TEXT || content(paths) === wanted, where);
      }
    }
  }
});

test("with a disk too full for the journal, what only has to be cut is removed, and else nothing is touched", async (t) => {
  const site = temporarySite(t);
  const full = async (name: string, ranges: ByteRange[], step: number) => {
    await removeWith(site, name, TEXT, ranges, step);
    const { fileSystem } = await removeWith(site, name, TEXT, ranges, step);
    const first = fileSystem.calls.findIndex((call) => call.startsWith("write"));
    return await removeWith(site, name, TEXT, ranges, step, { at: first + 1, how: "short", code: "ENOSPC" });
  };
  const { paths, error } = await full("some", PLANS[0]!.ranges, 7);
  assert.ok(error instanceof MboxError && error.fault === "no-space");
  assert.equal(content(paths), TEXT);
  assert.equal(journalLength(paths), 0);
  const small = await full("smaller-step", PLANS[0]!.ranges, 1024 * 1024);
  assert.equal(small.error, undefined, "a smaller step is tried");
  assert.equal(content(small.paths), without(TEXT, PLANS[0]!.ranges));
  const { fileSystem } = await removeWith(site, "all", TEXT, PLANS[3]!.ranges, 7);
  assert.deepEqual(
    fileSystem.calls.filter((call) => call.startsWith("write")),
    [],
  );
});

test("mail that comes behind during a crash stays", async (t) => {
  const site = temporarySite(t);
  for (const { name, ranges, step } of PLANS) {
    const { fileSystem } = await removeWith(site, name, TEXT, ranges, step);
    for (let at = 2; at <= fileSystem.calls.length; at++) {
      const { paths } = await removeWith(site, name, TEXT, ranges, step, { at, how: "kill" });
      appendFileSync(paths.mbox, "NEW MAIL");
      await recover(paths);
      const left = content(paths);
      assert.ok(left.endsWith("NEW MAIL"), `${name}, killed at ${at}: ${left}`);
      const rest = left.slice(0, -"NEW MAIL".length);
      assert.ok(rest === TEXT || rest === without(TEXT, ranges), `${name}, killed at ${at}: ${left}`);
    }
  }
});

test("a large mbox is moved through the journal in its ordinary steps", async (t) => {
  const site = temporarySite(t);
  const text = Array.from({ length: 500_000 }, (_, i) => `${i},`).join("");
  const ranges = [
    { start: 10, end: 17 },
    { start: 5000, end: 6000 },
    { start: 900_000, end: 2_000_000 },
  ];
  for (const step of [256 * 1024, 16 * 1024 * 1024]) {
    const { paths, error } = await removeWith(site, "user", text, ranges, step);
    assert.equal(error, undefined);
    assert.ok(readFileSync(paths.mbox, "latin1") === without(text, ranges));
  }
});
