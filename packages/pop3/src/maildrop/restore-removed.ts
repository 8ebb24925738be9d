/**
 * Brings back what QUIT removed (removed-messages.ts): messages are put behind the mailbox, under its locks, in one journalled
 * change, each under the id that clients know.
 *
 * A message that is in the mailbox, id and bytes, is there already (message-twins.ts). So each comes back once, however often the
 * command is killed in the middle and given again; and a copy of which all messages are in the mailbox is removed.
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import type { Clock } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import { type FileSystem, nodeFileSystem } from "@mailhost/common/fs/file-system";
import { readWhole } from "@mailhost/common/fs/whole-io";
import type { Log } from "@mailhost/common/log/log";
import { type LockedMailbox, lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { asMboxError, MboxError } from "@mailhost/common/mbox/mbox-error";
import { replaceTail } from "@mailhost/common/mbox/replace-tail";
import type { Piece } from "@mailhost/common/mbox/replacement";
import { type MessageSpan, scanMbox } from "@mailhost/common/mbox/scan";
import { lockSession } from "@mailhost/common/mbox/session-lock";
import type { Site } from "@mailhost/common/site";
import type { IndexStore } from "./index-store.ts";
import type { MailboxIndex } from "./mailbox-index.ts";
import { HeldMessages } from "./message-twins.ts";
import { formatOf, refreshIndex } from "./refresh.ts";
import { removedFiles } from "./removed-messages.ts";
import { readHeader, withFields } from "./status-fields.ts";

/** A message that can be brought back. */
export interface RemovedMessage {
  readonly uid: string;
  /** When it was removed, ms. */
  readonly removedAt: number;
  /** Octets as POP3 sends them. */
  readonly octets: number;
  readonly from: string;
  readonly subject: string;
}

/** Which messages: all that were removed since then, and of those the ones with these ids. */
export interface Selection {
  /** ms. */
  readonly since?: number;
  readonly uids?: readonly string[];
}

/** What restoring works with. */
export interface RestoreParts {
  readonly site: Site;
  readonly store: Pick<IndexStore, "read" | "write">;
  readonly clock: Clock;
  readonly log: Log;
  /** ms. */
  readonly lockTimeout: number;
  readonly fileSystem?: FileSystem;
}

/** What came of it. */
export interface Restored {
  readonly restored: number;
  /** Messages that were in the mailbox already. */
  readonly present: number;
  /** Ids that were asked for and are nowhere. */
  readonly unknown: readonly string[];
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/** The messages that can be brought back, oldest removal first. */
export async function listRemoved(site: Site, name: string): Promise<RemovedMessage[]> {
  const found: RemovedMessage[] = [];
  for (const { path, at } of await removedFiles(site, name)) {
    const file = await nodeFileSystem.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      for (const span of await messagesOf(file)) {
        const header = (await readHeader(file, span)) ?? "";
        const field = (wanted: string) =>
          new RegExp(`^${wanted}[ \\t]*:[ \\t]*([^\\n]*)`, "im").exec(header)?.[1]?.trim() ?? "";
        found.push({
          uid: uidOf(span),
          removedAt: at,
          octets: span.octets,
          from: field("from"),
          subject: field("subject"),
        });
      }
    } finally {
      await file.close();
    }
  }
  return found;
}

/**
 * Puts messages back.
 *
 * @throws MboxError: `busy` while a session has the mailbox, or another program; others as they are met, with nothing changed
 */
export async function restoreRemoved(
  parts: RestoreParts,
  name: string,
  selection: Selection,
): Promise<Restored> {
  const { site, clock, log, lockTimeout: timeout, fileSystem = nodeFileSystem } = parts;
  const paths = mailboxPaths(site, name);
  const lock = await lockSession(paths);
  if (lock === undefined) throw new MboxError("busy", paths.mbox, "has a POP3 session; try again after it");
  try {
    const box = (await lockMailbox(paths, { timeout, clock, log, create: true, fileSystem }))!;
    try {
      return await restore(parts, box, selection);
    } catch (error) {
      throw asMboxError(paths.mbox, error);
    } finally {
      await box.release();
    }
  } finally {
    await lock.release();
  }
}

