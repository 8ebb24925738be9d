/**
 * Whether a message that was kept stands in the mailbox already. Its id alone does not say so: an X-UIDL field comes with a message,
 * so whoever sends one can give it the id of another.
 */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { readWhole } from "@mailhost/common/fs/whole-io";

/** A message in a file. */
export interface HeldMessage {
  readonly file: FileHandle;
  readonly uid: string;
  readonly digest: string;
  readonly start: number;
  readonly body: number;
  readonly end: number;
}

const COPY = 64 * 1024;
/** The digest of a message covers this much of its header; of one that has more every byte is compared. */
const DIGESTED = 48 * 1024;
const LF = 10;

/** The messages of a mailbox, by what is in them. */
export class HeldMessages {
  readonly #byUid = new Map<string, HeldMessage>();
  readonly #byDigest = new Map<string, HeldMessage[]>();
  /** Those that a kept message was found to be, though they are called otherwise. */
  readonly #used = new Set<HeldMessage>();

  add(message: HeldMessage): void {
    if (!this.#byUid.has(message.uid)) this.#byUid.set(message.uid, message);
    const same = this.#byDigest.get(message.digest);
    if (same === undefined) this.#byDigest.set(message.digest, [message]);
    else same.push(message);
  }

  /** Whether one has that digest. */
  hasDigest(digest: string): boolean {
    return this.#byDigest.has(digest);
  }

  /** Whether one is called so, whatever is in it. */
  hasUid(uid: string): boolean {
    return this.#byUid.has(uid);
  }

  /**
   * Whether a message is there: the one that is called as it is, with the same bytes; or, when its id is another message's, one
   * with the same bytes that was brought back before and had to be called otherwise.
   */
  async has(message: HeldMessage): Promise<boolean> {
    const named = this.#byUid.get(message.uid);
    if (named === undefined) return false;
    if (await areTwins(message, named)) return true;
    for (const other of this.#byDigest.get(message.digest) ?? []) {
      if (this.#used.has(other) || !(await areTwins(message, other))) continue;
      this.#used.add(other);
      return true;
    }
    return false;
  }
}

async function areTwins(a: HeldMessage, b: HeldMessage): Promise<boolean> {
  return a.digest === b.digest && (await sumOf(a)) === (await sumOf(b));
}

/** Hash of what the digest does not cover; an end of line that a copy was given behind its last line does not count. */
async function sumOf({ file, start, body, end }: HeldMessage): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(COPY);
  for (let at = body - start > DIGESTED ? start : body; at < end; ) {
    const part = buffer.subarray(0, await readWhole(file, buffer.subarray(0, Math.min(COPY, end - at)), at));
    if (part.length === 0) break;
    at += part.length;
    hash.update(at >= end && part.at(-1) === LF ? part.subarray(0, -1) : part);
  }
  return hash.digest("hex");
}
