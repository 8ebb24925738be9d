import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { open } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { appendMessages } from "../../src/mbox/append.ts";
import { lockMailbox } from "../../src/mbox/lock.ts";
import type { MailboxPaths } from "../../src/mbox/mailboxes.ts";
import type { Site } from "../../src/site.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { journalLength, keptLog, locked, mailbox, temporarySite } from "./mailbox-fixture.ts";
import { numberedMessage, numbersIn } from "./numbered-messages.ts";

const CHILD = fileURLToPath(new URL("./mbox-child.ts", import.meta.url));

/** Node's arguments for a process on a mailbox. */
function command(site: Site, name: string, ...args: string[]): string[] {
  return ["--conditions=@mailhost/source", "--import", "tsx", CHILD, site.root, name, ...args];
}

/** Starts a process on a mailbox. */
function start(site: Site, name: string, ...args: string[]): ChildProcess {
  return spawn(process.execPath, command(site, name, ...args), { stdio: ["ignore", "pipe", "inherit"] });
}

/** Waits for its end; what it wrote, a line each, and how it ended. */
async function finished(
  child: ChildProcess,
): Promise<{ lines: string[]; signal: string | null; code: number | null }> {
  let output = "";
  child.stdout!.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { lines: output.split("\n").filter(Boolean), signal, code };
}

/** What is in the mailbox once somebody has locked it, 16 s after a crash. */
async function afterRecovery(paths: MailboxPaths): Promise<string[]> {
  const clock = new ManualClock(Date.now() + 16_000);
  const box = await lockMailbox(paths, { timeout: 0, clock, log: keptLog() });
  try {
    return await numbersIn(box!.file);
  } finally {
    await box!.release();
    assert.equal(journalLength(paths), 0);
    assert.equal(existsSync(paths.lock), false);
  }
}

test("a process killed in the middle of an append costs no acknowledged message and leaves no half one", async (t) => {
  const site = temporarySite(t);
  await Promise.all(
    [1, 2, 6, 7, 24].map(async (calls) => {
      const paths = mailbox(site, `append-${calls}`);
      const { lines, signal } = await finished(start(site, paths.name, "kill-append", String(calls)));
      assert.equal(signal, "SIGKILL");
      const stored = lines.map((line) => line.replace("stored ", ""));
      assert.ok(existsSync(paths.lock));
      assert.deepEqual(await afterRecovery(paths), stored, `killed in write ${calls}`);
    }),
  );
});

test("a process killed in the middle of a removal leaves the old or the new mailbox", async (t) => {
  const site = temporarySite(t);
  const all = Array.from({ length: 60 }, (_, i) => `old ${i}`);
  const rest = all.filter((_, i) => i % 2 === 1);
  await Promise.all(
    [1, 4, 5, 7, 9, 13].map(async (calls) => {
      const paths = mailbox(site, `remove-${calls}`);
      const box = await locked(paths);
      await appendMessages(
        box,
        all.map((_, i) => numberedMessage("old", i)),
      );
      await box.release();
      const { signal } = await finished(start(site, paths.name, "kill-remove", String(calls)));
      assert.equal(signal, "SIGKILL");
      const left = await afterRecovery(paths);
      assert.deepEqual(left, left.length === all.length ? all : rest, `killed in write ${calls}`);
      if (calls >= 5) assert.equal(left.length, rest.length);
    }),
  );
});

test("a process that ends before a removal is finished leaves its lock directory, for programs that heed only that", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "left");
  const box = await locked(paths);
  const messages = Array.from({ length: 60 }, (_, i) => numberedMessage("old", i));
  await appendMessages(box, messages);
  await box.release();
  const { code } = await finished(start(site, paths.name, "leave"));
  assert.equal(code, 0);
  assert.ok(existsSync(paths.lock));
  assert.equal((await afterRecovery(paths)).length, 30);
});

test("two processes append 200 messages each, and nothing is lost or mixed", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user");
  const ends = await Promise.all(
    ["one", "two"].map((tag) => finished(start(site, "user", "append", tag, "200"))),
  );
  for (const { code, lines } of ends) {
    assert.equal(code, 0);
    assert.equal(lines.length, 200);
  }
  const file = await open(paths.mbox, "r");
  const numbers = await numbersIn(file);
  await file.close();
  assert.equal(numbers.length, 400);
  for (const tag of ["one", "two"]) {
    assert.deepEqual(
      numbers.filter((number) => number.startsWith(tag)),
      Array.from({ length: 200 }, (_, i) => `${tag} ${i}`),
    );
  }
  assert.equal(existsSync(paths.lock), false);
});

test("a process that meets its file size limit undoes the append and lives on", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user");
  // 2,048 blocks of 512 bytes.
  const limited = [
    "-c",
    'ulimit -f 2048 && exec "$0" "$@"',
    process.execPath,
    ...command(site, "user", "append-large"),
  ];
  const { lines, signal, code } = await finished(
    spawn("sh", limited, { stdio: ["ignore", "pipe", "inherit"] }),
  );
  assert.deepEqual([lines, signal, code], [["too-large"], null, 0]);
  assert.deepEqual(await afterRecovery(paths), []);
});

test("a live process's lock is respected however late it is, and taken over when it is killed", async (t) => {
  const site = temporarySite(t);
  const paths = mailbox(site, "user");
  const child = start(site, "user", "hold");
  const end = once(child, "close");
  await once(child.stdout!, "data");
  const late = { timeout: 0, clock: new ManualClock(Date.now() + 3_600_000), log: keptLog() };
  await assert.rejects(lockMailbox(paths, late), { fault: "busy" });
  child.kill("SIGKILL");
  await end;
  await (await lockMailbox(paths, late))!.release();
});
