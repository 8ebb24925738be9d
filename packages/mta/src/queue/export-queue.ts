/**
 * Writes the queue into a folder: each message as a plain file `ID.eml` (RFC 5322, CRLF line ends) and its envelope beside it,
 * `ID.json`. The queue is not changed.
 *
 * A message is exported once its envelope is there: both files are whole and on the disk by then, whenever it is cut short. To
 * export again replaces the files.
 */
import { mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { replaceFile } from "@mailhost/common/atomic-file";
import { messageOf } from "@mailhost/common/errors";
import { envelopeText } from "./envelope-file.ts";
import type { QueueEntry } from "./queue-entry.ts";
import type { MessageBody, QueueStore } from "./queue-store.ts";

/** What was exported, and what could not be. */
export interface Exported {
  readonly ids: readonly string[];
  readonly faults: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Exports everything that can be read.
 *
 * @throws errors of the file system when the folder cannot be written
 */
export async function exportQueue(
  store: Pick<QueueStore, "list" | "body" | "unreadable">,
  folder: string,
): Promise<Exported> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const ids: string[] = [];
  const faults: { id: string; reason: string }[] = [...store.unreadable()];
  for (const entry of store.list()) {
    const fault = await exportOne(store.body(entry), entry, folder);
    if (fault === undefined) ids.push(entry.id);
    else faults.push({ id: entry.id, reason: fault });
  }
  return { ids, faults };
}

async function exportOne(body: MessageBody, entry: QueueEntry, folder: string): Promise<string | undefined> {
  const path = join(folder, `${entry.id}.eml`);
  const temporary = `${path}.new`;
  const handle = await open(temporary, "w", 0o600);
  try {
    let fault: string | undefined;
    const pieces = body.stream()[Symbol.asyncIterator]();
    for (;;) {
      let piece: IteratorResult<Buffer>;
      try {
        piece = await pieces.next();
      } catch (error) {
        // What is wrong with one message is told, and the rest goes on; what is wrong with the folder ends it.
        fault = `the message cannot be read: ${messageOf(error)}`;
        break;
      }
      if (piece.done === true) break;
      await handle.writeFile(piece.value);
    }
    if (fault !== undefined) {
      await rm(temporary, { force: true });
      return fault;
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
  await replaceFile(join(folder, `${entry.id}.json`), envelopeText(entry), { mode: 0o600 });
  return undefined;
}
