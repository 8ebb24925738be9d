import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { removeMessages } from "../../src/mbox/remove.ts";
import { replayJournal } from "../../src/mbox/replay.ts";
import { powerLossFileSystem } from "../../src/testing/power-loss-file-system.ts";
import { content, journalLength, keptLog, mailbox, temporarySite } from "./mailbox-fixture.ts";

const TEXT = Array.from({ length: 12 }, (_, i) => `${i}:${"abcdefghij".slice(i % 7)}|`).join("");
const RANGES = [
  { start: 4, end: 8 },
  { start: 30, end: 40 },
  { start: 60, end: 70 },
];
const NEW = TEXT.slice(0, 4) + TEXT.slice(8, 30) + TEXT.slice(40, 60) + TEXT.slice(70);

/** The plan came to the disk and the room for the steps did not; then a step's announcement did, and its bytes not. */
const ANNOUNCED_WITHOUT_BYTES: [number, number, number[], number[], number] = [
  2,
  8,
  Array.from({ length: 40 }, () => 1),
  [0, 1, 1, 0.5, 0, 0.3, 0, 1, ...Array.from({ length: 32 }, () => 0.5)],
  6,
];

test("when the power goes at any moment, and again during recovery, the mbox is the old or the new one", async (t) => {
  const site = temporarySite(t);
  const shares = fc.array(fc.constantFrom(0, 0, 0.3, 0.5, 1, 1), { minLength: 40, maxLength: 40 });
  const when = fc.integer({ min: 1, max: 90 });
  let olds = 0;
  let news = 0;
  await fc.assert(
    fc.asyncProperty(
      when,
      when,
      shares,
      shares,
      fc.integer({ min: 3, max: 11 }),
      async (first, second, some, more, step) => {
        const paths = mailbox(site, "user", TEXT);
        const log = keptLog();
        let finished = false;
        /** Works until the power goes. */
        const until = async (dieAt: number, survive: number[], work: "remove" | "replay") => {
          const fileSystem = powerLossFileSystem(dieAt);
          const file = await fileSystem.open(paths.mbox, 2);
          const box = { paths, file, fileSystem, log, release: () => Promise.resolve() };
          const working = work === "remove" ? removeMessages(box, RANGES, step) : replayJournal(box);
          const done = await working.then(
            () => true,
            () => false,
          );
          let i = 0;
          await fileSystem.losePower(() => survive[i++ % survive.length]!);
          return done;
        };
        finished = await until(first, some, "remove");
        if (journalLength(paths) > 0) await until(second, more, "replay");
        if (journalLength(paths) > 0) assert.ok(await until(Number.POSITIVE_INFINITY, [1], "replay"));
        const left = content(paths);
        assert.ok(left === NEW || (left === TEXT && !finished), left);
        assert.equal(journalLength(paths), 0);
        if (left === NEW) news++;
        else olds++;
      },
    ),
    { numRuns: 400, examples: [ANNOUNCED_WITHOUT_BYTES] },
  );
  assert.ok(olds > 0 && news > 0);
});
