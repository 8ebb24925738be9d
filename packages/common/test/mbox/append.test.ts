import assert from "node:assert/strict";
import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import type { MboxMessage } from "../../src/mbox/append.ts";
import { appendMessages } from "../../src/mbox/append.ts";
import { CHUNK_HEAD, lastChunk } from "../../src/mbox/append-journal.ts";
import { bootId, frame } from "../../src/mbox/journal.ts";
import type { MailboxPaths } from "../../src/mbox/mailboxes.ts";
import { MboxError } from "../../src/mbox/mbox-error.ts";
import { scanMbox } from "../../src/mbox/scan.ts";
import type { Fault } from "../../src/testing/faulty-file-system.ts";
import { faultyFileSystem } from "../../src/testing/faulty-file-system.ts";
import {
  content,
  journalLength,
  keptLog,
  leaveAppend,
  locked,
  mailbox,
  message,
  NOVEMBER,
  temporarySite,
  writeJournal,
} from "./mailbox-fixture.ts";
import { asSent } from "./reference-scan.ts";

const HEAD = "From a@example.com Tue Nov 24 00:00:00 2026\nReturn-Path: <a@example.com>\n";

test("a message is stored with its From line, Return-Path, LF line ends and an empty line behind", async (t) => {
  const paths = mailbox(temporarySite(t), "user");
  const box = await locked(paths);
  await appendMessages(box, [message("A: b\r\n\r\nFrom me\r\n>From you\r\nFrom\r\n", "a@example.com", 1)]);
  await appendMessages(box, [message("A: c\r\n\r\nno line end", ""), message("A: d\r\n")]);
  await box.release();
  assert.equal(
    content(paths),
    `${HEAD}A: b\n\n>From me\n>>From you\nFrom\n\n` +
      "From MAILER-DAEMON Tue Nov 24 00:00:00 2026\nReturn-Path: <>\nA: c\n\nno line end\n\n" +
      `${HEAD}A: d\n\n`,
  );
  assert.equal(statSync(paths.mbox).mode & 0o777, 0o660);
  assert.equal(journalLength(paths), 0);
});

test("an empty line is supplied where the file ends without one", async (t) => {
  const site = temporarySite(t);
  const ends: [string, string][] = [
    ["", ""],
    ["text", "text\n\n"],
    ["text\n", "text\n\n"],
    ["text\n\n", "text\n\n"],
    ["\n", "\n\n"],
    ["x", "x\n\n"],
  ];
  for (const [i, [before, after]] of ends.entries()) {
    const paths = mailbox(site, `user${i}`, before);
    const box = await locked(paths);
    await appendMessages(box, [message("A: b\r\n")]);
    await box.release();
    assert.equal(content(paths), `${after}${HEAD}A: b\n\n`);
  }
});

test("nothing in a sender can add a line or hide the message", async (t) => {
  const paths = mailbox(temporarySite(t), "user");
  const box = await locked(paths);
  const senders = ["a\r\nFrom b", "a\0b", '"a b"@example.com', `${"x".repeat(5000)}@example.com`];
  for (const sender of senders) await appendMessages(box, [message("A: b\r\n", sender)]);
  await box.release();
  const file = await open(paths.mbox, "r");
  const spans = [];
  for await (const some of scanMbox(file, 0, (await file.stat()).size)) spans.push(...some);
  await file.close();
  assert.equal(spans.length, senders.length);
  assert.equal(content(paths).match(/^Return-Path: /gm)?.length, senders.length);
});

const text = fc
  .array(
    fc.constantFrom(
      "\r\n",
      "\r\n",
      "From ",
      "Fro",
      ">",
      "\r",
      "\r\r\n",
      "F",
      "m ",
      "abc",
      "\0\xff",
      "\r\n\r\n",
    ),
    {
      maxLength: 30,
    },
  )
  .map((parts) => `A: b\r\n${parts.join("")}`);

test("what is appended is found and read back byte for byte, at every chunk size", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user");
  const box = await locked(paths);
  await fc.assert(
    fc.asyncProperty(
      fc.array(text, { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 9 }),
      async (texts, chunk) => {
        await box.file.truncate(0);
        await appendMessages(
          box,
          texts.map((one) => message(one, "a@example.com", chunk)),
        );
        const stored = content(paths);
        const found: string[] = [];
        for await (const spans of scanMbox(box.file, 0, stored.length)) {
          for (const span of spans) {
            const sent = asSent(stored.slice(span.head, span.end));
            assert.equal(span.octets, sent.length);
            found.push(sent.replace(/^Return-Path: <a@example.com>\r\n/, ""));
          }
        }
        // A bare LF never comes in; a last line without an end gets one.
        const whole = (one: string) => (one.endsWith("\r\n") ? one : `${one}\r\n`);
        assert.deepEqual(found, texts.map(whole));
      },
    ),
    { numRuns: 400 },
  );
  await box.release();
});

