/**
 * The ids of messages that come with none and of which nothing else is known, as nearly all mailboxes are scanned: each is
 * called as its digest is, and of several with the same digest the later ones get numbers. It is what {@link assignUids}
 * does, without a string and a place in a set for each.
 */
import { setImmediate } from "node:timers/promises";
import type { FoundMessages } from "@mailhost/common/mbox/found-messages";
import { DIGEST } from "./message-chunk.ts";

/** Messages that are looked at before others get their turn. */
const A_TURN = 16_384;
/** Places of the table a message, at least. */
const ROOM = 2;

/** The ids of those that are not called as their digests are, by their places. */
export async function plainUids(found: FoundMessages): Promise<Map<number, string>> {
  const { count, digest } = found;
  const numbered = new Map<number, string>();
  /** Of digests that were met again: how many messages have them so far. */
  const met = new Map<number, number>();
  let room = 16;
  while (room < ROOM * count) room *= 2;
  // A table of places, counted from 1, by the first bytes of the digests, which are as good as chance.
  const first = new Uint32Array(room);
  for (let i = 0; i < count; i++) {
    const at = i * DIGEST;
    let place = wordAt(digest, at) & (room - 1);
    let other = first[place]!;
    while (other !== 0 && !same(digest, at, (other - 1) * DIGEST)) {
      place = (place + 1) & (room - 1);
      other = first[place]!;
    }
    if (other === 0) first[place] = i + 1;
    else {
      const number = (met.get(other) ?? 1) + 1;
      met.set(other, number);
      numbered.set(i, `${found.digestOf(i)}.${number}`);
    }
    if (i % A_TURN === A_TURN - 1) await setImmediate();
  }
  return numbered;
}

function wordAt(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function same(bytes: Buffer, a: number, b: number): boolean {
  for (let i = 0; i < DIGEST; i++) if (bytes[a + i] !== bytes[b + i]) return false;
  return true;
}
