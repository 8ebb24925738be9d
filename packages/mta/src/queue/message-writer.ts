/**
 * A message on its way into the queue: in memory up to 64 KiB, in a df file beyond.
 */
import type { Clock } from "@mailhost/common/clock";
import type { CommitGroups } from "./commit-groups.ts";
import { createDf, type DfFileSystem, type DfWriter } from "./large-body.ts";
import type { NewMessage, QueueEntry } from "./queue-entry.ts";
import type { MessageWriter } from "./queue-store.ts";

/** Octets up to which a message is kept beside its entry. */
export const SMALL_MESSAGE = 64 * 1024;

/** What a writer needs of its store. */
export interface WriterParts {
  readonly id: string;
  readonly dfDir: string;
  readonly fs: DfFileSystem;
  readonly clock: Clock;
  /** Hears of what is on its way in. */
  readonly groups: CommitGroups;
  /**
   * Commits entry, due row and, unless it is in a df file, the message. Resolves when they are on stable storage.
   */
  commit(entry: QueueEntry, body: Buffer | undefined): Promise<void>;
}

/** Opens a new message. */
export function createMessageWriter(parts: WriterParts): MessageWriter {
  return new Writer(parts);
}

class Writer implements MessageWriter {
  readonly #parts: WriterParts;
  /** Pieces as they came, which nobody changes any more: they are put together once. */
  #small: Buffer[] = [];
  #df: DfWriter | undefined;
  #size = 0;
  #state: "open" | "committed" | "gone" = "open";

  constructor(parts: WriterParts) {
    this.#parts = parts;
    parts.groups.begin();
  }

  get id(): string {
    return this.#parts.id;
  }

  get size(): number {
    return this.#size;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#mustBeOpen();
    this.#size += chunk.length;
    if (this.#size <= SMALL_MESSAGE) {
      this.#small.push(chunk);
      return;
    }
    await this.#step(async () => {
      this.#df ??= await this.#spilt();
      await this.#df.write(chunk);
    });
  }

  async commit(message: NewMessage): Promise<QueueEntry> {
    this.#mustBeOpen();
    const { id, groups, clock } = this.#parts;
    const entry = newEntry(id, message, this.#size, clock.now());
    await this.#step(async () => {
      const df = this.#df;
      if (df !== undefined) await df.finish();
      groups.end();
      this.#state = "committed";
      await this.#parts.commit(entry, df === undefined ? Buffer.concat(this.#small) : undefined);
    });
    this.#small = [];
    this.#df = undefined;
    return entry;
  }

  async abort(): Promise<void> {
    if (this.#state === "open") await this.#discard();
  }

  #mustBeOpen(): void {
    if (this.#state !== "open") throw new Error(`message ${this.#parts.id} is ${this.#state}`);
  }

  /** Runs a step; when it fails, nothing of the message stays behind. */
  async #step(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      // The first fault is the one to tell; a file that cannot be removed is swept at the next start.
      await this.#discard().catch(() => undefined);
      throw error;
    }
  }

  /** The file of a message that has become too large to be held, with what was held. */
  async #spilt(): Promise<DfWriter> {
    const { dfDir, id, fs } = this.#parts;
    const df = await createDf(dfDir, id, fs);
    this.#df = df;
    const held = this.#small;
    this.#small = [];
    for (const chunk of held) await df.write(chunk);
    return df;
  }

  async #discard(): Promise<void> {
    if (this.#state === "open") this.#parts.groups.end();
    this.#state = "gone";
    this.#small = [];
    const file = this.#df;
    this.#df = undefined;
    await file?.discard();
  }
}

/** The entry of a message that is accepted now, and due at once unless it says otherwise. */
export function newEntry(id: string, message: NewMessage, size: number, now: number): QueueEntry {
  const { firstAttemptAt } = message;
  const entry: QueueEntry & { firstAttemptAt?: number } = {
    ...message,
    recipients: message.recipients.map((recipient) => ({ ...recipient })),
    id,
    receivedAt: now,
    size,
    attempts: 0,
    lastAttemptAt: 0,
    nextAttemptAt: firstAttemptAt ?? now,
    warnedAt: 0,
  };
  // Not taken out with a rest pattern, which costs more than all else here; few messages have it.
  if (firstAttemptAt !== undefined) delete entry.firstAttemptAt;
  return entry;
}