test("chunks larger than the buffer and many messages go through it in order", async (t) => {
  const paths = mailbox(temporarySite(t), "user");
  const box = await locked(paths);
  const large = `A: b\r\n\r\n${"From x\r\n".repeat(200_000)}`;
  await appendMessages(box, [
    message(large, "a@example.com", 700_000),
    ...Array.from({ length: 500 }, (_, i) => message(`N: ${i}\r\n`)),
  ]);
  await box.release();
  const stored = content(paths);
  assert.ok(stored.startsWith(`${HEAD}A: b\n\n${">From x\n".repeat(200_000)}\n${HEAD}N: 0\n\n`));
  assert.deepEqual(
    stored.match(/^N: \d+$/gm),
    Array.from({ length: 500 }, (_, i) => `N: ${i}`),
  );
});

const OLD = `${HEAD}Old: mail\n\ntext`;

/** Appends to an mbox of one old message through a file system with a fault. */
async function appendWith(site: Parameters<typeof mailbox>[0], fault: Fault | undefined, name: string) {
  const paths = mailbox(site, name, OLD);
  const fileSystem = faultyFileSystem(fault);
  const box = { ...(await locked(paths, faultyFileSystem())), fileSystem, log: keptLog() };
  const file = box.file;
  const faulty = { ...box, file: await fileSystem.open(paths.mbox, 2) };
  let error: unknown;
  await appendMessages(faulty, [message("A: b\r\n\r\none\r\n"), message("A: c\r\n\r\ntwo\r\n")]).catch(
    (e: unknown) => {
      error = e;
    },
  );
  await fileSystem.closeAll();
  await box.release();
  assert.ok(file.fd < 0);
  return { paths, error, fileSystem };
}

test("whichever call fails, the mbox has its old length and the error says why", async (t) => {
  const site = temporarySite(t);
  // The first makes the journal's folder, and takes more calls than those that follow.
  await appendWith(site, undefined, "first");
  const { fileSystem, paths } = await appendWith(site, undefined, "whole");
  const whole = content(paths);
  const total = fileSystem.calls.length;
  assert.ok(total >= 7, String(fileSystem.calls));
  for (const how of ["fail", "short"] as const) {
    for (const [code, fault] of [
      ["ENOSPC", "no-space"],
      ["EDQUOT", "quota"],
      ["EFBIG", "too-large"],
      ["EIO", "io"],
    ] as const) {
      // The first call is the test's own opening of the mbox.
      for (let at = 2; at <= total; at++) {
        const { paths, error, fileSystem } = await appendWith(
          site,
          { at, how, code },
          `${how}-${code}-${at}`,
        );
        const where = `${how} at ${at}: ${fileSystem.calls[at - 1]}`;
        if (fileSystem.calls[at - 1] === `open ${paths.name}` && error === undefined) {
          assert.equal(content(paths), whole, where);
          continue;
        }
        assert.ok(error instanceof MboxError, where);
        assert.equal(error.fault, fault, where);
        assert.equal(content(paths), OLD, where);
        assert.equal(journalLength(paths), 0, where);
      }
    }
  }
});

test("killed at any call, the next to lock finds the old mbox or the whole batch", async (t) => {
  const site = temporarySite(t);
  // The first makes the journal's folder, and takes more calls than those that follow.
  await appendWith(site, undefined, "first");
  const { fileSystem, paths } = await appendWith(site, undefined, "whole");
  const whole = content(paths);
  const seen = new Set<string>();
  for (let at = 2; at <= fileSystem.calls.length; at++) {
    const { paths, error } = await appendWith(site, { at, how: "kill" }, `kill-${at}`);
    assert.ok(error instanceof MboxError);
    const box = await locked(paths);
    assert.ok(content(paths) === OLD || content(paths) === whole, `killed at ${at}`);
    seen.add(content(paths));
    assert.equal(journalLength(paths), 0);
    await appendMessages(box, [message("A: d\r\n")]);
    await box.release();
  }
  assert.deepEqual(seen, new Set([OLD]), "what was not acknowledged is undone");
});

