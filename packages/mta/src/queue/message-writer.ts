/**
 * A message on its way into the queue: in memory up to 64 KiB, in a df file beyond.
 */
import type { Clock } from "@mailhost/common/clock";
import type { CommitGroups } from "./commit-groups.ts";
import { createDf, type DfFileSystem, type DfWriter } from "./large-body.ts";
import type { NewMessage, QueueEntry } from "./queue-entry.ts";
import type { MessageWriter } from "./queue-store.ts";
import { copyOfRecipient } from "./recipient-copy.ts";

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

  get holdsPieces(): boolean {
    return this.#df === undefined;
  }

  async write(chunk: Buffer): Promise<void> {
    this.#mustBeOpen();
    this.#size += chunk.length;
    if (this.#size <= SMALL_MESSAGE) {
      this.#small.push(chunk);
      return;
    }
    try {
      this.#df ??= await this.#spilt();
      await this.#df.write(chunk);
    } catch (error) {
      await this.#failed(error);
    }
  }

  async commit(message: NewMessage): Promise<QueueEntry> {
    this.#mustBeOpen();
    const { id, groups, clock } = this.#parts;
    const entry = newEntry(id, message, this.#size, clock.now());
    const df = this.#df;
    try {
      if (df !== undefined) await df.finish();
      groups.end();
      this.#state = "committed";
      await this.#parts.commit(entry, df === undefined ? Buffer.concat(this.#small) : undefined);
    } catch (error) {
      return this.#failed(error);
    }
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

  /** Nothing of the message stays behind. */
  async #failed(error: unknown): Promise<never> {
    // The first fault is the one to tell; a file that cannot be removed is swept at the next start.
    await this.#discard().catch(() => undefined);
    throw error;
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

/** What a message may have besides what each has. All of it is named here, or it does not compile. */
const OPTIONAL: Record<Exclude<OptionalField, "firstAttemptAt">, true> = {
  senderUser: true,
  dsnReturn: true,
  envelopeId: true,
  authSender: true,
  messageId: true,
  isReport: true,
  countedSize: true,
  expanded: true,
  isDoubleBounce: true,
  bodyTypeGiven: true,
  precedence: true,
  drop: true,
  quarantine: true,
};
const OPTIONAL_FIELDS = Object.keys(OPTIONAL) as (keyof typeof OPTIONAL)[];

type OptionalField = {
  [K in keyof NewMessage]-?: object extends Pick<NewMessage, K> ? K : never;
}[keyof NewMessage];

/**
 * The entry of a message that is accepted now, and due at once unless it says otherwise. Field by field: a copy of the message with more
 * behind it costs thirty times as much.
 */
export function newEntry(id: string, message: NewMessage, size: number, now: number): QueueEntry {
  const entry: QueueEntry = {
    sender: message.sender,
    recipients: message.recipients.map(copyOfRecipient),
    origin: message.origin,
    bodyType: message.bodyType,
    smtputf8: message.smtputf8,
    id,
    receivedAt: now,
    size,
    attempts: 0,
    lastAttemptAt: 0,
    nextAttemptAt: message.firstAttemptAt ?? now,
    warnedAt: 0,
  };
  for (const name of OPTIONAL_FIELDS) if (message[name] !== undefined) carry(message, name, entry);
  return entry;
}

function carry<K extends keyof typeof OPTIONAL>(
  from: NewMessage,
  name: K,
  to: { -readonly [F in keyof NewMessage]: NewMessage[F] },
): void {
  to[name] = from[name];
}
