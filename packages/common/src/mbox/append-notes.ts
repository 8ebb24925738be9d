/**
 * Notes of what has been appended or handed over and is not yet on record in the queue, so that a process that is killed between
 * the two does not do it again.
 *
 * A note of a batch is written when the batch is on stable storage and before its journal is emptied. It counts when the
 * journal was emptied behind it: whoever undoes a batch first writes that its note is void. So
 * the one moment in which the journal is emptied decides both, and a letter that was taken out of its mailbox again is never
 * believed to be there. A note that is lost costs a second copy, never a letter: notes may be dropped at any time, all of
 * them, but never a voidance alone.
 *
 * Nothing of it is synced: like the announcements of an append it counts only in the boot of the system that wrote it. The file
 * is two generations of lines, `CRC-32 JSON`, each with a line end on both sides, so that one that was cut short spoils no other.
 */
import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { errnoOf, messageOf } from "../errors.ts";
import { nodeFileSystem } from "../fs/file-system.ts";
import type { Log } from "../log/log.ts";
import type { Site } from "../site.ts";
import { lastChunk } from "./append-journal.ts";
import { bootId } from "./journal.ts";
import { journalFolder, mailboxPaths } from "./mailboxes.ts";

/** Which notes: of letters appended to mailboxes, or of messages that others have taken. */
export type NotesKind = "appended" | "handed-over";

/** Where notes are written. */
export interface AppendNotes {
  /**
   * Notes letters, each by whatever tells it from all others. A note that can not be written is logged, and no more.
   *
   * @param batch the mailbox, and the name that its journal has for the batch; absent for what can not be undone
   */
  add(letters: readonly string[], batch?: { readonly mailbox: string; readonly id: string }): void;
  close(): void;
}

interface Note {
  readonly boot: string;
  /** The batch and its mailbox. */
  readonly batch?: string;
  readonly mailbox?: string;
  readonly letters?: readonly string[];
  /** The batch of this name was taken out again. */
  readonly void?: string;
}

/** At so many octets a generation is full: some thousand letters, while a queue's commits take a moment. */
const GENERATION = 256 * 1024;

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;

/** Opens the notes of a host for writing; the file is made when there is something to write. One writer a kind. */
export function openAppendNotes(site: Pick<Site, "stateDir">, kind: NotesKind, log: Log): AppendNotes {
  const path = pathsIn(journalFolder(site), kind);
  const boot = bootId();
  let fd: number | undefined;
  let size = 0;
  const reopen = () => {
    if (fd !== undefined) closeSync(fd);
    fd = undefined;
    // A host that has delivered nothing yet has no journals either.
    mkdirSync(dirname(path.current), { recursive: true });
    fd = openSync(path.current, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW, 0o600);
    ({ size } = fstatSync(fd));
  };
  return {
    add(letters, batch) {
      if (letters.length === 0 || boot === "") return;
      try {
        if (fd === undefined) reopen();
        if (size > GENERATION) {
          renameSync(path.current, path.former);
          reopen();
        }
        const of = batch === undefined ? {} : { batch: batch.id, mailbox: batch.mailbox };
        size += writeSync(fd!, lineOf({ boot, ...of, letters }));
      } catch (error) {
        log.write("warn", `${path.current}: what was delivered is not noted: ${messageOf(error)}`);
      }
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

/**
 * Makes the note of a batch void, if there is one. To be called before the batch is taken out of its mailbox.
 *
 * @param journal path of a journal of the same host
 * @throws the system's error when neither that can be written nor the notes be dropped
 */
export function voidNote(journal: string, batch: string): void {
  const path = pathsIn(dirname(journal), "appended");
  for (const file of [path.current, path.former]) {
    try {
      const fd = openSync(file, O_WRONLY | O_APPEND | O_NOFOLLOW);
      try {
        const line = lineOf({ boot: bootId(), void: batch });
        if (writeSync(fd, line) === line.length) return;
      } finally {
        closeSync(fd);
      }
      break;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") break;
    }
  }
  // On a full disk all notes go: that needs no room, and at worst a letter comes twice.
  for (const file of [path.former, path.current]) {
    try {
      truncateSync(file);
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
}

/**
 * The letters that are certain to have been delivered, by the notes of this boot.
 *
 * @param wanted the letters of interest; the rest is not kept
 */
export async function notedLetters(
  site: Site,
  wanted: (letter: string) => boolean,
): Promise<ReadonlySet<string>> {
  const folder = journalFolder(site);
  const handedOver = notesIn(folder, "handed-over").flatMap(({ letters = [] }) => letters.filter(wanted));
  const of = ({ letters = [] }: Note) => letters.filter(wanted);
  const appended = notesIn(folder, "appended").filter((note) => of(note).length > 0);
  const unfinished = new Set<string>();
  for (const mailbox of new Set(appended.map((note) => note.mailbox))) {
    const batch =
      mailbox === undefined ? undefined : await announcedBatch(mailboxPaths(site, mailbox).journal);
    if (batch !== undefined) unfinished.add(batch);
  }
  // Read again: what was undone before its journal was looked at is void by now.
  const undone = new Set(notesIn(folder, "appended").map((note) => note.void));
  const certain = appended.filter(({ batch }) => {
    return batch !== undefined && !undone.has(batch) && !unfinished.has(batch);
  });
  return new Set([...handedOver, ...certain.flatMap(of)]);
}

/** The batch that a journal speaks of. */
async function announcedBatch(journal: string): Promise<string | undefined> {
  try {
    const file = await nodeFileSystem.open(journal, constants.O_RDONLY | O_NOFOLLOW);
    try {
      return (await lastChunk(file))?.record.batch;
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Names with a dot in front are no mailbox's. */
function pathsIn(folder: string, kind: NotesKind) {
  return { current: join(folder, `.${kind}`), former: join(folder, `.${kind}-former`) };
}

function lineOf(note: Note): Buffer {
  const json = JSON.stringify(note);
  return Buffer.from(`\n${crc32(json)} ${json}\n`);
}

/** Both generations, what this boot wrote. A line that does not check was cut short. */
function notesIn(folder: string, kind: NotesKind): Note[] {
  const path = pathsIn(folder, kind);
  const boot = bootId();
  return [path.former, path.current].flatMap((file) =>
    textOf(file)
      .split("\n")
      .flatMap((line) => {
        const space = line.indexOf(" ");
        const json = line.slice(space + 1);
        if (space < 0 || line.slice(0, space) !== String(crc32(json))) return [];
        const note = JSON.parse(json) as Note;
        return note.boot === boot && boot !== "" ? [note] : [];
      }),
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}