/** A file of copies, and what of it was looked at. */
interface Source {
  readonly path: string;
  readonly file: FileHandle;
  /** All its messages are in the mailbox, or will be. */
  complete: boolean;
}

async function restore(
  { site, store }: RestoreParts,
  box: LockedMailbox,
  { since = Number.NEGATIVE_INFINITY, uids }: Selection,
): Promise<Restored> {
  const { fileSystem, log } = box;
  const { name } = box.paths;
  const { index } = await refreshIndex(box.file, await store.read(name));
  const plain = formatOf(index) === "default";
  const there = new HeldMessages();
  for (const message of index.messages) there.add({ ...message, file: box.file });
  const wanted = uids === undefined ? undefined : new Set(uids);
  const unknown = new Set(uids);
  const sources: Source[] = [];
  const pieces: Piece[] = [await missingEnd(box.file, index.identity.size)];
  let [restored, present] = [0, 0];
  try {
    for (const { path, at } of await removedFiles(site, name, fileSystem)) {
      const source = {
        path,
        file: await fileSystem.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
        complete: true,
      };
      sources.push(source);
      const spans = await messagesOf(source.file);
      for (const [i, span] of spans.entries()) {
        const uid = uidOf(span);
        const asked = at >= since && (wanted === undefined || wanted.has(uid));
        if (asked) unknown.delete(uid);
        const message = { ...span, uid, file: source.file };
        if (await there.has(message)) {
          if (asked) present++;
        } else if (asked) {
          const end = spans[i + 1]?.start ?? (await source.file.stat()).size;
          const named = !there.hasUid(uid) && (!plain || there.hasDigest(span.digest));
          pieces.push(...(await piecesOf(source.file, span, end, named)));
          there.add(message);
          restored++;
        } else source.complete = false;
      }
    }
    if (restored > 0) {
      await replaceTail(box, index.identity.size, pieces, index.identity.size);
      await storeIndex(store, box, index);
    }
    for (const { path, complete } of sources) {
      if (!complete) continue;
      await fileSystem.unlink(path).catch((error: unknown) => {
        log.write("warn", `${path}: was restored and can not be removed: ${messageOf(error)}`);
      });
    }
    return { restored, present, unknown: [...unknown] };
  } finally {
    for (const { file } of sources) await file.close();
  }
}

async function storeIndex(
  store: RestoreParts["store"],
  box: LockedMailbox,
  before: MailboxIndex,
): Promise<void> {
  const { index } = await refreshIndex(box.file, before);
  await store.write(box.paths.name, index, 0);
}

/**
 * The bytes of a copied message.
 *
 * @param named only an X-UIDL field says what it is called: a message with the same digest is in the mailbox, or ids there are
 *   made by another rule
 */
async function piecesOf(
  file: FileHandle,
  span: MessageSpan,
  end: number,
  named: boolean,
): Promise<readonly Piece[]> {
  const header = named && span.uidl === undefined ? await readHeader(file, span) : undefined;
  const fields = header === undefined ? undefined : withFields(header, { uid: uidOf(span) });
  if (header === undefined || fields === undefined) return [{ file, start: span.start, end }];
  return [
    { file, start: span.start, end: span.head },
    Buffer.from(fields, "latin1"),
    { file, start: span.head + header.length, end },
  ];
}

function uidOf({ uidl, digest }: MessageSpan): string {
  return uidl ?? digest;
}

async function messagesOf(file: FileHandle): Promise<MessageSpan[]> {
  const found: MessageSpan[] = [];
  for await (const spans of scanMbox(file, 0, (await file.stat()).size)) found.push(...spans);
  return found;
}

/** What the mailbox lacks of an empty line at its end. */
async function missingEnd(file: FileHandle, size: number): Promise<Buffer> {
  const tail = Buffer.alloc(Math.min(2, size));
  await readWhole(file, tail, size - tail.length);
  const text = tail.toString("latin1");
  return Buffer.from(text === "" || text === "\n\n" ? "" : text.endsWith("\n") ? "\n" : "\n\n");
}
