/**
 * The messages of a mailbox in their order, in chunks of columns. A table does not change: another is made of it, and
 * the chunks that are the same are shared.
 */
import type { FoundMessages } from "@mailhost/common/mbox/found-messages";
import type { IndexedMessage } from "./mailbox-index.ts";
import { CHUNK, DIGEST, emptyChunk, type MessageChunk } from "./message-chunk.ts";

/** The messages of a mailbox. */
export class MessageTable implements Iterable<IndexedMessage> {
  static readonly EMPTY = new MessageTable([]);

  /** All but the last have {@link CHUNK} messages, and none is empty. */
  readonly chunks: readonly MessageChunk[];
  readonly count: number;
  /** Octets of all messages. */
  readonly octets: number;

  constructor(chunks: readonly MessageChunk[]) {
    this.chunks = chunks;
    this.count = chunks.reduce((sum, { count }) => sum + count, 0);
    this.octets = chunks.reduce((sum, { octetSum }) => sum + octetSum, 0);
  }

  /** A table of these messages. */
  static of(messages: Iterable<IndexedMessage>): MessageTable {
    const builder = new MessageTableBuilder();
    for (const message of messages) builder.add(message);
    return builder.build();
  }

  /** The message with index `i`, from 0; made when it is asked for. */
  at(i: number): IndexedMessage | undefined {
    return i >= 0 && i < this.count ? this.#chunk(i).message(i % CHUNK) : undefined;
  }

  /** Where message `i` starts; undefined when there is none. Cheaper than {@link at}, as are those below. */
  start(i: number): number | undefined {
    return i >= 0 && i < this.count ? this.#chunk(i).start[i % CHUNK] : undefined;
  }

  /** Octets of message `i`, 0 when there is none. */
  octetsOf(i: number): number {
    return i >= 0 && i < this.count ? this.#chunk(i).octets[i % CHUNK]! : 0;
  }

  /** The unique id of message `i`, which there is. */
  uid(i: number): string {
    return this.#chunk(i).uid(i % CHUNK);
  }

  /** Number, from 1, of the last message that a mail reader has read; 0 when there is none. */
  get lastSeen(): number {
    for (let c = this.chunks.length - 1; c >= 0; c--) {
      const chunk = this.chunks[c]!;
      for (let i = chunk.count - 1; i >= 0; i--) if (chunk.seen(i)) return c * CHUNK + i + 1;
    }
    return 0;
  }

  /** The last message. */
  get last(): IndexedMessage | undefined {
    return this.at(this.count - 1);
  }

  /** All messages, each made when its turn comes. */
  *[Symbol.iterator](): Generator<IndexedMessage> {
    for (const chunk of this.chunks) for (let i = 0; i < chunk.count; i++) yield chunk.message(i);
  }

  /** Whether all messages are called as their digests are. */
  get isPlain(): boolean {
    return this.chunks.every(({ uids }) => uids.length === 0);
  }

  /** Digests and ids of all messages. */
  *names(): Generator<{ readonly digest: string; readonly uid: string }> {
    for (const chunk of this.chunks) {
      for (let i = 0; i < chunk.count; i++) {
        const digest = chunk.digest.toString("hex", i * DIGEST, (i + 1) * DIGEST);
        yield { digest, uid: chunk.uidLength[i] === 0 ? digest : chunk.uid(i) };
      }
    }
  }

  /** Bytes of memory that it takes. */
  get byteLength(): number {
    return this.chunks.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  #chunk(i: number): MessageChunk {
    return this.chunks[Math.floor(i / CHUNK)]!;
  }
}

/** A table in the making. */
export class MessageTableBuilder {
  readonly #done: MessageChunk[] = [];
  /** The chunk in hand, with room for {@link CHUNK} messages, its uids apart. */
  #open: MessageChunk | undefined;
  #filled = 0;
  #uids: Buffer[] = [];

  /** Messages so far. */
  get count(): number {
    return this.#done.length * CHUNK + this.#filled;
  }

  /** Puts a message behind the others. */
  add(message: IndexedMessage): void {
    this.#room().set(this.#filled, message);
    this.#name(message.uid === message.digest ? "" : message.uid);
  }

  /** Puts message `i` of a scan behind the others, called `uid`, or as its digest is. */
  addFound(found: FoundMessages, i: number, uid = ""): void {
    this.#room().setFound(this.#filled, found, i);
    this.#name(uid);
  }

  #name(own: string): void {
    const chunk = this.#room();
    chunk.uidLength[this.#filled] = own.length;
    if (own !== "") this.#uids.push(Buffer.from(own, "latin1"));
    this.#filled++;
    this.#closeFull();
  }

  /**
   * Puts messages `[from, to)` of a table behind the others.
   *
   * @param by how far they have moved in the file, bytes
   */
  copy(table: MessageTable, from: number, to: number, by = 0): void {
    for (let i = from; i < to; ) {
      const source = table.chunks[Math.floor(i / CHUNK)]!;
      const first = i % CHUNK;
      if (by === 0 && first === 0 && this.#filled === 0 && source.count === CHUNK && to - i >= CHUNK) {
        this.#done.push(source);
        i += CHUNK;
        continue;
      }
      const chunk = this.#room();
      const some = Math.min(to - i, source.count - first, CHUNK - this.#filled);
      chunk.copy(this.#filled, source, first, first + some, by);
      const last = first + some - 1;
      const uidsEnd = source.uidStart(last) + source.uidLength[last]!;
      this.#uids.push(source.uids.subarray(source.uidStart(first), uidsEnd));
      this.#filled += some;
      i += some;
      this.#closeFull();
    }
  }

  /** The table. Nothing may be added afterwards. */
  build(): MessageTable {
    this.#close();
    return new MessageTable(this.#done);
  }

  #room(): MessageChunk {
    this.#open ??= emptyChunk(CHUNK, 0);
    return this.#open;
  }

  #closeFull(): void {
    if (this.#filled === CHUNK) this.#close();
  }

  /** The chunk in hand in a buffer of its size, with its uids. */
  #close(): void {
    if (this.#open === undefined || this.#filled === 0) return;
    const uids = Buffer.concat(this.#uids);
    const whole = this.#filled === CHUNK && uids.length === 0;
    const chunk = whole ? this.#open : emptyChunk(this.#filled, uids.length);
    if (!whole) {
      chunk.copy(0, this.#open, 0, this.#filled, 0);
      uids.copy(chunk.uids);
    }
    this.#done.push(chunk);
    this.#uids = [];
    this.#filled = 0;
    this.#open = undefined;
  }
}
