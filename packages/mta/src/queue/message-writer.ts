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
  let small: Buffer[] = [];
  let df: DfWriter | undefined;
  let size = 0;
  let state: "open" | "committed" | "gone" = "open";

  parts.groups.begin();

  const discard = async () => {
    if (state === "open") parts.groups.end();
    state = "gone";
    small = [];
    const file = df;
    df = undefined;
    await file?.discard();
  };

  /** Runs a step; when it fails, nothing of the message stays behind. */
  const step = async <T>(act: () => Promise<T>): Promise<T> => {
    try {
      return await act();
    } catch (error) {
      // The first fault is the one to tell; a file that cannot be removed is swept at the next start.
      await discard().catch(() => undefined);
      throw error;
    }
  };

  const spill = async () => {
    df = await createDf(parts.dfDir, parts.id, parts.fs);
    const held = small;
    small = [];
    for (const chunk of held) await df.write(chunk);
  };

  return {
    id: parts.id,
    get size() {
      return size;
    },
    async write(chunk) {
      if (state !== "open") throw new Error(`message ${parts.id} is ${state}`);
      size += chunk.length;
      await step(async () => {
        if (size > SMALL_MESSAGE && df === undefined) await spill();
        if (df !== undefined) await df.write(chunk);
        // Copied: a small slice would keep the whole buffer of its socket alive.
        else small.push(Buffer.from(chunk));
      });
    },
    async commit(message: NewMessage) {
      if (state !== "open") throw new Error(`message ${parts.id} is ${state}`);
      const entry = newEntry(parts.id, message, size, parts.clock.now());
      await step(async () => {
        await df?.finish();
        parts.groups.end();
        state = "committed";
        await parts.commit(entry, df === undefined ? Buffer.concat(small) : undefined);
      });
      small = [];
      df = undefined;
      return entry;
    },
    async abort() {
      if (state === "open") await discard();
    },
  };
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
