/**
 * Messages that are fetched one after the other are read in large blocks, each proven sound once, behind the read: what is in
 * memory then are the bytes that the session's index speaks of, whatever is done to the mbox afterwards.
 *
 * While a block is being sent the next is read. All sessions together have {@link AHEAD_IN_ALL} octets for it; beyond that
 * each has a small block. What a session has not used for a second or two is given back.
 */
import type { Clock, Timer } from "@mailhost/common/clock";
import { readWhole } from "@mailhost/common/fs/whole-io";
import { PREPARED, type PreparedReply } from "../connection/output.ts";
import type { Texts } from "../texts/texts.ts";
import type { IndexedMessage } from "./mailbox-index.ts";
import type { Maildrop } from "./maildrop.ts";

/** Octets that all sessions may hold, large blocks and small. */
const AHEAD_IN_ALL = 64 * 1024 * 1024;
/** A block when messages are fetched in order, and when memory is short. */
const LARGEST = 512 * 1024;
const SMALLEST = 32 * 1024;
/** How often unused blocks are looked for, ms. */
const ROUND = 1000;

const FROM = Buffer.from("From ");

/** The memory that all sessions share, and which of them hold some. */
export class ReadAheadMemory {
  readonly #clock: Clock;
  readonly #holders = new Set<ReadAhead>();
  #held = 0;
  #round = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Octets that are held now. */
  get held(): number {
    return this.#held;
  }

  /** Counts up; a holder that was last used before the one before is idle. */
  get round(): number {
    return this.#round;
  }

