/**
 * Takes messages over from a folder: pairs that `mailhost queue export` wrote (`ID.eml`, `ID.json`), and Sendmail's queue files
 * (`qfID` or `hfID` with `dfID`, in one folder or in its `qf` and `df` folders).
 *
 * A message is in the queue, on the disk, before its files are marked as taken over: they are renamed to `imported-NAME`, which
 * neither Sendmail nor another import looks at. The commit that queues it notes its control file until that is done. Cut short
 * at any moment, an import is simply run again: a message that is in the queue already, or was and has been delivered
 * meanwhile, is only marked. What cannot be read stays as it is and is named.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, open, readdir, readFile, rename } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { readEnvelope } from "./envelope-file.ts";
import { entryFromQf, type ImportParts } from "./qf-entry.ts";
import { messageFromDf } from "./qf-message.ts";
import type { QueueEntry } from "./queue-entry.ts";
import { isQueueId } from "./queue-id.ts";
import type { QueueStore } from "./queue-store.ts";
import { readQf } from "./sendmail-qf.ts";

/** What became of the folder's messages. */
export interface Imported {
  readonly ids: readonly string[];
  /** In the queue already. */
  readonly known: readonly string[];
  readonly faults: readonly { readonly file: string; readonly reason: string }[];
}

/** A message's files, found by its control file. */
interface Found {
  readonly id: string;
  readonly control: string;
  readonly data: string;
  readonly kind: "pair" | "sendmail";
}

/** As much of a queue as an import needs. */
export type ImportStore = Pick<QueueStore, "restore" | "queuedDrop" | "queuedDrops" | "forgetDrop">;

/** In front of the name of a file that was taken over. */
const DONE = "imported-";

/**
 * Imports everything that can be read.
 *
 * @throws errors of the file system when the folder cannot be read, QueueError when the queue cannot be written
 */
export async function importQueue(store: ImportStore, folder: string, parts: ImportParts): Promise<Imported> {
  const result = {
    ids: [] as string[],
    known: [] as string[],
    faults: [] as { file: string; reason: string }[],
  };
  for (const found of await messagesIn(folder)) {
    const taken = await take(store, found, parts);
    if ("fault" in taken) {
      result.faults.push({ file: found.control, reason: taken.fault });
      continue;
    }
    (taken.isNew ? result.ids : result.known).push(taken.id);
    const fault = await markDone(found);
    if (fault !== undefined) result.faults.push({ file: found.control, reason: fault });
  }
  await forgetMarked(store);
  return result;
}

/** In front of a note's path. */
const NOTE = "import ";
/** The longest path that is noted as it is (octets): keys of the table have a limit. */
const LONGEST_NOTE = 1000;

/** Under which name the commit notes that a control file is done with. */
function noteOf({ control }: Found): string {
  const path = resolve(control);
  if (Buffer.byteLength(path) <= LONGEST_NOTE) return NOTE + path;
  return `${NOTE}${createHash("sha256").update(path).digest("hex")}`;
}

/** Forgets the notes of files that are marked, also of an earlier import, once the marks are on the disk. */
async function forgetMarked(store: ImportStore): Promise<void> {
  const marked: string[] = [];
  for (const note of store.queuedDrops()) {
    if (note.startsWith(`${NOTE}/`) && !(await exists(note.slice(NOTE.length)))) marked.push(note);
  }
  for (const folder of new Set(marked.map((note) => dirname(note.slice(NOTE.length))))) {
    if (await exists(folder)) await syncFolder(folder);
  }
  await Promise.all(marked.map((note) => store.forgetDrop(note)));
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || errnoOf(error) === "ENOTDIR") return false;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Control files in the order of their names, which is the order of arrival. */
async function messagesIn(folder: string): Promise<Found[]> {
  const found: Found[] = [];
  const names = await readdir(folder);
  for (const name of names) {
    const pair = /^([0-9A-Za-z]{1,32})\.json$/.exec(name)?.[1];
    if (pair !== undefined) {
      found.push({ id: pair, control: join(folder, name), data: join(folder, `${pair}.eml`), kind: "pair" });
    }
    const id = controlId(name);
    if (id !== undefined) found.push(sendmailFiles(id, folder, folder, name));
  }
  if (names.includes("qf")) {
    const data = names.includes("df") ? join(folder, "df") : folder;
    for (const name of await readdir(join(folder, "qf"))) {
      const id = controlId(name);
      if (id !== undefined) found.push(sendmailFiles(id, join(folder, "qf"), data, name));
    }
  }
  return found.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}

