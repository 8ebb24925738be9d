/**
 * A mail host's folders in a temporary place, and mailboxes in them.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { systemClock } from "../../src/clock.ts";
import type { FileSystem } from "../../src/fs/file-system.ts";
import type { Log } from "../../src/log/log.ts";
import type { MboxMessage } from "../../src/mbox/append.ts";
import { CHUNK_HEAD } from "../../src/mbox/append-journal.ts";
import { bootId, frame } from "../../src/mbox/journal.ts";
import type { LockedMailbox } from "../../src/mbox/lock.ts";
import { lockMailbox } from "../../src/mbox/lock.ts";
import type { MailboxPaths } from "../../src/mbox/mailboxes.ts";
import { mailboxPaths } from "../../src/mbox/mailboxes.ts";
import type { Site } from "../../src/site.ts";
import { siteAt } from "../../src/site.ts";

/** A site whose folders are removed when the test ends. */
export function temporarySite(t: TestContext): Site {
  const root = mkdtempSync(join(tmpdir(), "mailhost-mbox-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.spoolDir, { recursive: true });
  mkdirSync(site.stateDir, { recursive: true });
  return site;
}

/** A log that keeps its lines. */
export function keptLog(): Log & { readonly lines: string[] } {
  const lines: string[] = [];
  return {
    lines,
    write: (level, text) => {
      lines.push(`${level} ${text}`);
    },
    close: () => Promise.resolve(),
  };
}

/** The paths of a mailbox with the given content; none when undefined. */
export function mailbox(site: Site, name: string, content?: string): MailboxPaths {
  const paths = mailboxPaths(site, name);
  if (content !== undefined) writeFileSync(paths.mbox, content, "latin1");
  return paths;
}

/** Locks a mailbox, making it when it is missing. */
export async function locked(
  paths: MailboxPaths,
  fileSystem?: FileSystem,
  log: Log = keptLog(),
): Promise<LockedMailbox> {
  const options = { timeout: 20_000, clock: systemClock, log, create: true };
  const box = await lockMailbox(paths, fileSystem === undefined ? options : { ...options, fileSystem });
  return box!;
}

/** The bytes of the mbox, a character a byte. */
export function content(paths: MailboxPaths): string {
  return readFileSync(paths.mbox, "latin1");
}

/** The journal's length, 0 when there is none. */
export function journalLength(paths: MailboxPaths): number {
  try {
    return readFileSync(paths.journal).length;
  } catch {
    return 0;
  }
}

/** Writes a journal as it stands. */
export function writeJournal(paths: MailboxPaths, bytes: Buffer): void {
  mkdirSync(dirname(paths.journal), { recursive: true });
  writeFileSync(paths.journal, bytes);
}

/**
 * Leaves what a process leaves that dies while it appends to an mbox of `length` bytes: a journal that announces the
 * bytes behind that length, or those given.
 */
export function leaveAppend(paths: MailboxPaths, length: number, ours?: Buffer, born?: number): void {
  const { dev: device, ino: inode } = statSync(paths.mbox);
  const bytes = ours ?? readFileSync(paths.mbox).subarray(length);
  const record = frame({
    kind: "append",
    device,
    inode,
    ...(born !== undefined && { born }),
    length,
    separator: 0,
    start: length,
    bytes: bytes.length,
    before: 0,
    boot: bootId(),
  });
  writeJournal(paths, Buffer.concat([record, Buffer.alloc(CHUNK_HEAD - record.length), bytes]));
}

/** Midnight of 24 November 2026, UTC, in ms. */
export const NOVEMBER = Date.UTC(2026, 10, 24);

/** A message to append, its text coming in chunks of `chunk` bytes. */
export function message(text: string, sender = "a@example.com", chunk = 7): MboxMessage {
  const bytes = Buffer.from(text, "latin1");
  return {
    sender,
    receivedAt: NOVEMBER,
    async *stream() {
      for (let at = 0; at < bytes.length; at += chunk) {
        await Promise.resolve();
        yield bytes.subarray(at, at + chunk);
      }
    },
  };
}
