/**
 * The journal of one mailbox: `var/lib/mailhost/journal/NAME`, which says what is being done to the mbox while it is
 * being done. Empty or missing means that nothing is.
 *
 * Records are framed, so that one that was not written to its end is known for what it is:
 *
 *     4 bytes  "MBJ1"
 *     4 bytes  length of the payload, big endian
 *     …        payload, JSON
 *     16 bytes start of the payload's SHA-256
 */
import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { constants, readFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { errnoOf } from "../errors.ts";
import type { FileSystem } from "../fs/file-system.ts";
import { makeFolder, readWhole, syncFolder, writeWhole } from "../fs/whole-io.ts";
import type { WrittenSums } from "./append-journal.ts";

/** Which mbox a record is about, and when it was written. */
export interface JournalSubject {
  readonly device: number;
  readonly inode: number;
  /** When the file was made, ms; 0 where that is not known. An inode is soon used again. */
  readonly born?: number | undefined;
  /** The running system's boot id; see {@link bootId}. */
  readonly boot: string;
}

/** The mbox that a record written now speaks of. */
export function subjectOf({ dev, ino, birthtimeMs }: Stats): JournalSubject {
  return { device: dev, inode: ino, born: birthtimeMs, boot: bootId() };
}

/** Whether a record speaks of that file. */
export function speaksOf({ device, inode, born = 0, boot }: JournalSubject, stat: Stats): boolean {
  const sameBoot = boot !== "" && boot === bootId();
  // A device may get another number when the system starts again; an inode does not.
  if (inode !== stat.ino || (sameBoot && device !== stat.dev)) return false;
  return born === 0 || stat.birthtimeMs === 0 || born === stat.birthtimeMs;
}

/** A batch is being appended, and these bytes of it are about to be written; see append-journal.ts. */
export interface AppendRecord extends JournalSubject {
  readonly kind: "append";
  /** Length of the mbox before, bytes. */
  readonly length: number;
  /** So many of the first bytes only end the mail that was there before. */
  readonly separator: number;
  /** Offset in the mbox of the bytes to be written. */
  readonly start: number;
  /** How many they are. */
  readonly bytes: number;
  /** What the batch has written before, `[length, start)`. */
  readonly written?: WrittenSums;
  /** In place of it, in records of earlier versions: CRC-32 of all that. */
  readonly before?: number;
  /** The batch's name in the notes of what was appended; see append-notes.ts. Undefined when nothing is noted of it. */
  readonly batch: string | undefined;
}

/** Messages are being removed. Behind this record come the steps, see remove-steps.ts. */
export interface RemoveRecord extends JournalSubject {
  readonly kind: "remove";
  /** Length of the mbox before, bytes. */
  readonly length: number;
  /** Where the first byte that moves goes to. */
  readonly target: number;
  /** The ranges that stay and lie behind `target`, `[start, end]`, in their order. */
  readonly keep: readonly (readonly [number, number])[];
  /** Bytes of a step that goes through the journal. */
  readonly step: number;
}

/** The end of the mbox is being replaced by longer bytes; see replace-tail.ts. */
export interface ReplaceRecord extends JournalSubject {
  readonly kind: "replace";
  /** Length of the mbox before, bytes. */
  readonly length: number;
  /** Where the new bytes begin. */
  readonly at: number;
  /** How many they are; `at + bytes` is the new length, not less than the old. */
  readonly bytes: number;
  /** SHA-256 of the new bytes; empty while they are on their way to the journal. */
  readonly sum: string;
}

/** What a journal says first. */
export type JournalRecord = AppendRecord | RemoveRecord | ReplaceRecord;

const MAGIC = Buffer.from("MBJ1");
const DIGEST = 16;
/** Bytes of a frame besides its payload. */
const FRAME = MAGIC.length + 4 + DIGEST;
/** Payloads over this are no work of ours: 2 million ranges fit. */
const LARGEST_PAYLOAD = 64 * 1024 * 1024;

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;

/** Opens a mailbox's journal for reading and writing, making it, durably, when it is missing. */
export async function openJournal(fileSystem: FileSystem, path: string): Promise<FileHandle> {
  const flags = O_RDWR | O_NOFOLLOW;
  try {
    return await fileSystem.open(path, flags);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  const folder = dirname(path);
  await makeFolder(fileSystem, folder);
  const file = await fileSystem.open(path, flags | O_CREAT, 0o600);
  try {
    await syncFolder(fileSystem, folder);
  } catch (error) {
    await file.close();
    throw error;
  }
  return file;
}

/** Whether a mailbox's journal says anything. */
export async function journalIsEmpty(fileSystem: FileSystem, path: string): Promise<boolean> {
  try {
    return (await fileSystem.stat(path)).size === 0;
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return true;
    throw error;
  }
}

/** Puts a payload into a frame. */
export function frame(payload: object): Buffer {
  const json = Buffer.from(JSON.stringify(payload));
  const head = Buffer.alloc(8);
  MAGIC.copy(head);
  head.writeUInt32BE(json.length, 4);
  return Buffer.concat([head, json, digestOf(json)]);
}

/** Writes a removal's record at the start of an empty journal; the caller syncs. Returns the bytes that it takes. */
export async function writeRecord(journal: FileHandle, record: RemoveRecord): Promise<number> {
  const bytes = frame(record);
  await writeWhole(journal, bytes, 0);
  return bytes.length;
}

/** A payload read back, and the bytes that its frame takes. */
export interface Framed {
  readonly payload: unknown;
  readonly length: number;
}

/** Reads the frame at `position`; undefined when it is not whole. */
export async function readFrame(journal: FileHandle, position: number): Promise<Framed | undefined> {
  const head = Buffer.alloc(8);
  if ((await readWhole(journal, head, position)) < head.length) return undefined;
  const length = head.readUInt32BE(4);
  if (!head.subarray(0, 4).equals(MAGIC) || length > LARGEST_PAYLOAD) return undefined;
  const rest = Buffer.alloc(length + DIGEST);
  if ((await readWhole(journal, rest, position + 8)) < rest.length) return undefined;
  const json = rest.subarray(0, length);
  if (!digestOf(json).equals(rest.subarray(length))) return undefined;
  return { payload: JSON.parse(json.toString()), length: length + FRAME };
}

let boot: string | undefined;

/**
 * The id that Linux gives each start of the system, empty where there is none.
 *
 * An append's record is not synced, and neither is its end, so after a power loss it may speak of a batch that was
 * finished and acknowledged: it counts only in the boot that wrote it.
 */
export function bootId(): string {
  if (boot !== undefined) return boot;
  try {
    boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  } catch {
    boot = "";
  }
  return boot;
}

function digestOf(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest().subarray(0, DIGEST);
}
