import assert from "node:assert/strict";
import { appendFileSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../src/clock.ts";
import { appendMessages } from "../../src/mbox/append.ts";
import { notedLetters, openAppendNotes, voidNote } from "../../src/mbox/append-notes.ts";
import { lockMailbox } from "../../src/mbox/lock.ts";
import { journalFolder, mailboxPaths } from "../../src/mbox/mailboxes.ts";
import { faultyFileSystem } from "../../src/testing/faulty-file-system.ts";
import { content, keptLog, locked, mailbox, message, temporarySite } from "./mailbox-fixture.ts";

const all = () => true;
const OLD = "From x@example.com Tue Nov 24 00:00:00 2026\nA: old\n\n";

/** Appends two letters with their notes, with something going wrong at a call; true when it went through. */
async function append(t: TestContext, at: number, how: "fail" | "short" | "kill") {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", OLD);
  const faulty = faultyFileSystem({ at, how });
  const notes = openAppendNotes(site, "appended", keptLog());
  let done = false;
  try {
    const box = await locked(paths, faulty);
    const letters = ["one", "two"].map((note) => ({ ...message(`A: ${note}\r\n`), note }));
    try {
      await appendMessages(box, letters, notes);
      done = true;
    } finally {
      await box.release();
    }
  } catch {
    // The fault.
  }
  await faulty.closeAll();
  notes.close();
  return { site, paths, done, struck: faulty.struck };
}

test("whoever dies or fails at any call of an append: noted are exactly the letters that stay in the mailbox", async (t) => {
  const seen = new Set<string>();
  for (const how of ["kill", "fail", "short"] as const) {
    for (const order of ["notes first", "mailbox first"] as const) {
      for (let at = 1; ; at++) {
        const { site, paths, done, struck } = await append(t, at, how);
        const where = `${how} at ${at}, ${order}`;
        const before = order === "notes first" ? await notedLetters(site, all) : undefined;
        const later = faultyFileSystem();
        // The dead one's lock is broken at once because its journal says something, or is in nobody's way.
        const log = keptLog();
        const box = await lockMailbox(paths, {
          timeout: 5000,
          clock: { ...systemClock, now: () => Date.now() + 60_000 },
          log,
          fileSystem: later,
        });
        await box!.release();
        const noted = before ?? (await notedLetters(site, all));
        const there = content(paths).includes("A: one\n") && content(paths).includes("A: two\n");
        assert.equal(there, content(paths).includes("A: one\n"), `${where}: half a batch`);
        assert.deepEqual([...noted].toSorted(), there ? ["one", "two"] : [], where);
        if (done) assert.ok(there, where);
        seen.add(`${struck} ${there}`);
        if (!struck) break;
      }
    }
  }
  assert.deepEqual([...seen].toSorted(), ["false true", "true false"]);
});

test("a torn note, one of another boot and one that is void count for nothing", async (t) => {
  const site = temporarySite(t);
  const paths = mailboxPaths(site, "user");
  const box = await locked(paths);
  const notes = openAppendNotes(site, "appended", keptLog());
  await appendMessages(box, [{ ...message("A: b\r\n"), note: "first" }], notes);
  const file = join(journalFolder(site), ".appended");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const whole = readFileSync(file);
  await appendMessages(box, [{ ...message("A: c\r\n"), note: "second" }], notes);
  const second = readFileSync(file).subarray(whole.length);
  // Cut short, and the next one right behind it.
  writeFileSync(file, Buffer.concat([whole, second.subarray(0, second.length - 3), second]));
  assert.deepEqual([...(await notedLetters(site, all))], ["first", "second"]);
  assert.deepEqual([...(await notedLetters(site, (letter) => letter === "second"))], ["second"]);
  const batch = /"batch":"([^"]+)"/.exec(second.toString())![1]!;
  voidNote(paths.journal, batch);
  assert.deepEqual([...(await notedLetters(site, all))], ["first"]);
  writeFileSync(file, whole.toString().replace(/"boot":"[^"]/, '"boot":"x'));
  assert.deepEqual([...(await notedLetters(site, all))], []);
  notes.close();
  await box.release();
});

test("a voidance finds notes in either generation", async (t) => {
  const site = temporarySite(t);
  const paths = mailboxPaths(site, "user");
  // Nothing was noted: nothing is to be made void, and no file is made.
  voidNote(paths.journal, "none");
  const box = await locked(paths);
  const notes = openAppendNotes(site, "appended", keptLog());
  await appendMessages(box, [{ ...message("A: b\r\n"), note: "first" }], notes);
  await box.release();
  notes.close();
  const file = join(journalFolder(site), ".appended");
  const batch = /"batch":"([^"]+)"/.exec(readFileSync(file, "utf8"))![1]!;
  const text = readFileSync(file);
  renameSync(file, `${file}-former`);
  assert.deepEqual([...(await notedLetters(site, all))], ["first"]);
  voidNote(paths.journal, batch);
  assert.deepEqual([...(await notedLetters(site, all))], []);
  // The order of the generations does not matter: batches are named once.
  writeFileSync(file, text);
  assert.deepEqual([...(await notedLetters(site, all))], []);
});

test("notes of thousands of letters take two generations, and the last letters are in them", async (t) => {
  const site = temporarySite(t);
  const box = await locked(mailboxPaths(site, "user"));
  await appendMessages(box, [message("A: b\r\n")]);
  await box.release();
  const notes = openAppendNotes(site, "handed-over", keptLog());
  for (let n = 0; n < 20_000; n++) notes.add([`letter ${n} to somebody@example.net`]);
  const kept = await notedLetters(site, all);
  assert.ok(kept.size > 2000 && kept.size < 20_000, `${kept.size}`);
  assert.ok(kept.has("letter 19999 to somebody@example.net"));
  assert.ok(kept.has("letter 18000 to somebody@example.net"));
  notes.close();
  appendFileSync(join(journalFolder(site), ".handed-over"), "not a note\n1 {}\n");
  assert.equal((await notedLetters(site, all)).size, kept.size);
});

test("the first note of a host that has delivered nothing yet: its folder is made", async (t) => {
  const site = temporarySite(t);
  const log = keptLog();
  const notes = openAppendNotes(site, "handed-over", log);
  notes.add(["one"]);
  notes.close();
  assert.deepEqual(log.lines, []);
  assert.deepEqual([...(await notedLetters(site, all))], ["one"]);
});
