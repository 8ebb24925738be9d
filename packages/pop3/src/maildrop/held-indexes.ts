/**
 * Indexes that were used lately, in memory up to a bound, the ones longest unused going first.
 *
 * One is believed when the head that is stored is that of the writing it came from, so other processes may write too.
 */
import type { IndexHead } from "./index-codec.ts";
import type { MailboxIndex } from "./mailbox-index.ts";

interface Held {
  readonly generation: Buffer;
  readonly index: MailboxIndex;
  readonly bytes: number;
}

/** What an index takes beside its messages, about; bytes. */
const BESIDE = 1024;

/** Indexes by mailbox name. */
export class HeldIndexes {
  readonly #most: number;
  /** The one used last is the last. */
  readonly #held = new Map<string, Held>();
  #bytes = 0;

  /** @param most bytes of all that is held; what alone is larger is not held */
  constructor(most: number) {
    this.#most = most;
  }

  /** The index of a mailbox whose stored head is this. */
  get(name: string, { generation }: IndexHead): MailboxIndex | undefined {
    const held = this.#held.get(name);
    if (held === undefined || !held.generation.equals(generation)) return undefined;
    this.#held.delete(name);
    this.#held.set(name, held);
    return held.index;
  }

  /** Holds an index that is stored with this head. */
  hold(name: string, { generation }: IndexHead, index: MailboxIndex): void {
    this.drop(name);
    const bytes = index.messages.byteLength + BESIDE;
    if (bytes > this.#most) return;
    this.#held.set(name, { generation, index, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#most) break;
      this.drop(oldest);
    }
  }

  /** Holds the index of a mailbox no longer. */
  drop(name: string): void {
    const held = this.#held.get(name);
    if (held === undefined) return;
    this.#held.delete(name);
    this.#bytes -= held.bytes;
  }
}
