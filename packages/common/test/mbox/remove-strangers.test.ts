/** Mailboxes and deletions of every shape, while a program that heeds no lock appends, and with kills on top. */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import type { FileSystem } from "../../src/fs/file-system.ts";
import { removeMessages } from "../../src/mbox/remove.ts";
import { replayJournal } from "../../src/mbox/replay.ts";
import { faultyFileSystem } from "../../src/testing/faulty-file-system.ts";
import { content, journalLength, keptLog, mailbox, temporarySite } from "./mailbox-fixture.ts";

/** A mailbox: its messages and which of them go. */
const shapes = fc.array(fc.record({ length: fc.integer({ min: 1, max: 60 }), goes: fc.boolean() }), {
  minLength: 1,
  maxLength: 25,
});

test("mail that a stranger appends in the middle stays, killed or not, whatever goes", async (t) => {
  const site = temporarySite(t);
  let kills = 0;
  await fc.assert(
    fc.asyncProperty(
      shapes,
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 60 }),
      fc.option(fc.integer({ min: 1, max: 60 })),
      async (shape, step, appendAt, killAt) => {
        const messages = shape.map(({ length }, i) => `<${i}:${"x".repeat(length)}>`);
        const paths = mailbox(site, "user", messages.join(""));
        const ranges: { start: number; end: number }[] = [];
        let at = 0;
        for (const [i, message] of messages.entries()) {
          if (shape[i]!.goes) ranges.push({ start: at, end: at + message.length });
          at += message.length;
        }
        const faulty = faultyFileSystem(killAt === null ? undefined : { at: killAt, how: "kill" });
        let appended = false;
        let begun = false;
        /** Appends once the removal has looked at the mbox, between two of its calls. */
        const fileSystem: FileSystem = {
          ...faulty,
          open: async (path, flags, mode) => {
            const file = await faulty.open(path, flags, mode);
            return new Proxy(file, {
              get(target, key) {
                const value: unknown = Reflect.get(target, key, target);
                if (typeof value !== "function") return value;
                return async (...args: unknown[]) => {
                  // Between looking at the length and cutting there is a moment that no program can close.
                  if (begun && !appended && key === "sync" && faulty.calls.length >= appendAt) {
                    appended = true;
                    appendFileSync(paths.mbox, "NEW");
                  }
                  if (key === "write") begun = true;
                  return await (value.apply(target, args) as Promise<unknown>);
                };
              },
            });
          },
        };
        const file = await fileSystem.open(paths.mbox, 2).catch(() => undefined);
        if (file !== undefined) {
          const box = { paths, file, fileSystem, log: keptLog(), release: () => Promise.resolve() };
          await removeMessages(box, ranges, step).catch(() => undefined);
        }
        await faulty.closeAll();
        if (faulty.struck) kills++;
        if (journalLength(paths) > 0) {
          const again = faultyFileSystem();
          const mbox = await again.open(paths.mbox, 2);
          await replayJournal({ paths, file: mbox, fileSystem: again, log: keptLog() });
          await again.closeAll();
        }
        const left = content(paths);
        const kept = messages.filter((_, i) => !shape[i]!.goes).join("");
        const news = appended ? "NEW" : "";
        const wanted = faulty.struck ? [messages.join("") + news, kept + news] : [kept + news];
        assert.ok(wanted.includes(left), `${left} is none of ${wanted.join(" and ")}`);
      },
    ),
    { numRuns: 400 },
  );
  assert.ok(kills > 20);
});
