/**
 * Status and X-UIDL fields in the mbox (pop3.updateStatusHeaders), as Qpopper's update-status-headers leaves them.
 *
 * At QUIT a message that was retrieved gets `Status: RO` at the end of its header in place of its Status fields, another
 * that has no Status field `Status: U`; and a message whose X-UIDL field does not say its id gets one right behind its
 * `From ` line, in place of those that it has. A message whose header is over 64 KiB or has no end is left as it is.
 *
 * Everything from the first changed message on is replaced in one journalled change (common mbox/replace-tail). Ids stay,
 * because a message's digest leaves these fields out, and sizes are counted anew. These fields serve other
 * programs; when they can not be written, for want of room for one, that is logged and the session's end is none the worse.
 */
import type { FileHandle } from "node:fs/promises";
import { messageOf } from "@mailhost/common/errors";
import { readWhole } from "@mailhost/common/fs/whole-io";
import { HEADER_WINDOW } from "@mailhost/common/mbox/header-digest";
import type { LockedMailbox } from "@mailhost/common/mbox/lock";
import { replaceTail } from "@mailhost/common/mbox/replace-tail";
import type { Piece } from "@mailhost/common/mbox/replacement";
import { fingerprint } from "./fingerprint.ts";
import { type IndexedMessage, identityOf, type MailboxIndex } from "./mailbox-index.ts";
import { MessageTableBuilder } from "./message-table.ts";

/** Headers read at a time. */
const BATCH = 32;

const STATUS = /^status[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*/gim;
const X_UIDL = /^x-uidl[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*/gim;
const READ = "Status: RO";

/** What a message's fields are to say. */
export interface WantedFields {
  /** The X-UIDL field; undefined: leave what there is. */
  readonly uid?: string;
  /** Retrieved: `Status: RO`; not: `Status: U` where there is none; undefined: leave what there is. */
  readonly read?: boolean;
}

/**
 * A header with these fields in it.
 *
 * @param header lines behind the `From ` line, up to and without the empty line; each with its LF
 * @returns undefined when it says all that already
 */
export function withFields(header: string, { uid, read }: WantedFields): string | undefined {
  let text = header;
  if (uid !== undefined) {
    const found = [...header.matchAll(X_UIDL)].map(([field]) => field.slice(field.indexOf(":") + 1).trim());
    if (found.length !== 1 || found[0] !== uid) text = `X-UIDL: ${uid}\n${header.replace(X_UIDL, "")}`;
  }
  if (read !== undefined) {
    const found = [...text.matchAll(STATUS)].map(([field]) => field.slice(field.indexOf(":") + 1).trim());
    if (read && (found.length !== 1 || found[0] !== "RO")) text = `${text.replace(STATUS, "")}${READ}\n`;
    if (!read && found.length === 0) text = `${text}Status: U\n`;
  }
  return text === header ? undefined : text;
}

/** Octets of header lines as POP3 sends them. */
export function octetsOf(lines: string): number {
  let octets = lines.length;
  for (let at = lines.indexOf("\n"); at >= 0; at = lines.indexOf("\n", at + 1)) {
    if (lines[at - 1] !== "\r") octets++;
  }
  return octets;
}

/** A message's header, as {@link withFields} takes it; undefined where it is too long or has no end. */
export async function readHeader(
  file: FileHandle,
  message: Pick<IndexedMessage, "head" | "body" | "end">,
): Promise<string | undefined> {
  const { head, body, end } = message;
  if (body <= head || body - head > HEADER_WINDOW || body === end) return undefined;
  const bytes = Buffer.alloc(body - head);
  if ((await readWhole(file, bytes, head)) < bytes.length) return undefined;
  const text = bytes.toString("latin1");
  const empty = /(?:^|\n)(\r?\n)$/.exec(text)?.[1];
  return empty === undefined ? undefined : text.slice(0, -empty.length);
}

/** The fields were written: the index as it is now, and how many messages before the first that changed. */
export interface StatusWritten {
  readonly index: MailboxIndex;
  readonly first: number;
}

/**
 * Writes the fields of all messages.
 *
 * @param retrieved ids of messages that the session retrieved
 * @returns undefined when nothing had to be, or could be, written
 */
export async function writeStatusFields(
  box: LockedMailbox,
  index: MailboxIndex,
  retrieved: ReadonlySet<string>,
): Promise<StatusWritten | undefined> {
  try {
    const changes = await changesOf(box.file, index, retrieved);
    return changes.length === 0 ? undefined : await write(box, index, changes);
  } catch (error) {
    box.log.write("warn", `${box.paths.mbox}: Status fields were not written: ${messageOf(error)}`);
    return undefined;
  }
}

/** A header that is replaced. */
interface Change {
  /** Index of the message. */
  readonly number: number;
  readonly before: string;
  readonly after: string;
}

async function changesOf(
  file: FileHandle,
  { messages }: MailboxIndex,
  retrieved: ReadonlySet<string>,
): Promise<Change[]> {
  const changes: Change[] = [];
  for (let from = 0; from < messages.count; from += BATCH) {
    const some = Array.from({ length: Math.min(BATCH, messages.count - from) }, (_, i) => from + i);
    const headers = await Promise.all(some.map((i) => readHeader(file, messages.at(i)!)));
    for (const [i, before] of headers.entries()) {
      if (before === undefined) continue;
      const uid = messages.uid(from + i);
      const after = withFields(before, { uid, read: retrieved.has(uid) });
      if (after !== undefined) changes.push({ number: from + i, before, after });
    }
  }
  return notShorter(changes);
}

/** An mbox that would get shorter by it, because ids did, keeps its length by spaces behind the last field. */
function notShorter(changes: Change[]): Change[] {
  const last = changes.pop();
  if (last === undefined) return changes;
  const grown = changes.reduce((sum, { before, after }) => sum + after.length - before.length, 0);
  const short = Math.max(0, last.before.length - last.after.length - grown);
  return [...changes, { ...last, after: `${last.after.slice(0, -1)}${" ".repeat(short)}\n` }];
}

async function write(
  box: LockedMailbox,
  index: MailboxIndex,
  changes: readonly Change[],
): Promise<StatusWritten> {
  const { file } = box;
  const { identity, messages } = index;
  const first = changes[0]!.number;
  const at = messages.at(first)!.head;
  const pieces: Piece[] = [];
  const table = new MessageTableBuilder();
  table.copy(messages, 0, first);
  let moved = 0;
  for (const [i, { number, before, after }] of changes.entries()) {
    const message = messages.at(number)!;
    const next = changes[i + 1]?.number ?? messages.count;
    const end = i + 1 < changes.length ? messages.at(next)!.head : identity.size;
    pieces.push(Buffer.from(after, "latin1"));
    pieces.push({ file, start: message.head + before.length, end });
    const longer = after.length - before.length;
    table.add({
      ...message,
      start: message.start + moved,
      head: message.head + moved,
      body: message.body + moved + longer,
      end: message.end + moved + longer,
      octets: message.octets + octetsOf(after) - octetsOf(before),
      seen: /^status[ \t]*:[^\n]*r/im.test(after),
    });
    moved += longer;
    table.copy(messages, number + 1, next, moved);
  }
  await replaceTail(box, at, pieces, identity.size);
  const now = await identityOf(file);
  const built = table.build();
  const sum = await fingerprint(file, now.size, built);
  return { index: { ...index, identity: now, fingerprint: sum, messages: built }, first };
}
