/**
 * Opens the queue: the tables, and for the daemon the acceptance journal before them.
 */
import nodeFs, { mkdirSync, readdirSync, renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { type Clock, delay } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import type { Database } from "lmdb";
import { AcceptanceJournal } from "./acceptance-journal.ts";
import { CommitGroups } from "./commit-groups.ts";
import { decodeEntry } from "./entry-codec.ts";
import { type Environment, openEnvironment, timeName, unusedName } from "./environment.ts";
import { isJournalTaken, takeJournal } from "./journal-owner.ts";
import { type LeftJournal, readJournal, segmentsIn } from "./journal-recovery.ts";
import { type JournalFileSystem, removeSegments, syncFolder } from "./journal-segment.ts";
import { JournaledStore } from "./journaled-store.ts";
import type { DfFileSystem } from "./large-body.ts";
import { LmdbStore } from "./lmdb-store.ts";
import type { QueueEntry } from "./queue-entry.ts";
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
  /** Whether messages are on their way in. Absent: nobody knows. */
  readonly isReceiving?: () => boolean;
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
/**
 * How long the end of a message waits for others in the journal (ms). A kill in that time costs nothing, since deliveries are noted
 * (deliver/without-repeats.ts); a power loss costs second copies of what was delivered in it.
 */
const ENDS_WAIT = 40;
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
  let leave: (() => void) | undefined;
  let left: "nothing" | Left;
  try {
    // Nothing of this waits for company.
    const alone = new LmdbStore(environment, { clock, log });
    leave = await takeJournalOf(dir, fs, options);
    left = leave === undefined ? "nothing" : await leftIn(dir, fs, alone, environment, options);
    if (left !== "nothing")
      await left.takeIn().catch((error: unknown) => {
        if (!daemon) throw error;
        log.write("error", `SYSERR(queue): ${messageOf(error)}; it is tried again`);
      });
    // Large messages that only the journal knows of are somebody's.
    if (environment.alone && segmentsIn(dir, fs).length === 0) await tables.sweep(Date.now());
    if (!daemon || leave === undefined) {
      leave?.();
      return plain;
    }
  } catch (error) {
    leave?.();
    await tables.close();
    throw error;
  }
  const journalGroups = new CommitGroups({ clock, patience: ENDS_WAIT });
  const journal = new AcceptanceJournal({
    dir,
    fs,
    isAlone: () => journalGroups.isAlone,
    ...(left === "nothing" || left.isOver() ? {} : { takeIn: left.takeIn }),
  });
  const store = new JournaledStore({
    store: tables,
    journal,
    groups: journalGroups,
    clock,
    log,
    closed: leave,
  });
  return { ...base, store, settle: () => store.settle(), isReceiving: () => journalGroups.isReceiving };
}

/**
 * Makes the journal this process's. A command has nothing to do with one that is empty.
 *
 * @returns gives it up; undefined when it is another's
 */
async function takeJournalOf(
  dir: string,
  fs: JournalFileSystem,
  { daemon = false, clock, log }: QueueOptions,
): Promise<(() => void) | undefined> {
  if (!daemon && segmentsIn(dir, fs).length === 0) return undefined;
  // What is put into a folder is as durable as the folder itself.
  if (mkdirSync(dir, { recursive: true, mode: 0o700 }) !== undefined) await syncFolder(dirname(dir), fs);
  for (let waited = 0; ; waited += LOOK) {
    const leave = takeJournal(dir);
    if (leave !== undefined || !daemon) return leave;
    if (waited >= PATIENCE) {
      log.write("warn", `${dir}: in use by another process; messages go into the tables at once`);
      return undefined;
    }
    await delay(clock, LOOK);
  }
}

/** What an earlier process left in the journal. */
interface Left {
  /**
   * Puts its messages into the tables and removes it. What has been done of that is not done again: what was put there may have been
   * delivered since.
   *
   * @throws when that cannot be done now
   */
  readonly takeIn: () => Promise<void>;
  readonly isOver: () => boolean;
}

/** A journal that cannot be read is moved aside and named in the log. */
async function leftIn(
  dir: string,
  fs: JournalFileSystem,
  tables: LmdbStore,
  { paths, entries }: Environment,
  { clock, log }: QueueOptions,
): Promise<"nothing" | Left> {
  let journal: LeftJournal;
  let messages: { readonly entry: QueueEntry; readonly body: (() => Buffer) | undefined }[];
  try {
    journal = readJournal(dir, fs);
    messages = journal.messages.map(({ entry, body }) => ({ entry: decodeEntry(entry), body }));
  } catch (error) {
    // What may be read another time is not damaged.
    const code = errnoOf(error);
    if (code !== undefined && code !== "EIO") throw error;
    const aside = unusedName(`${dir}.damaged-${timeName(clock)}`);
    mkdirSync(aside, { mode: 0o700 });
    for (const path of segmentsIn(dir, fs)) renameSync(path, join(aside, basename(path)));
    // Large messages that only the journal knows of go along: they would be swept out as nobody's.
    for (const id of readdirSync(paths.large))
      if (!entries.doesExist(id)) renameSync(join(paths.large, id), join(aside, id));
    await syncFolder(dirname(dir), fs);
    const text = `${dir} is damaged: ${messageOf(error)}; moved to ${aside}, a new journal is begun`;
    log.write("error", `SYSERR(queue): ${text}`);
    return "nothing";
  }
  if (journal.paths.length === 0) return "nothing";
  let [put, over] = [0, false];
  return {
    isOver: () => over,
    async takeIn() {
      for (; put < messages.length; put += CHUNK) {
        const chunk = messages.slice(put, put + CHUNK);
        await tables.change(
          {},
          chunk.map(({ entry, body }) => ({ entry, body: body?.() })),
        );
      }
      const files = journal.paths.map((path) => ({ path, fd: -1 }));
      await removeSegments(dir, files, fs);
      over = true;
      if (messages.length > 0)
        log.write("info", `queue: ${messages.length} accepted before the last process ended`);
    },
  };
}
