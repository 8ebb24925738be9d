/**
 * The queue store: the only door to what is in `var/spool/mqueue`.
 *
 * The file-backed store is queue/lmdb-store.ts; a database-backed one can stand beside it. No code outside
 * the store knows which is in use.
 */
import { domainKey } from "@mailhost/common/address";
import {
  isLocalTarget,
  type NewMessage,
  type QueueEntry,
  type QueueRecipient,
  targetName,
} from "./queue-entry.ts";

/** The bytes of a message, CRLF line ends, exactly as accepted plus our trace header. */
export interface MessageBody {
  /** Octets. */
  readonly size: number;
  /** Streams the message in pieces of at most 64 KiB from an offset on. Throws when the stored bytes cannot be read. */
  stream(start?: number): AsyncIterable<Buffer>;
  /**
   * The message in one piece, which stays valid and which nobody may change. Undefined when it is over 64 KiB, is missing
   * in the queue or has the wrong size.
   */
  whole(): Buffer | undefined;
  /**
   * Copies the message to a place in other memory, without memory of its own for what has to be read. Absent, or false, where
   * {@link whole} gives nothing.
   *
   * @throws when the stored bytes cannot be read
   */
  copyTo?(target: Buffer, at: number): boolean;
  /** Nobody asks for the message in a moment: what is kept in memory of it may go. */
  letGo?(): void;
  /** The file that holds these very octets, for a message over 64 KiB: a thread may read it by itself. */
  readonly file?: string;
}

