/**
 * Appends a batch of messages to a locked mbox: all of them, on stable storage, or none.
 *
 * Each write is announced in the journal first. Messages are streamed through one buffer, so that neither a large message nor
 * a large batch is ever in memory; one fdatasync covers them all. When anything fails, the mbox is cut back to its old
 * length while the lock is still held; should that fail too, the journal keeps what it says and whoever locks next
 * cuts (replay.ts).
 */
import { randomBytes } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { messageOf } from "../errors.ts";
import { readWhole, writeWhole } from "../fs/whole-io.ts";
import { announceChunk, CHUNK_HEAD, LARGEST_CHUNK, NOTHING_WRITTEN, withWritten } from "./append-journal.ts";
import { type AppendNotes, voidNote } from "./append-notes.ts";
import { messageHead } from "./from-line.ts";
import type { AppendRecord } from "./journal.ts";
import { openJournal, subjectOf } from "./journal.ts";
import type { LockedMailbox } from "./lock.ts";
import { encodedBound, MboxEncoder } from "./mbox-encoder.ts";
import { asMboxError, MboxError } from "./mbox-error.ts";
import { replayJournal } from "./replay.ts";

/** A message to append. */
export interface MboxMessage {
  /** Envelope sender; empty for the null sender. */
  readonly sender: string;
  /** Milliseconds since 1970; the date of the `From ` line. */
  readonly receivedAt: number;
  /** What is noted of it when it is in the mailbox; see append-notes.ts. */
  readonly note?: string;
  /** The message, where it is in memory; undefined: it comes in a stream. */
  whole?(): Buffer | undefined;
  /** The message in chunks of any size, lines ending in CR LF. */
  stream(): AsyncIterable<Buffer>;
}

/** Bytes that are encoded at a time. */
const SLICE = 32 * 1024;
const LINE_END = Buffer.from("\n");

/**
 * Appends `messages` in their order.
 *
 * @param notes where it is noted that they are there, in the moment in which they are
 * @throws MboxError; the mbox then has its old length
 */
export async function appendMessages(
  box: LockedMailbox,
  messages: readonly MboxMessage[],
  notes?: AppendNotes,
): Promise<void> {
  if (messages.length === 0) return;
  try {
    const journal = await openJournal(box.fileSystem, box.paths.journal);
    try {
      if ((await journal.stat()).size > 0) await replayJournal(box);
      await appendWith(box, journal, messages, notes);
    } finally {
      await journal.close();
    }
  } catch (error) {
    throw asMboxError(box.paths.mbox, error);
  }
}

async function appendWith(
  box: LockedMailbox,
  journal: FileHandle,
  messages: readonly MboxMessage[],
  notes: AppendNotes | undefined,
): Promise<void> {
  const { file } = box;
  const stat = await file.stat();
  const { size: length } = stat;
  const batchId = notes === undefined ? undefined : newBatchId();
  let noted: string | undefined;
  try {
    const separator = await missingSeparator(file, length);
    const { device, inode, born, boot } = subjectOf(stat);
    const plan = { device, inode, born, boot, length, separator: separator.length, batch: batchId };
    const batch = new Batch(file, journal, plan);
    try {
      await batch.put(separator);
      await writeMessages(batch, messages, box.paths.mbox);
    } finally {
      batch.end();
    }
    await file.datasync();
    if (batchId !== undefined) {
      noted = batchId;
      const letters = messages.flatMap(({ note }) => (note === undefined ? [] : [note]));
      notes?.add(letters, { mailbox: box.paths.name, id: batchId });
    }
    await journal.truncate(0);
  } catch (error) {
    await cutBack(box, journal, length, noted).catch((failure: unknown) => {
      box.log.write(
        "error",
        `${box.paths.mbox}: can not be cut back to ${length} bytes yet: ${messageOf(failure)}`,
      );
    });
    throw error;
  }
}

/** Gives the mbox its old length. Until that is certain the journal keeps its word, and the next to lock sees to it. */
async function cutBack(
  { file, paths }: LockedMailbox,
  journal: FileHandle,
  length: number,
  noted: string | undefined,
): Promise<void> {
  if (noted !== undefined) voidNote(paths.journal, noted);
  await file.truncate(length);
  await file.sync();
  await journal.truncate(0);
}

/** Names of batches are told apart by what the process drew once, and by their numbers. */
function newBatchId(): string {
  processName ??= randomBytes(9).toString("base64url");
  batches += 1;
  return `${processName}${batches.toString(36)}`;
}

let processName: string | undefined;
let batches = 0;

