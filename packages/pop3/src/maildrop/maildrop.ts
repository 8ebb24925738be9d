/**
 * The mailbox of one session: its messages under the numbers they had at login, and what was marked.
 *
 * Numbers start at 1 and stay for the session; a deleted message is neither listed nor counted nor retrieved
 * (RFC 1939 section 5). Nothing here changes the mbox; that is update.ts.
 */
import type { FileHandle } from "node:fs/promises";
import { lstat } from "node:fs/promises";
import { errnoOf } from "@mailhost/common/errors";
import type { MailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { SessionLock } from "@mailhost/common/mbox/session-lock";
import type { FileIdentity, IndexedMessage, MailboxIndex } from "./mailbox-index.ts";
import { identityOf, isSameFile, isUntouched } from "./mailbox-index.ts";
import { MessageTable } from "./message-table.ts";
import { isIntact, isUnchanged } from "./refresh.ts";

/** What a message number leads to. */
export type Numbered =
  | { readonly kind: "message"; readonly message: IndexedMessage }
  | { readonly kind: "deleted" }
  | { readonly kind: "none" };

/** What a maildrop is made of. */
export interface MaildropParts {
  readonly paths: MailboxPaths;
  /** The mbox as opened at login; undefined when there was none. */
  readonly file: FileHandle | undefined;
  /** The index at login; undefined when there was no mbox. */
  readonly index: MailboxIndex | undefined;
  readonly lock: SessionLock;
  /** The index on its way to the disk: the lock is kept until it is there, so that no other session's gets in between. */
  readonly written?: Promise<void>;
}

/** An open mailbox. */
export class Maildrop {
  readonly paths: MailboxPaths;
  readonly index: MailboxIndex | undefined;
  /** Highest number read, in this session or before it (Status: R); 0 for none (LAST of RFC 1460). */
  lastSeen: number;
  readonly #file: FileHandle | undefined;
  readonly #lock: SessionLock;
  readonly #written: Promise<void> | undefined;
  readonly #deleted = new Set<number>();
  /** Numbers of messages that were retrieved whole. */
  readonly #retrieved = new Set<number>();
  #octets: number;
  #deletedOctets = 0;
  /** The state of the file in which all that the index says was last seen to hold. */
  #seen: FileIdentity | undefined;
  #closed = false;

  constructor({ paths, file, index, lock, written }: MaildropParts) {
    this.#written = written;
    this.paths = paths;
    this.index = index;
    this.#file = file;
    this.#lock = lock;
    this.#seen = index?.identity;
    this.#octets = this.#messages.octets;
    this.lastSeen = this.#messages.lastSeen;
  }

  /** Messages that are not deleted. */
  get count(): number {
    return this.#messages.count - this.#deleted.size;
  }

  /** Octets of the messages that are not deleted. */
  get octets(): number {
    return this.#octets;
  }

  /** Messages marked as deleted, and their octets. */
  get deletedCount(): number {
    return this.#deleted.size;
  }

  get deletedOctets(): number {
    return this.#deletedOctets;
  }

  /** The highest number there is, deleted or not. */
  get highest(): number {
    return this.#messages.count;
  }

  /** The message with a number. */
  message(number: number): Numbered {
    const message = this.#messages.at(number - 1);
    if (message === undefined) return { kind: "none" };
    return this.#deleted.has(number) ? { kind: "deleted" } : { kind: "message", message };
  }

  /** The messages that are not deleted, with their numbers. */
  *visible(): Generator<readonly [number: number, message: IndexedMessage]> {
    for (let number = 1; number <= this.#messages.count; number++) {
      if (!this.#deleted.has(number)) yield [number, this.#messages.at(number - 1)!];
    }
  }

  /** All messages, deleted or not. */
  get messages(): MessageTable {
    return this.#messages;
  }

  /** Whether a message is marked as deleted. */
  isDeleted(number: number): boolean {
    return this.#deleted.has(number);
  }

  /** Numbers of the messages that are deleted, in their order. */
  deletedNumbers(): number[] {
    return [...this.#deleted].sort((a, b) => a - b);
  }

  /** The messages that are deleted. */
  deleted(): IndexedMessage[] {
    return [...this.#deleted].map((number) => this.#messages.at(number - 1)!);
  }

  /** Notes that a message was retrieved whole. */
  noteRetrieved(number: number): void {
    this.#retrieved.add(number);
  }

  /** Ids of the messages that were retrieved whole. */
  get retrieved(): ReadonlySet<string> {
    return new Set([...this.#retrieved].map((number) => this.#messages.uid(number - 1)));
  }

  /** Marks what was retrieved whole (pop3.autoDelete). */
  deleteRetrieved(): void {
    for (const number of this.#retrieved) if (!this.#deleted.has(number)) this.delete(number);
  }

  /** Marks a message that {@link message} found. */
  delete(number: number): void {
    const octets = this.#messages.octetsOf(number - 1);
    this.#deleted.add(number);
    this.#octets -= octets;
    this.#deletedOctets += octets;
  }

  /** Takes all marks back. */
  reset(): void {
    this.#octets += this.#deletedOctets;
    this.#deletedOctets = 0;
    this.#deleted.clear();
    this.#retrieved.clear();
    this.lastSeen = this.#messages.lastSeen;
  }

  /** The mbox, for reading messages; undefined when there was none at login. */
  get file(): FileHandle | undefined {
    return this.#file;
  }

  /**
   * Whether the file still holds what the session saw: nothing was done to it, or mail was appended, or a delivery
   * failed and was undone. Another program may have rewritten it; offsets then lead to wrong bytes.
   *
   * @throws errors of the system
   */
  async isSound(): Promise<boolean> {
    const [file, index, seen] = [this.#file, this.index, this.#seen];
    if (file === undefined || index === undefined || seen === undefined) return false;
    const now = await identityOf(file);
    // A file that loses its name gets a new ctime.
    if (isUntouched(now, seen)) return true;
    if (!(await this.#isInPlace(now))) return false;
    const sameBytes = now.size === seen.size && now.mtimeNs === seen.mtimeNs;
    if (!sameBytes && now.size < index.identity.size) return false;
    // One that only grew keeps what it had; one that did not may have been rewritten in its old size.
    const holds = now.size > seen.size ? isIntact : isUnchanged;
    if (!sameBytes && !(await holds(file, index))) return false;
    this.#seen = now;
    return true;
  }

  /** Gives file and session lock back. A second call does nothing. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const closing = this.#file?.close();
    // It is awaited behind the index, which may take long; a failure until then is not an unhandled one.
    closing?.catch(() => undefined);
    try {
      await this.#written;
      await this.#lock.release();
    } finally {
      await closing;
    }
  }

  get #messages(): MessageTable {
    return this.index?.messages ?? MessageTable.EMPTY;
  }

  /** Whether the mailbox's path still leads to the file: another program may have put a new one there. */
  async #isInPlace(identity: FileIdentity): Promise<boolean> {
    try {
      const { dev, ino } = await lstat(this.paths.mbox, { bigint: true });
      return isSameFile(identity, { ...identity, dev, ino });
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return false;
      throw error;
    }
  }
}