/** `qf` waits, `hf` is in quarantine; Sendmail's ids have 12 to 16 characters. */
function controlId(name: string): string | undefined {
  return /^[qh]f([0-9A-Za-z]{8,16})$/.exec(name)?.[1];
}

function sendmailFiles(id: string, control: string, data: string, name: string): Found {
  return { id, control: join(control, name), data: join(data, `df${id}`), kind: "sendmail" };
}

type Taken = { readonly id: string; readonly isNew: boolean } | { readonly fault: string };

async function take(store: ImportStore, found: Found, parts: ImportParts): Promise<Taken> {
  try {
    await access(found.data);
  } catch (error) {
    return { fault: errnoOf(error) === "ENOENT" ? `${found.data} is missing` : messageOf(error) };
  }
  const read = found.kind === "pair" ? await readPair(found) : await readSendmail(found, parts);
  if ("fault" in read) return read;
  const { id } = read.entry;
  const note = noteOf(found);
  if (store.queuedDrop(note) !== undefined) return { id, isNew: false };
  try {
    return { id, isNew: await store.restore(read.entry, readable(read.body(), found.data), note) };
  } catch (error) {
    if (error instanceof UnreadableMessage) return { fault: error.message };
    throw error;
  }
}

/** The fault is the message's, not the queue's: the rest goes on. */
class UnreadableMessage extends Error {}

async function* readable(body: AsyncIterable<Buffer>, path: string): AsyncGenerator<Buffer> {
  try {
    yield* body;
  } catch (error) {
    throw new UnreadableMessage(`${path} cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

type Read = { readonly entry: QueueEntry; body(): AsyncIterable<Buffer> } | { readonly fault: string };

async function readPair({ id, control, data }: Found): Promise<Read> {
  try {
    const entry = readEnvelope(await readFile(control, "utf8"));
    if (entry.id !== id || !isQueueId(id)) return { fault: `the id in it is not that of its name` };
    return { entry, body: () => createReadStream(data) };
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

async function readSendmail({ id, control, data }: Found, parts: ImportParts): Promise<Read> {
  let bytes: Buffer;
  try {
    bytes = await readFile(control);
  } catch (error) {
    return { fault: messageOf(error) };
  }
  const read = readQf(bytes);
  if (!read.ok) return { fault: read.reason };
  if (read.message.recipients.length === 0)
    return { fault: "it has no recipients left: nothing is to be delivered" };
  let entry: QueueEntry;
  try {
    entry = await entryFromQf(idFor(id), read.message, parts);
  } catch (error) {
    return { fault: `its recipients cannot be found now: ${messageOf(error)}` };
  }
  return { entry, body: () => messageFromDf(read.message.header, createReadStream(data)) };
}

/**
 * The id here: Sendmail's own where it has our form. Older ones are brought into it, always in the same way, so that a second
 * import knows the message.
 */
function idFor(id: string): string {
  if (isQueueId(id)) return id;
  const digits = /\d{1,6}$/.exec(id)?.[0] ?? "";
  const head = id
    .slice(0, id.length - digits.length)
    .padEnd(8, "0")
    .slice(0, 8);
  return `${head.replace(/[y-z]/g, "x")}${digits.padStart(6, "0")}`;
}

/** Marks the files; the control file first, since Sendmail looks for that. */
async function markDone({ control, data }: Found): Promise<string | undefined> {
  try {
    for (const path of [control, data]) {
      const at = path.lastIndexOf("/") + 1;
      await rename(path, `${path.slice(0, at)}${DONE}${path.slice(at)}`);
    }
    return undefined;
  } catch (error) {
    return `it is in the queue now, but its files cannot be renamed (remove them, or Sendmail sends it too): ${messageOf(error)}`;
  }
}
