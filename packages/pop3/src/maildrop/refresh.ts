/**
 * Brings a mailbox's index up to date with the file, reading no more of it than is needed.
 *
 * An index is believed when file, size, times and fingerprint all agree. When the file only grew, it is scanned from the last
 * message that the index knows (which may have been waiting for its end). In every other case it is scanned whole, and
 * messages keep their ids by their digests, unless they are to be called by another rule than before.
 */
import type { FileHandle } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import type { FoundMessages } from "@mailhost/common/mbox/found-messages";
import { scanAll, scanMbox, TUNING } from "@mailhost/common/mbox/scan";
import type { UidFormat } from "@mailhost/common/settings/pop3-settings";
import { fingerprint } from "./fingerprint.ts";
import { givenId } from "./given-ids.ts";
import { type KnownNames, namesByPlace } from "./known-names.ts";
import type { FileIdentity, MailboxIndex, Naming } from "./mailbox-index.ts";
import { identityOf, isSameFile, isUntouched } from "./mailbox-index.ts";
import { MessageTable, MessageTableBuilder } from "./message-table.ts";
import { plainUids } from "./plain-uids.ts";
import { assignUids, takenNear } from "./uids.ts";

/** Messages that are put into a table before others get their turn. */
const A_TURN = 4096;

/** An index that agrees with the file, and how it came about. */
export interface Refreshed {
  readonly index: MailboxIndex;
  /** `kept`: as it was; `grown`: the end was scanned; `scanned`: the whole file was. */
  readonly how: "kept" | "grown" | "scanned";
  /** So many messages at the start are those of the index before, unchanged. */
  readonly unchanged: number;
}

/** The rule by which the messages of an index are called. */
export function formatOf(index: MailboxIndex | undefined): UidFormat {
  return index?.naming?.format ?? "default";
}

/**
 * Makes the index of a file agree with it. The caller holds the mailbox's lock.
 *
 * @param last the index as last known, if any
 * @param format by what rule new messages are called; that of the index when it is not said
 * @throws errors of the system
 */
export async function refreshIndex(
  file: FileHandle,
  last: MailboxIndex | undefined,
  format: UidFormat = formatOf(last),
): Promise<Refreshed> {
  const before = formatOf(last) === format ? last : undefined;
  const identity = await identityOf(file);
  if (before !== undefined && before.outdated !== true && isSameFile(before.identity, identity)) {
    const { size } = before.identity;
    if (isUntouched(before.identity, identity) && (await isIntact(file, before))) {
      return { index: before, how: "kept", unchanged: before.messages.count };
    }
    const grown = identity.size > size && before.messages.count > 0;
    if (grown && (await isIntact(file, before))) {
      const index = await grow(file, before, identity);
      if (index !== undefined) return { index, how: "grown", unchanged: before.messages.count - 1 };
    }
  }
  const found = await scan(file, 0, identity.size, format);
  const naming: Naming = { format, uidValidity: found.others.get(0)?.uidValidity ?? 0 };
  const builder = new MessageTableBuilder();
  await nameAll(builder, found, { naming, previous: await knownNames(file, before, { identity, found }) });
  const messages = builder.build();
  const sum = await fingerprint(file, identity.size, messages);
  return { index: { identity, fingerprint: sum, messages, naming }, how: "scanned", unchanged: 0 };
}

/** Under which ids the messages were known before a scan. */
async function knownNames(
  file: FileHandle,
  before: MailboxIndex | undefined,
  { identity, found }: { readonly identity: FileIdentity; readonly found: FoundMessages },
): Promise<KnownNames> {
  if (before === undefined) return MessageTable.EMPTY;
  const trusted =
    before.outdated === true &&
    isSameFile(before.identity, identity) &&
    identity.size >= before.identity.size &&
    (await isIntact(file, before));
  return trusted ? namesByPlace(before.messages, found) : before.messages;
}

/** The index of a file that grew; undefined when what is behind the old end changes what was before it. */
async function grow(
  file: FileHandle,
  before: MailboxIndex,
  identity: MailboxIndex["identity"],
): Promise<MailboxIndex | undefined> {
  const { messages: old, naming = { format: "default", uidValidity: 0 } } = before;
  const last = old.last!;
  const found = await scan(file, last.start, identity.size, naming.format);
  if (found.count === 0 || found.start[0] !== last.start) return undefined;
  const builder = new MessageTableBuilder();
  builder.copy(old, 0, old.count - 1);
  await nameAll(builder, found, { naming, previous: MessageTable.of([last]), beside: old });
  const messages = builder.build();
  const sum = await fingerprint(file, identity.size, messages);
  return { identity, fingerprint: sum, messages, naming };
}

/** Whether the part of the file that the index knows still looks as it did. */
export async function isIntact(file: FileHandle, index: MailboxIndex): Promise<boolean> {
  const { identity, messages } = index;
  return (await fingerprint(file, identity.size, messages)).equals(index.fingerprint);
}

/** Whether a scan of that part finds each message that the index knows, in its place. Reads all of it. */
export async function isUnchanged(file: FileHandle, { identity, messages }: MailboxIndex): Promise<boolean> {
  let number = 0;
  for await (const spans of scanMbox(file, 0, identity.size)) {
    for (const { start, end, octets, digest } of spans) {
      const known = messages.at(number++);
      if (known?.start !== start || known.end !== end || known.octets !== octets) return false;
      if (known.digest !== digest) return false;
    }
  }
  return number === messages.count;
}

function scan(file: FileHandle, from: number, to: number, format: UidFormat): Promise<FoundMessages> {
  const tuning = { ...TUNING, oldStyleIds: format === "qpopper" };
  return scanAll({ file, from, to, atStart: true, tuning });
}

/**
 * Puts messages into a table under their ids.
 *
 * @param previous messages as they were before, of which ids are kept
 * @param beside messages of the mailbox whose ids are taken
 */
async function nameAll(
  builder: MessageTableBuilder,
  found: FoundMessages,
  names: { naming: Naming; previous: KnownNames; beside?: MessageTable },
): Promise<void> {
  const uids = await uidsOf(found, names);
  for (let i = 0; i < found.count; i++) {
    builder.addFound(found, i, uids(i));
    if (i % A_TURN === A_TURN - 1) await setImmediate();
  }
}

/** What each message is called; undefined for one that is called as its digest is. */
async function uidsOf(
  found: FoundMessages,
  {
    naming,
    previous,
    beside = MessageTable.EMPTY,
  }: { naming: Naming; previous: KnownNames; beside?: MessageTable },
): Promise<(i: number) => string | undefined> {
  const given = new Map<number, string>();
  for (const [i, other] of found.others) {
    const id = givenId(other, naming);
    if (id !== undefined) given.set(i, id);
  }
  if (given.size === 0 && beside.count === 0 && previous.isPlain) {
    const numbered = await plainUids(found);
    return (i) => numbered.get(i);
  }
  const unnamed = Array.from({ length: found.count }, (_, i) => ({
    digest: found.digestOf(i),
    given: given.get(i),
  }));
  const uids = await assignUids(unnamed, previous.names(), takenNear(unnamed, beside));
  return (i) => (uids[i] === unnamed[i]!.digest ? undefined : uids[i]);
}
