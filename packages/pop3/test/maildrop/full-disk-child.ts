/**
 * Writes indexes under a file size limit, which stands for a full disk, then without it; run by index.test.ts, for the
 * limit is a process's. A rejection that nobody handles ends it, as it ends the pop3 process.
 */
import { execFileSync } from "node:child_process";
import { systemClock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import { siteAt } from "@mailhost/common/site";
import { openIndexStore } from "../../src/maildrop/index-store.ts";
import type { MailboxIndex } from "../../src/maildrop/mailbox-index.ts";
import { MessageTable } from "../../src/maildrop/message-table.ts";

process.on("SIGXFSZ", () => undefined);

const say = (text: string) => process.stdout.write(`${text}\n`);
const log: Log = {
  write: (level, text) => say(`${level}: ${/can not be written/.exec(text)?.[0] ?? text}`),
  close: () => Promise.resolve(),
};

/** An index of so many messages of `length` bytes. */
function indexOf(count: number, length: number): MailboxIndex {
  return {
    identity: { dev: 1n, ino: 1n, size: count * length, mtimeNs: 1n, ctimeNs: 1n },
    fingerprint: Buffer.alloc(16),
    messages: MessageTable.of(
      Array.from({ length: count }, (_, i) => {
        const [start, digest] = [i * length, i.toString(16).padStart(32, "0")];
        return {
          start,
          head: start + 10,
          body: start + 20,
          end: start + length,
          octets: 90,
          digest,
          uid: digest,
          seen: false,
        };
      }),
    ),
  };
}

const store = openIndexStore(siteAt(process.argv[2]!), { log, clock: systemClock });
await store.write("wang", indexOf(10, 100), 0);
say(`small: ${(await store.read("wang"))?.messages.count}`);
await store.write("wang", indexOf(5001, 200), 0);
say(`large: ${(await store.read("wang"))?.messages.count}`);
execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited"]);
// What a QUIT writes that removes the last message: all before it is believed to be stored.
await store.write("wang", indexOf(5000, 200), 5000);
const messages = (await store.read("wang"))?.messages ?? MessageTable.EMPTY;
say(
  `room again: ${messages.count}, ${[...messages].every((m, i) => m.start === i * 200) ? "all new" : "some old"}`,
);
await store.close();