async function writeMessages(batch: Batch, messages: readonly MboxMessage[], path: string): Promise<void> {
  for (const message of messages) {
    await batch.put(messageHead(message.sender, message.receivedAt));
    const encoder = new MboxEncoder();
    const whole = message.whole?.();
    if (whole !== undefined) await batch.encode(encoder, whole);
    else for await (const chunk of readable(message, path)) await batch.encode(encoder, chunk);
    await batch.finish(encoder);
    await batch.put(LINE_END);
  }
  await batch.flush();
}

/** The message's chunks; an error of its source is told apart from one of the mbox. */
async function* readable(message: MboxMessage, path: string): AsyncGenerator<Buffer> {
  try {
    yield* message.stream();
  } catch (error) {
    throw new MboxError("io", path, "the message to append can not be read", { cause: error });
  }
}

/** What the end of the file lacks of an empty line before the next message. */
export async function missingSeparator(file: FileHandle, length: number): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  const tail = Buffer.alloc(Math.min(3, length));
  await readWhole(file, tail, length - tail.length);
  const ends = tail.toString("latin1");
  if (ends.endsWith("\n\n") || ends === "\n\r\n") return Buffer.alloc(0);
  return Buffer.from(ends.endsWith("\n") ? "\n" : "\n\n");
}

/** What all announcements of a batch have in common. */
type Plan = Omit<AppendRecord, "kind" | "start" | "bytes" | "before" | "written">;

/** Room for an announcement and the bytes of one write, kept for the next batch: making it anew costs more than filling it. */
const buffers: Buffer[] = [];
/** So many are kept. */
const BUFFERS_KEPT = 4;

/** Bytes on their way to the end of the file, gathered into large writes. */
class Batch {
  readonly #file: FileHandle;
  readonly #journal: FileHandle;
  readonly #plan: Plan;
  /** Room for the announcement, then the bytes. */
  readonly #buffer = buffers.pop() ?? Buffer.allocUnsafeSlow(CHUNK_HEAD + LARGEST_CHUNK);
  readonly #bytes = this.#buffer.subarray(CHUNK_HEAD);
  #used = 0;
  #position: number;
  #writes = 0;
  /** What has been written, but for the last write. */
  #sums = NOTHING_WRITTEN;
  /** So many of the bytes are those of the last write. */
  #written = 0;

  constructor(file: FileHandle, journal: FileHandle, plan: Plan) {
    this.#file = file;
    this.#journal = journal;
    this.#plan = plan;
    this.#position = plan.length;
  }

  async put(bytes: Buffer): Promise<void> {
    await this.#makeRoom(bytes.length);
    this.#used += bytes.copy(this.#bytes, this.#used);
  }

  async encode(encoder: MboxEncoder, chunk: Buffer): Promise<void> {
    for (let from = 0; from < chunk.length; from += SLICE) {
      const slice = chunk.subarray(from, from + SLICE);
      await this.#makeRoom(encodedBound(slice.length));
      this.#used = encoder.encode(slice, this.#bytes, this.#used);
    }
  }

  async finish(encoder: MboxEncoder): Promise<void> {
    await this.#makeRoom(encodedBound(0));
    this.#used = encoder.finish(this.#bytes, this.#used);
  }

  async flush(): Promise<void> {
    if (this.#used === 0) return;
    const [start, bytes] = [this.#position, this.#bytes.subarray(0, this.#used)];
    const { device, inode, born, boot, length, separator, batch } = this.#plan;
    const record: AppendRecord = {
      device,
      inode,
      born,
      boot,
      length,
      separator,
      batch,
      kind: "append",
      start,
      bytes: bytes.length,
      written: this.#sums,
    };
    await announceChunk(
      this.#journal,
      this.#writes++,
      record,
      this.#buffer.subarray(0, CHUNK_HEAD + bytes.length),
    );
    await writeWhole(this.#file, bytes, start);
    this.#position += bytes.length;
    this.#written = bytes.length;
    this.#used = 0;
  }

  /** Gives the buffer back, once nothing is being written from it. */
  end(): void {
    if (buffers.length < BUFFERS_KEPT) buffers.push(this.#buffer);
  }

  /** Room for so many bytes. Most batches are one write, whose sum nobody asks for. */
  async #makeRoom(bytes: number): Promise<void> {
    if (this.#used + bytes > LARGEST_CHUNK) await this.flush();
    if (this.#written === 0) return;
    const at = this.#position - this.#plan.length - this.#written;
    this.#sums = withWritten(this.#sums, this.#bytes.subarray(0, this.#written), at);
    this.#written = 0;
  }
}
