/**
 * What must be true of a disk after the power went: with the journals gone through and the queue opened, every message that was
 * promised is whole, in the queue or in its mailbox; and what was deleted for certain stays so.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { recoverAllMailboxes } from "@mailhost/common/mbox/recover";
import { siteAt } from "@mailhost/common/site";
import { openQueue } from "@mailhost/mta/queue/open-queue";
import { isWhole, markIn } from "../crash/marked-mail.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import type { Recording } from "./recorded-host.ts";

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

async function lettersInQueue(root: string): Promise<Set<string>> {
  const found = new Set<string>();
  const { store } = await openQueue(siteAt(root), { clock: systemClock, log: silentLog });
  try {
    for (const entry of store.list()) {
      if ((await store.bodyFault(entry)) !== undefined) continue;
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

function lettersInMailboxes(root: string): Set<string> {
  const found = new Set<string>();
  for (const user of ["wang", "li", "zhao"]) {
    for (const { message } of readMbox(join(siteAt(root).spoolDir, user))) {
      // A later append that came to the disk without its beginning leaves NUL bytes behind the last message and its empty line.
      const end = message.indexOf(0);
      const own = end < 0 ? message : message.subarray(0, Math.max(0, end - 1));
      const mark = markIn(own);
      if (mark !== undefined && isWhole(own)) found.add(`${mark} ${user}`);
    }
  }
  return found;
}