test("mail that another program appends after a crash stays, wherever the append was cut short", async (t) => {
  const site = temporarySite(t);
  const foreign = `${HEAD}B: foreign\n\ntext\n\n`;
  // The first makes the journal's folder, and takes more calls than those that follow.
  await appendWith(site, undefined, "first");
  const { fileSystem } = await appendWith(site, undefined, "whole");
  for (let at = 2; at <= fileSystem.calls.length; at++) {
    const { paths } = await appendWith(site, { at, how: "kill" }, `kill-${at}`);
    appendFileSync(paths.mbox, foreign);
    await (await locked(paths)).release();
    const kept = content(paths);
    const rest = kept.slice(0, -foreign.length);
    assert.ok(kept.endsWith(foreign), `killed at ${at}: ${kept}`);
    // What ended the mail before it may stay: the mail behind needs it.
    assert.ok([OLD, `${OLD}\n`, `${OLD}\n\n`].includes(rest), `killed at ${at}: ${kept}`);
    assert.equal(journalLength(paths), 0);
  }
});

test("of a batch of many writes all are undone, and mail behind stays", async (t) => {
  const site = temporarySite(t);
  const large = message(`A: b\r\n\r\n${"0123456789abcde\r\n".repeat(60_000)}`, "a@example.com", 65_536);
  for (const foreign of ["", `${HEAD}B: foreign\n\n`]) {
    for (let at = 4; ; at++) {
      const paths = mailbox(site, `large-${at}-${foreign.length}`, OLD);
      if (!(await isKilled(paths, at, [large]))) break;
      appendFileSync(paths.mbox, foreign);
      await (await locked(paths)).release();
      const kept = content(paths);
      assert.ok(kept.startsWith(OLD) && kept.endsWith(foreign), `killed at ${at}`);
      assert.ok(kept.length <= OLD.length + 2 + foreign.length, `killed at ${at}: ${kept.length} bytes`);
    }
  }
});

/** Appends, in a process that is killed at its `at`th file call. @returns false when it had fewer */
async function isKilled(paths: MailboxPaths, at: number, messages: readonly MboxMessage[]): Promise<boolean> {
  const fileSystem = faultyFileSystem({ at, how: "kill" });
  const box = { ...(await locked(paths)), fileSystem, log: keptLog() };
  const file = await fileSystem.open(paths.mbox, 2);
  const killed = await appendMessages({ ...box, file }, messages).then(
    () => false,
    () => true,
  );
  await fileSystem.closeAll();
  await box.release();
  return killed;
}

/** Where the last write begins that a journal announces. */
async function startOfLast(path: string): Promise<number> {
  const journal = await open(path, "r");
  try {
    return (await lastChunk(journal))!.record.start;
  } finally {
    await journal.close();
  }
}

test("a large batch that another program shortened after a crash is left as it is", async (t) => {
  const site = temporarySite(t);
  const large = message(`A: b\r\n\r\n${"0123456789abcde\r\n".repeat(60_000)}`, "a@example.com", 65_536);
  const foreign = `${HEAD}B: foreign\n\n${"of another\n".repeat(40_000)}\n`;
  let compared = 0;
  for (let at = 4; ; at++) {
    const paths = mailbox(site, `short-${at}`, OLD);
    if (!(await isKilled(paths, at, [large]))) break;
    const left = content(paths);
    // One write leaves an announcement that has all its bytes, which are compared one by one.
    if (left.length < OLD.length + 300_000) continue;
    compared += 1;
    const journal = readFileSync(paths.journal);
    for (let place = OLD.length + 40; place < left.length - 100; place += 13_000) {
      // What lies in the last write is compared one by one: what is there of it goes.
      if (place >= (await startOfLast(paths.journal))) break;
      const made = `${left.slice(0, place)}${left.slice(place + 17)}${foreign}`;
      writeFileSync(paths.mbox, made, "latin1");
      await (await locked(paths)).release();
      assert.ok(content(paths) === made, `killed at ${at}, ${place}`);
      writeJournal(paths, journal);
    }
  }
  assert.ok(compared > 3);
});

