/**
 * The queue store: the only door to what is in `var/spool/mqueue`.
 *
 * The file-backed store is queue/lmdb-store.ts; a database-backed one can stand beside it. No code outside
 * the store knows which is in use.
 */
import type { NewMessage, QueueEntry } from "./queue-entry.ts";

/** The bytes of a message, CRLF line ends, exactly as accepted plus our trace header. */
export interface MessageBody {
  /** Octets. */
  readonly size: number;
  /** Streams the message in pieces of at most 64 KiB from an offset on. Throws when the stored bytes cannot be read. */
  stream(start?: number): AsyncIterable<Buffer>;
}

/** A message on its way in. Bytes go to memory up to 64 KiB and to a `df` file beyond. */
export interface MessageWriter {
  /** The id it will have. */
  readonly id: string;
  /** Octets written so far. */
  readonly size: number;
  /** Resolves when more may be written: a slow disk slows the sender down. */
  write(chunk: Buffer): Promise<void>;
  /**
   * Puts the message into the queue. Resolves only when message and envelope are on stable storage.
   *
   * @throws when they could not be stored; nothing is left behind then
   */
  commit(message: NewMessage): Promise<QueueEntry>;
  /** Forgets the message; harmless after a commit. */
  abort(): Promise<void>;
}

/** Changes that become durable together, or not at all. */
export interface QueueChange {
  /** Entries whose state changed. */
  readonly update?: readonly QueueEntry[];
  /** Ids that are done with. */
  readonly remove?: readonly string[];
  /** Reports to enqueue with it: a bounce and the end of its message are one commit. Each is at most 64 KiB. */
  readonly add?: readonly { readonly message: NewMessage; readonly body: Buffer }[];
}

/** A queue of messages that survives any crash. */
export interface QueueStore {
  /** Opens a new message. */
  receive(): MessageWriter;
  /** The entry with an id, or undefined. */
  get(id: string): QueueEntry | undefined;
  /** The message of an entry. */
  body(entry: QueueEntry): MessageBody;
  /** All entries in the order of their arrival. */
  list(): Iterable<QueueEntry>;
  /** Number of messages. */
  count(): number;
  /** Ids due at `now`, earliest first; held ones are never due. */
  due(now: number, limit: number): string[];
  /** When the next entry becomes due (ms since 1970), or undefined. */
  nextDue(): number | undefined;
  /** Applies a change in one commit; resolves, with the entries that `add` made, when it is on stable storage. */
  change(change: QueueChange): Promise<QueueEntry[]>;
  close(): Promise<void>;
}
