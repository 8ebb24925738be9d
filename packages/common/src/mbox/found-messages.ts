/**
 * Messages that a scan has found, as columns: an object for each of a large mailbox's messages, and a few strings with it,
 * take longer than looking at the mailbox does.
 */
import type { HeaderIdentity } from "./header-digest.ts";
import type { MessageSpan } from "./scan.ts";

/** Bytes of a digest. */
export const DIGEST_BYTES = 16;
/** Room at the start, messages. */
const FIRST = 64;

/** What few headers say of their message beside its digest. */
export type OtherIdentity = Omit<HeaderIdentity, "digest">;

/** Messages on their way from one thread to another. */
export interface FoundColumns {
  readonly count: number;
  /** The columns of numbers, one behind the other, `count` of each. */
  readonly numbers: ArrayBuffer;
  readonly digests: ArrayBuffer;
  readonly others: ReadonlyMap<number, OtherIdentity>;
}

const NUMBERS = ["start", "head", "body", "end", "octets"] as const;

/** The messages, in their order; each field is as {@link MessageSpan} has it. */
export class FoundMessages {
  start = new Float64Array(FIRST);
  head = new Float64Array(FIRST);
  body = new Float64Array(FIRST);
  end = new Float64Array(FIRST);
  octets = new Float64Array(FIRST);
  /** {@link DIGEST_BYTES} a message. */
  digest: Buffer = Buffer.allocUnsafeSlow(FIRST * DIGEST_BYTES);
  /** Of the messages whose header says more than what it is. */
  readonly others = new Map<number, OtherIdentity>();
  #count = 0;

  /** Puts messages together that were found apart, in their order. */
  static of(parts: readonly FoundColumns[]): FoundMessages {
    const all = new FoundMessages();
    all.#count = parts.reduce((sum, { count }) => sum + count, 0);
    all.#makeRoom(all.#count);
    let at = 0;
    for (const { count, numbers, digests, others } of parts) {
      for (const [i, column] of NUMBERS.entries())
        all[column].set(new Float64Array(numbers, i * count * Float64Array.BYTES_PER_ELEMENT, count), at);
      Buffer.from(digests).copy(all.digest, at * DIGEST_BYTES);
      for (const [i, other] of others) all.others.set(at + i, other);
      at += count;
    }
    return all;
  }

  /** The messages that start before `until`, for another thread. */
  columns(until: number): FoundColumns {
    let count = this.#count;
    while (count > 0 && this.start[count - 1]! >= until) count--;
    const numbers = new Float64Array(NUMBERS.length * count);
    for (const [i, column] of NUMBERS.entries()) numbers.set(this[column].subarray(0, count), i * count);
    const digests = new ArrayBuffer(count * DIGEST_BYTES);
    this.digest.copy(Buffer.from(digests), 0, 0, count * DIGEST_BYTES);
    const others = new Map([...this.others].filter(([i]) => i < count));
    return { count, numbers: numbers.buffer, digests, others };
  }

  /** How many there are. */
  get count(): number {
    return this.#count;
  }

  /** Makes room for one more, whose columns the caller fills in; returns its place. */
  next(): number {
    if (this.#count === this.start.length) this.#grow();
    return this.#count++;
  }

  /** Fills in the identity of message `i`. */
  identify(i: number, { digest, ...other }: HeaderIdentity): void {
    this.setDigest(i, digest);
    if (Object.keys(other).length > 1 || other.seen) this.others.set(i, other);
  }

  /** Fills in the digest of message `i`, 32 hexadecimal digits. */
  setDigest(i: number, digest: string): void {
    this.digest.write(digest, i * DIGEST_BYTES, "hex");
  }

  /** The digest of message `i`, 32 hexadecimal digits. */
  digestOf(i: number): string {
    return this.digest.toString("hex", i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES);
  }

  /** Whether a mail reader has read message `i`. */
  seen(i: number): boolean {
    return this.others.get(i)?.seen === true;
  }

  /** Message `i` as an object. */
  span(i: number): MessageSpan {
    return {
      start: this.start[i]!,
      head: this.head[i]!,
      body: this.body[i]!,
      end: this.end[i]!,
      octets: this.octets[i]!,
      digest: this.digestOf(i),
      seen: false,
      ...this.others.get(i),
    };
  }

  /** Takes all out, as objects. */
  drain(): MessageSpan[] {
    const spans = Array.from({ length: this.#count }, (_, i) => this.span(i));
    this.#count = 0;
    this.others.clear();
    return spans;
  }

  #grow(): void {
    this.#makeRoom(2 * this.start.length);
  }

  #makeRoom(room: number): void {
    if (room <= this.start.length) return;
    for (const column of NUMBERS) {
      const larger = new Float64Array(room);
      larger.set(this[column]);
      this[column] = larger;
    }
    const digest = Buffer.allocUnsafeSlow(room * DIGEST_BYTES);
    this.digest.copy(digest);
    this.digest = digest;
  }
}