/** A message on its way in. Bytes go to memory up to 64 KiB and to a `df` file beyond. */
export interface MessageWriter {
  /** The id it will have. */
  readonly id: string;
  /** Octets written so far. */
  readonly size: number;
  /** True while pieces that were written are held as they are: nobody may change them. Later on they have been copied. */
  readonly holdsPieces: boolean;
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

/**
 * Changes that become durable together, or not at all.
 *
 * What an administrator did since the entry was read wins: an entry that is gone is not brought back, and one that
 * was held stays held.
 */
export interface QueueChange {
  /** Entries whose state changed. */
  readonly update?: readonly QueueEntry[];
  /** Ids that are done with. */
  readonly remove?: readonly string[];
  /** Of the one message to be removed, when nothing else changes: its octets, and the only row that it has as far as is known. */
  readonly known?: { readonly size: number; readonly row: DueRow };
  /** Reports to enqueue with it: a bounce and the end of its message are one commit. Each is at most 64 KiB. */
  readonly add?: readonly { readonly message: NewMessage; readonly body: Buffer }[];
}

/** A row of the due index: one for each lane that a message waits in. */
export interface DueRow {
  /** ms since 1970. */
  readonly at: number;
  readonly id: string;
  /** See {@link laneOf}. */
  readonly lane: string;
}

/** As much of a command or of a named host as tells one lane from another: lanes are keys of the due index. */
const LANE_NAME = 200;

/**
 * The lane of a recipient: `/NAME` for what is delivered on this host, `/|COMMAND` for a program, else its domain in lower
 * case, or `>HOST` for the host that was named in its place. Lanes are how one mailbox, program or destination is kept from
 * delaying the others.
 */
export function laneOf({ target }: QueueRecipient): string {
  if (isLocalTarget(target)) return `/${targetName(target).slice(0, LANE_NAME)}`;
  if (target.kind === "remote" && target.via === undefined) return domainKey(target.domain);
  return `>${targetName(target).toLowerCase().slice(0, LANE_NAME)}`;
}

/** True for the lane of a program, which may take its time: nothing else is tried together with it. */
export function isProgramLane(lane: string): boolean {
  return lane.startsWith("/|");
}

/**
 * The rows of an entry in the due index. All its mailboxes and files share one row, since they are delivered to together;
 * each program and each remote domain has its own. A message with nothing left to try has a row in the lane `""`.
 */
export function dueRowsOf(entry: QueueEntry): DueRow[] {
  const times = new Map<string, number>();
  let mailboxLane: string | undefined;
  for (const recipient of entry.recipients) {
    if (recipient.state !== "pending") continue;
    let lane = laneOf(recipient);
    if (isLocalTarget(recipient.target) && !isProgramLane(lane)) lane = mailboxLane ??= lane;
    times.set(lane, Math.min(recipient.dueAt ?? entry.nextAttemptAt, times.get(lane) ?? Infinity));
  }
  if (times.size === 0) return [{ at: entry.nextAttemptAt, id: entry.id, lane: "" }];
  return [...times].map(([lane, at]) => ({ at, id: entry.id, lane }));
}

/** A queue of messages that survives any crash. */
export interface QueueStore {
  /** Draws the id of a message that may come; nothing is stored until it is received. */
  newId(): string;
  /** Opens a new message, by default under a new id. */
  receive(id?: string): MessageWriter;
  /** The id under which a drop file was queued (see NewMessage.drop), or undefined; known until {@link forgetDrop}. */
  queuedDrop(name: string): string | undefined;
  /** The names of all drop files that were queued and are not forgotten. */
  queuedDrops(): string[];
  /** The drop file is gone. */
  forgetDrop(name: string): Promise<void>;
  /** The entry with an id, or undefined. */
  get(id: string): QueueEntry | undefined;
  /** True for an id that has an entry, readable or not. */
  isThere(id: string): boolean;
  /** The message of an entry. */
  body(entry: QueueEntry): MessageBody;
  /** Why the message of an entry cannot be delivered (it is missing, or of the wrong size), or undefined. */
  bodyFault(entry: QueueEntry): string | undefined;
  /** All entries in the order of their arrival. */
  list(): Iterable<QueueEntry>;
  /** Entries that cannot be read, and why: they are left alone until they are {@link discard}ed. */
  unreadable(): Iterable<{ readonly id: string; readonly reason: string }>;
  /**
   * Puts a whole entry of another queue into this one, with its id, states and times. Resolves when it is on stable storage.
   *
   * @param body `entry.size` is set by what comes
   * @param note name under which {@link queuedDrop} then knows it, until it is forgotten
   * @returns false when the id is taken: it is there already
   */
  restore(entry: QueueEntry, body: AsyncIterable<Buffer>, note?: string): Promise<boolean>;
  /**
   * Removes a message whatever state its entry is in.
   *
   * @returns false when there is no such message
   */
  discard(id: string): Promise<boolean>;
  /** Number of messages. */
  count(): number;
  /** Ids due at `now`, earliest first; held ones are never due. */
  due(now: number, limit: number): string[];
  /** Rows of the due index up to `now`, in order, from the row after `after` on. Nothing but the index is read. */
  dueRows(now: number, limit: number, after?: DueRow): DueRow[];
  /** When the next entry becomes due (ms since 1970), or undefined. */
  nextDue(): number | undefined;
  /** Applies a change in one commit; resolves, with the entries that `add` made, when it is on stable storage. */
  change(change: QueueChange): Promise<QueueEntry[]>;
  /**
   * Keeps a message back until it is released.
   *
   * @returns false when there is no such message
   */
  hold(id: string, reason: string): Promise<boolean>;
  /**
   * Puts a message into quarantine.
   *
   * @returns false when there is no such message
   */
  quarantine(id: string, reason: string): Promise<boolean>;
  /**
   * Frees a message that is held or in quarantine; it is due at `now`.
   *
   * @returns false when there is no such message
   */
  release(id: string, now: number): Promise<boolean>;
  /**
   * Makes every message that is not kept back due at `now`, for a forced attempt (see QueueRecipient.forced). A long queue
   * takes several commits.
   *
   * @param wanted which of them; by default all
   * @returns how many there were
   */
  forceAll(now: number, wanted?: (entry: QueueEntry) => boolean): Promise<number>;
  close(): Promise<void>;
}
