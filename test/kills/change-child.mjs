/**
 * A process that changes a mailbox, to be killed at one of its system calls. It runs what is built, so that it starts fast.
 *
 *     change-child.mjs ROOT append          appends two messages
 *     change-child.mjs ROOT quit            logs in, deletes the second and the fourth message, and quits
 *     change-child.mjs ROOT quit-all        likewise, with the undo window and status fields
 *
 * It writes `done` once the change is on stable storage.
 */
import { writeSync } from "node:fs";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { appendMessages } from "@mailhost/common/mbox/append";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { siteAt } from "@mailhost/common/site";

const [root, action] = process.argv.slice(2);
const site = siteAt(root);
const NAME = "wang";

if (action === "append") {
  const options = { timeout: 1000, clock: systemClock, log: silentLog, create: true };
  const box = await lockMailbox(mailboxPaths(site, NAME), options);
  const message = (subject) => ({
    sender: "a@example.net",
    receivedAt: Date.UTC(2026, 10, 24, 21),
    async *stream() {
      yield Buffer.from(`Subject: ${subject}\r\n\r\nbody of ${subject}\r\n`);
    },
  });
  await appendMessages(box, [message("six"), message("seven")]);
  writeSync(1, "done\n");
  await box.release();
} else {
  const { openIndexStore } = await import("@mailhost/pop3/maildrop/index-store");
  const { openMaildrop } = await import("@mailhost/pop3/maildrop/open");
  const { updateMaildrop } = await import("@mailhost/pop3/maildrop/update");
  const store = openIndexStore(site, { log: silentLog, clock: systemClock });
  const context = { site, store, clock: systemClock, log: silentLog, lockTimeout: 1000, preparations: [] };
  const { drop } = await openMaildrop(context, NAME);
  for (const number of [2, 4]) drop.delete(number);
  drop.noteRetrieved(3);
  const all = action === "quit-all";
  const updated = await updateMaildrop(context, drop, {
    keepRemoved: all ? 86_400_000 : 0,
    updateStatusHeaders: all,
  });
  if (updated.kind === "done") writeSync(1, "done\n");
  await drop.close();
  await store.close();
}
