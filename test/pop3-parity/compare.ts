/**
 * Puts what two servers show of a mailbox beside each other; what is known is undone first, and remembered as seen.
 */
import {
  BYTE_DIFFERENCES,
  type ByteDifference,
  COUNT_DIFFERENCES,
  type CountDifference,
  type Peer,
  SIZE_DIFFERENCE,
} from "./known-differences.ts";
import type { Mailbox } from "./mailboxes.ts";
import { type Shown, type ShownMessage, TOPS } from "./observe.ts";

/** A known difference that was seen, told apart by peer. */
export type Seen = `${Peer}: ${string}`;

/** How a {@link ByteDifference} is called when a peer showed it. */
export function seenAs(peer: Peer, { row }: ByteDifference | typeof SIZE_DIFFERENCE): Seen {
  return `${peer}: ${row}`;
}

/** How a {@link CountDifference} is called when it was seen. */
export function countSeenAs({ peer, mailbox, row }: CountDifference): Seen {
  return `${peer}: ${row}: ${mailbox}`;
}

/** Compares; the answer says each difference that is not known. `theirs` is undefined when the peer opens no such mailbox. */
export function compare(
  { name }: Pick<Mailbox, "name">,
  ours: Shown,
  peer: Peer,
  theirs: Shown | undefined,
  seen: Set<Seen>,
): string[] {
  const count = theirs?.messages.length ?? "refused";
  if (count !== ours.messages.length) {
    const known = COUNT_DIFFERENCES.find(
      (d) => d.peer === peer && d.mailbox === name && d.ours === ours.messages.length && d.theirs === count,
    );
    if (known === undefined)
      return [`${name}: ${peer} shows ${count} messages, mailhost ${ours.messages.length}`];
    seen.add(countSeenAs(known));
    return [];
  }
  return theirs!.messages.flatMap((message, i) =>
    compareMessages(ours.messages[i]!, peer, message, seen).map(
      (text) => `${name}: ${i + 1}: ${peer} ${text}`,
    ),
  );
}

function compareMessages(ours: ShownMessage, peer: Peer, theirs: ShownMessage, seen: Set<Seen>): string[] {
  const found: string[] = [];
  const bytes = unlike(ours.bytes, peer, theirs.bytes, seen);
  if (bytes !== undefined) found.push(`RETR ${bytes}`);
  for (const [i, top] of theirs.tops.entries()) {
    const difference = unlike(ours.tops[i]!, peer, top, seen);
    if (difference !== undefined) found.push(`TOP ${TOPS[i]} ${difference}`);
  }
  const short = theirs.bytes.length - theirs.octets;
  if (short !== 0) {
    seen.add(seenAs(peer, SIZE_DIFFERENCE));
    if (short < SIZE_DIFFERENCE.least || short > SIZE_DIFFERENCE.most)
      found.push(`LIST is ${short} octets short of its RETR`);
  }
  return found;
}

/** Where they first differ, when all that is known is undone; undefined when nowhere. */
function unlike(ours: Buffer, peer: Peer, theirs: Buffer, seen: Set<Seen>): string | undefined {
  if (ours.equals(theirs)) return undefined;
  let [text, target] = [ours.toString("latin1"), theirs.toString("latin1")];
  const used: Seen[] = [];
  for (const known of BYTE_DIFFERENCES) {
    if (!known.peers.includes(peer)) continue;
    const [a, b] = [known.inOurs?.(text) ?? text, known.inTheirs?.(target) ?? target];
    if (a === text && b === target) continue;
    [text, target] = [a, b];
    used.push(seenAs(peer, known));
  }
  if (text === target) {
    for (const known of used) seen.add(known);
    return undefined;
  }
  let at = 0;
  while (text[at] === target[at]) at++;
  const near = (all: string) => JSON.stringify(all.slice(Math.max(0, at - 30), at + 50));
  return `at ${at}: ${near(target)}, mailhost ${near(text)}`;
}