test("mail of another program stays that moved up behind a batch, when a message of that was removed", async (t) => {
  const site = temporarySite(t);
  const text = (i: number) => `A: ${i}\r\n\r\n${`${i} 0123456789abcde\r\n`.repeat(600)}`;
  const batch = Array.from({ length: 60 }, (_, i) => message(text(i), "a@example.com", 65_536));
  const foreign = `${HEAD}B: foreign\n\n${"of another\n".repeat(2000)}\n`;
  let compared = 0;
  for (let at = 4; ; at++) {
    const paths = mailbox(site, `moved-${at}`, OLD);
    if (!(await isKilled(paths, at, batch))) break;
    if (journalLength(paths) === 0) continue;
    const start = await startOfLast(paths.journal);
    if (start < OLD.length + 210_000) continue;
    compared += 1;
    const whole = content(paths) + foreign;
    const journal = readFileSync(paths.journal);
    // Each whole message of ours before the last write in turn.
    const heads = [...whole.matchAll(/(?<=\n\n)From /g)].map((match) => match.index);
    for (const [i, head] of heads.entries()) {
      const next = heads[i + 1];
      if (i === 0 || next === undefined || next >= start) continue;
      const made = whole.slice(0, head) + whole.slice(next);
      writeFileSync(paths.mbox, made, "latin1");
      await (await locked(paths)).release();
      assert.ok(content(paths).endsWith(foreign), `killed at ${at}, message ${i}`);
      assert.ok(content(paths) === made, `killed at ${at}, message ${i}`);
      writeJournal(paths, journal);
    }
  }
  assert.ok(compared > 2);
});

test("a batch that an earlier version was killed in is undone by its sum of all bytes", async (t) => {
  const paths = mailbox(temporarySite(t), "user", `${OLD}written before`);
  const { dev: device, ino: inode } = statSync(paths.mbox);
  const start = OLD.length + "written ".length;
  const bytes = Buffer.from("before and more");
  const common = {
    kind: "append",
    device,
    inode,
    length: OLD.length,
    separator: 0,
    start,
    bytes: bytes.length,
  };
  for (const [before, kept] of [
    [crc32("written "), OLD],
    [crc32("another "), `${OLD}written before`],
  ] as const) {
    writeFileSync(paths.mbox, `${OLD}written before`);
    const head = frame({ ...common, before, boot: bootId() });
    writeJournal(paths, Buffer.concat([head, Buffer.alloc(CHUNK_HEAD - head.length), bytes]));
    await (await locked(paths)).release();
    assert.equal(content(paths), kept);
  }
});

test("the longest announcement fits before its bytes", () => {
  const most = Number.MAX_SAFE_INTEGER;
  const written = { samples: 2 ** 32 - 1, tail: 2 ** 32 - 1, tailBytes: 4096 };
  const numbers = { device: most, inode: most, born: 1e12 + 1 / 3, length: most, separator: 2, start: most };
  const names = { boot: bootId().padEnd(36, "0"), batch: "x".repeat(20) };
  assert.ok(frame({ kind: "append", ...numbers, ...names, bytes: 262_144, written }).length <= CHUNK_HEAD);
});

test("a mailbox that another program rewrote after a crash is left as it is", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user", `${OLD}and what another program made of it`);
  leaveAppend(paths, OLD.length, Buffer.from("something else"));
  await (await locked(paths)).release();
  assert.equal(content(paths), `${OLD}and what another program made of it`);
  assert.equal(journalLength(paths), 0);
});

test("a message that can not be read is an error, and nothing of the batch stays", async (t) => {
  const paths = mailbox(temporarySite(t), "user", OLD);
  const box = await locked(paths);
  const broken: MboxMessage = {
    sender: "a@example.com",
    receivedAt: NOVEMBER,
    async *stream() {
      yield await Promise.resolve(Buffer.from("A: c"));
      throw Object.assign(new Error("queue file"), { code: "ENOSPC" });
    },
  };
  await assert.rejects(appendMessages(box, [message("A: b\r\n"), broken]), {
    name: "MboxError",
    fault: "io",
  });
  await box.release();
  assert.equal(content(paths), OLD);
});

test("an append of another boot is not undone: it may have been acknowledged", async (t) => {
  const { frame } = await import("../../src/mbox/journal.ts");
  const site = temporarySite(t);
  const paths = mailbox(site, "user", OLD);
  const { dev: device, ino: inode } = statSync(paths.mbox);
  writeJournal(paths, frame({ kind: "append", device, inode, length: 3, boot: "another" }));
  await (await locked(paths, faultyFileSystem())).release();
  assert.equal(content(paths), OLD);
  assert.equal(journalLength(paths), 0);
  writeFileSync(
    paths.journal,
    frame({ kind: "append", device, inode: inode + 1, length: 3, boot: "another" }),
  );
  await (await locked(paths, faultyFileSystem())).release();
  assert.equal(content(paths), OLD);
});