  /** How large a block may be: the less is left, the smaller. */
  allowance(): number {
    const fair = (AHEAD_IN_ALL - this.#held) >> 3;
    return fair >= LARGEST ? LARGEST : Math.max(SMALLEST, fair);
  }

  /** Counts what a holder has taken or given back. */
  count(holder: ReadAhead, octets: number, holds: boolean): void {
    this.#held += octets;
    if (!holds) this.#holders.delete(holder);
    else if (!this.#holders.has(holder)) this.#holders.add(holder);
    if (this.#holders.size > 0 && this.#timer === undefined) {
      this.#timer = this.#clock.after(ROUND, this.#sweep);
    }
  }

  readonly #sweep = (): void => {
    this.#timer = undefined;
    this.#round++;
    for (const holder of [...this.#holders]) holder.releaseUnused();
    if (this.#holders.size > 0) this.#timer = this.#clock.after(ROUND, this.#sweep);
  };
}

/** A stretch of the mbox in memory; sound. */
interface Block {
  readonly from: number;
  readonly bytes: Buffer;
}

/** How a message came: whole and sound; `large`: too large for memory; `changed`: the mbox is another. */
export type Fetched = Buffer | "large" | "changed";

/** The next message as it will be sent, if it is asked for in the way that was foreseen. */
export interface NextReply {
  readonly number: number;
  readonly texts: Texts;
  readonly utf8: boolean;
  readonly reply: PreparedReply;
}

/** What one session has read ahead. */
export class ReadAhead {
  /** The mailbox that is read. */
  readonly drop: Maildrop;
  readonly #memory: ReadAheadMemory;
  #block: Block | undefined;
  /** The block behind it, being read; undefined when it could not be or is not sound. */
  #next: { readonly from: number; readonly reading: Promise<Block | undefined> } | undefined;
  #held = 0;
  #usedIn = 0;
  #lastNumber = -1;
  /** Messages fetched in order so far. */
  #inOrder = 0;
  #nextReply: NextReply | undefined;

  constructor(drop: Maildrop, memory: ReadAheadMemory) {
    this.drop = drop;
    this.#memory = memory;
  }

  /**
   * The message, from its header on. The bytes stay as they are for as long as they are held on to.
   *
   * @param number from 1
   * @throws errors of the system
   */
  fetch(number: number, message: IndexedMessage): Fetched | Promise<Fetched> {
    this.#noteFetched(number);
    const block = this.#block;
    return block !== undefined && holds(block, message)
      ? within(block, message)
      : this.#load(number, message);
  }

  /** Number of the message that will be asked for next, where messages are fetched in order and memory is not short. */
  get expected(): number | undefined {
    if (this.#inOrder === 0 || this.#memory.allowance() < LARGEST) return undefined;
    return this.#lastNumber + 1;
  }

  /** The message, when it is in memory; see {@link fetch}. */
  peek(message: IndexedMessage): Buffer | undefined {
    const block = this.#block;
    if (block === undefined || !holds(block, message)) return undefined;
    const found = within(block, message);
    return found === "changed" ? undefined : found;
  }

  /** Whether the reply for message `number` is made already. */
  isPrepared(number: number): boolean {
    return this.#nextReply?.number === number;
  }

  /** Keeps the reply that will be asked for next, until another message is. */
  keepPrepared(next: NextReply): void {
    this.#dropPrepared();
    this.#nextReply = next;
    this.#held += PREPARED;
    this.#memory.count(this, PREPARED, true);
  }

  /** The reply that was made for message `number`, in this language and mode: the caller's from now on. */
  takePrepared(number: number, texts: Texts, utf8: boolean): PreparedReply | undefined {
    const next = this.#nextReply;
    if (next === undefined) return undefined;
    this.#dropPrepared();
    if (next.number !== number || next.texts !== texts || next.utf8 !== utf8) return undefined;
    this.#noteFetched(number);
    return next.reply;
  }

  #dropPrepared(): void {
    if (this.#nextReply === undefined) return;
    this.#nextReply = undefined;
    this.#held -= PREPARED;
    this.#memory.count(this, -PREPARED, true);
  }

  #noteFetched(number: number): void {
    this.#usedIn = this.#memory.round;
    this.#inOrder = number === this.#lastNumber + 1 ? this.#inOrder + 1 : 0;
    this.#lastNumber = number;
  }

  /** Gives back what was not used for a while. */
  releaseUnused(): void {
    if (this.#memory.round - this.#usedIn > 1) this.release();
  }

  /** Gives everything back; bytes that somebody is still sending stay good. */
  release(): void {
    this.#block = undefined;
    this.#next = undefined;
    this.#nextReply = undefined;
    this.#memory.count(this, -this.#held, false);
    this.#held = 0;
  }

  async #load(number: number, message: IndexedMessage): Promise<Fetched> {
    const length = message.end - message.start;
    const ahead = this.#next?.from === message.start ? await this.#next.reading : undefined;
    if (ahead !== undefined && holds(ahead, message)) {
      this.#keep(ahead);
      this.#readNext(number, ahead);
      return within(ahead, message);
    }
    this.release();
    const allowance = this.#memory.allowance();
    if (length > allowance) return "large";
    // The first in order are read ahead less far: most of these clients want a few new messages only.
    const reach = this.#inOrder < 2 ? 0 : this.#inOrder < 4 ? SMALLEST : allowance;
    const end = this.#endOfBlock(number, message.start, Math.max(length, Math.min(reach, allowance)));
    const block = await this.#read(message.start, end);
    if (block === undefined) return "changed";
    this.#keep(block);
    if (this.#inOrder >= 4) this.#readNext(number, block);
    return within(block, message);
  }

  #keep(block: Block): void {
    this.#block = block;
    this.#next = undefined;
    this.#nextReply = undefined;
    const octets = block.bytes.length;
    this.#memory.count(this, octets - this.#held, true);
    this.#held = octets;
  }

  /** Starts to read what is behind a block that holds message `number`. */
  #readNext(number: number, block: Block): void {
    const messages = this.drop.index?.messages;
    if (messages === undefined) return;
    const blockEnd = block.from + block.bytes.length;
    // Numbers count from 1 and places in the table from 0, so this is the message behind `number`.
    let place = number;
    while ((messages.start(place) ?? blockEnd) < blockEnd) place++;
    const message = messages.at(place);
    const allowance = this.#memory.allowance();
    if (message === undefined || message.end - message.start > allowance) return;
    const from = message.start;
    const end = this.#endOfBlock(place + 1, from, allowance);
    this.#memory.count(this, end - from, true);
    this.#held += end - from;
    this.#next = { from, reading: this.#read(from, end).catch(() => undefined) };
  }

  /** Where the last message ends that fits `room` octets from `from` on, where message `number` starts, which does. */
  #endOfBlock(number: number, from: number, room: number): number {
    const { messages } = this.drop.index!;
    let place = number;
    for (;;) {
      const start = messages.start(place);
      if (start === undefined || start - from > room) break;
      place++;
    }
    // All before `place` start within the room, and all but the last of them end there too.
    const last = messages.at(place - 1)!;
    return place === number || last.end - from <= room ? last.end : last.start;
  }

  async #read(from: number, end: number): Promise<Block | undefined> {
    const { file } = this.drop;
    if (file === undefined) return undefined;
    const bytes = Buffer.allocUnsafeSlow(end - from);
    const got = await readWhole(file, bytes, from);
    return got === bytes.length && (await this.drop.isSound()) ? { from, bytes } : undefined;
  }
}

function holds({ from, bytes }: Block, { start, end }: IndexedMessage): boolean {
  return start >= from && end <= from + bytes.length;
}

/** The message without its `From ` line; there must be one. */
function within({ from, bytes }: Block, { start, head, end }: IndexedMessage): Buffer | "changed" {
  const at = start - from;
  for (let i = 0; i < FROM.length; i++) if (bytes[at + i] !== FROM[i]) return "changed";
  return bytes.subarray(head - from, end - from);
}
