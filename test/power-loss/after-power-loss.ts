/**
 * What must be true of a disk after the power went: with the journals gone through and the queue opened, every message that was
 * promised is whole, in the queue or in its mailbox; and what was deleted for certain stays so.
 */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, rmSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { frame, readFrame } from "@mailhost/common/mbox/journal";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { recoverAllMailboxes } from "@mailhost/common/mbox/recover";
import { type Site, siteAt } from "@mailhost/common/site";
import { openQueue } from "@mailhost/mta/queue/open-queue";
import { isWhole, markIn } from "../crash/marked-mail.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { type Recording, USERS } from "./recorded-host.ts";

/** Judges what is below a folder, as it was at a time (seconds since 1970). */
export async function checkDisk(
  root: string,
  at: number,
  recording: Recording,
  where: string,
): Promise<void> {
  const site = siteAt(root);
  mkdirSync(site.spoolDir, { recursive: true });
  // No process has it open any more, and a look at all its pages by another process would be one a cut.
  rmSync(join(site.queueDir, "queue.open"), { force: true });
  rmSync(join(site.queueDir, "queue.mdb-lock"), { force: true });
  for (const user of USERS) await speakOfTheCopy(site, user);
  await recoverAllMailboxes(site, { clock: systemClock, log: silentLog });
  const queued = await lettersInQueue(root);
  const inMailboxes = lettersInMailboxes(root);
  const deleted = new Set(
    recording.deletions.flatMap(({ user, marks, asked }) =>
      asked <= at ? marks.map((mark) => `${mark} ${user}`) : [],
    ),
  );
  const lost: string[] = [];
  for (const { mark, users, at: promised } of recording.promised) {
    if (promised > at) continue;
    for (const user of users) {
      const letter = `${mark} ${user}`;
      if (!queued.has(letter) && !inMailboxes.has(letter) && !deleted.has(letter)) lost.push(letter);
    }
  }
  assert.deepEqual(lost, [], `${where}: promised, and lost`);
  for (const { user, marks, done } of recording.deletions) {
    if (done > at) continue;
    const back = marks.filter((mark) => inMailboxes.has(`${mark} ${user}`));
    assert.deepEqual(back, [], `${where}: deleted by ${user}, and back`);
  }
}

/**
 * A change that was half done is finished on the file that it was begun on, and the mailbox here is a copy of that: what the journal says of
 * the one is said of the other.
 */
async function speakOfTheCopy(site: Site, user: string): Promise<void> {
  const { journal: path, mbox } = mailboxPaths(site, user);
  if (!existsSync(path) || !existsSync(mbox)) return;
  const journal = await open(path, "r+");
  try {
    const record = (await readFrame(journal, 0))?.payload as { readonly kind?: string } | undefined;
    if (record?.kind !== "remove" && record?.kind !== "replace") return;
    const { ino: inode, birthtimeMs: born } = statSync(mbox);
    const copied = frame({ ...record, inode, born });
    // The steps of a removal begin at the next block.
    assert.ok(copied.length <= 4096);
    await journal.write(copied, 0, copied.length, 0);
  } finally {
    await journal.close();
  }
}

async function lettersInQueue(root: string): Promise<Set<string>> {
  const found = new Set<string>();
  const { store } = await openQueue(siteAt(root), { clock: systemClock, log: silentLog });
  try {
    for (const entry of store.list()) {
      if (store.bodyFault(entry) !== undefined) continue;
      const pieces: Buffer[] = [];
      for await (const piece of store.body(entry).stream()) pieces.push(Buffer.from(piece));
      const message = Buffer.concat(pieces);
      const mark = markIn(message);
      if (mark === undefined || !isWhole(message)) continue;
      for (const { state, address } of entry.recipients)
        if (state === "pending") found.add(`${mark} ${address.replace(/@.*/, "")}`);
    }
  } finally {
    await store.close();
  }
  return found;
}

/** What a later append, which was promised to nobody, leaves behind the last message and its empty line. */
function withoutTornTail(message: Buffer): Buffer {
  // It came to the disk without its beginning: NUL bytes. Or with no more than the beginning of its From line.
  const end = message.indexOf(0);
  const own = end < 0 ? message : message.subarray(0, Math.max(0, end - 1));
  const torn = /\nF(?:r(?:o(?:m(?: [^\n]*)?)?)?)?$/.exec(own.toString("latin1"));
  return torn === null ? own : own.subarray(0, torn.index);
}

function lettersInMailboxes(root: string): Set<string> {
  const found = new Set<string>();
  for (const user of USERS) {
    for (const { message } of readMbox(join(siteAt(root).spoolDir, user))) {
      const own = withoutTornTail(message);
      const mark = markIn(own);
      if (mark !== undefined && isWhole(own)) found.add(`${mark} ${user}`);
    }
  }
  return found;
}
