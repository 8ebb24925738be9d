/**
 * Opens the queue: the tables, and for the daemon the acceptance journal before them.
 */
import nodeFs, { mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Clock, delay } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import type { Database } from "lmdb";
import { AcceptanceJournal } from "./acceptance-journal.ts";
import { CommitGroups } from "./commit-groups.ts";
import { decodeEntry } from "./entry-codec.ts";
import { type Environment, openEnvironment } from "./environment.ts";
import { isJournalTaken, leaveJournal, takeJournal } from "./journal-owner.ts";
import { readJournal, segmentsIn } from "./journal-recovery.ts";
import { type JournalFileSystem, removeSegments, syncFolder } from "./journal-segment.ts";
import { JournaledStore } from "./journaled-store.ts";
import type { DfFileSystem } from "./large-body.ts";
import { type FreshMessage, LmdbStore } from "./lmdb-store.ts";
import { QueueError } from "./queue-error.ts";
import type { QueueStore } from "./queue-store.ts";

/** The store, and the table in which host status is kept. */
export interface OpenQueue {
  readonly store: QueueStore;
  /** Where it is: the file system that must have room. */
  readonly folder: string;
  /** Table `hosts`: failures in a row and the next attempt of a destination. Undefined only where there is no queue. */
  readonly hosts: Database;
  /** Has all that was accepted so far be where other processes see it. */
  readonly settle: () => Promise<void>;
}

/** How a queue is opened. */
export interface QueueOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** For commands that only look. */
  readonly readOnly?: boolean;
  readonly fileSystem?: DfFileSystem;
  /** For the daemon: messages are accepted into the journal, and wait for each other. */
  readonly daemon?: boolean;
  readonly journalFileSystem?: JournalFileSystem;
}

/** Messages of a journal that are put into the tables at once, and their octets. */
const CHUNK = 200;
/** How often the daemon looks whether a command has finished with the journal, and how long it waits (ms). */
const LOOK = 100;
const PATIENCE = 10_000;

/** The journal's folder of a queue. */
export function journalFolder(queueDir: string): string {
  return join(queueDir, "accepted");
}

/** True when messages may be in the journal alone. False where we may not look. */
export function waitsInJournal(site: Site): boolean {
  try {
    return segmentsIn(journalFolder(site.queueDir), nodeFs).length > 0;
  } catch {
    return false;
  }
}

/** True when a living process, most likely the daemon, has the journal. */
export function isJournalInUse(site: Site): boolean {
  return isJournalTaken(journalFolder(site.queueDir));
}

/**
 * Opens the queue of a site, making it when it is missing. Takes in what a process that was killed had accepted.
 *
 * @throws UserError when it cannot be opened; read only, when there is none or it is damaged
 */
export async function openQueue(site: Site, options: QueueOptions): Promise<OpenQueue> {
  const environment = await openEnvironment(site, options);
  if (environment === undefined) throw new QueueError(`${site.queueDir}: there is no queue yet`, "ENOENT");
  const { clock, log, fileSystem, readOnly, daemon = false } = options;
  const tables = new LmdbStore(environment, {
    clock,
    log,
    ...(fileSystem === undefined ? {} : { fileSystem }),
    ...(daemon ? { groups: new CommitGroups({ clock }) } : {}),
  });
  const base = { folder: environment.paths.dir, hosts: environment.hosts };
  const plain = { ...base, store: tables, settle: () => Promise.resolve() };
  if (readOnly === true) return plain;
  const fs = options.journalFileSystem ?? nodeFs;
  const dir = journalFolder(environment.paths.dir);
  try {
    // Nothing of this waits for company.
    const alone = new LmdbStore(environment, { clock, log });
    const isOurs = await takeIn(environment, alone, { dir, fs, options });
    if (environment.alone) await tables.sweep(Date.now());
    if (!isOurs) return plain;
  } catch (error) {
    await tables.close();
    throw error;
  }
  const journalGroups = new CommitGroups({ clock });
  const journal = new AcceptanceJournal({ dir, fs, isAlone: () => journalGroups.isAlone });
  const store = new JournaledStore({
    store: tables,
    journal,
    groups: journalGroups,
    clock,
    log,
    closed: () => leaveJournal(dir),
  });
  return { ...base, store, settle: () => store.settle() };
}

/**
 * Takes in what is in the journal and belongs to no living process.
 *
 * @returns true when the journal is this process's from now on: for a daemon
 */
async function takeIn(
  environment: Environment,
  tables: LmdbStore,
  how: { readonly dir: string; readonly fs: JournalFileSystem; readonly options: QueueOptions },
): Promise<boolean> {
  const { dir, fs, options } = how;
  const { daemon = false, clock, log } = options;
  // A command has nothing to do with an empty one.
  if (!daemon && (segmentsIn(dir, fs).length === 0 || isJournalTaken(dir))) return false;
  // What is put into a folder is as durable as the folder itself.
  if (mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined) await syncFolder(dirname(dir), fs);
  for (let waited = 0; !takeJournal(dir, environment.root); waited += LOOK) {
    if (!daemon) return false;
    if (waited >= PATIENCE) {
      log.write("warn", `${dir}: in use by another process; messages go into the tables at once`);
      return false;
    }
    await delay(clock, LOOK);
  }
  try {
    await recover(tables, dir, fs, log);
  } catch (error) {
    leaveJournal(dir);
    throw new QueueError(`${dir}: what was accepted cannot be taken in: ${messageOf(error)}`, "EIO", {
      cause: error,
    });
  }
  if (!daemon) leaveJournal(dir);
  return daemon;
}

async function recover(tables: LmdbStore, dir: string, fs: JournalFileSystem, log: Log): Promise<void> {
  const { messages, paths } = readJournal(dir, fs);
  for (let i = 0; i < messages.length; i += CHUNK) {
    const chunk = messages.slice(i, i + CHUNK).map(({ entry, bodySize, path, at }): FreshMessage => {
      const body = bodySize === undefined ? undefined : readPart(path, at, bodySize, fs);
      return { entry: decodeEntry(entry), body };
    });
    await tables.change({}, chunk);
  }
  await removeSegments(
    dir,
    paths.map((path) => ({ path, fd: -1 })),
    fs,
  );
  if (messages.length > 0)
    log.write("info", `queue: ${messages.length} accepted before the last process ended`);
}

/** @throws when there are fewer octets */
function readPart(path: string, at: number, length: number, fs: JournalFileSystem): Buffer {
  const fd = fs.openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const read = fs.readSync(fd, bytes, done, length - done, at + done);
      if (read === 0) throw new Error(`${path}: ends at ${at + done}`);
      done += read;
    }
    return bytes;
  } finally {
    fs.closeSync(fd);
  }
}
