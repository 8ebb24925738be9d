/**
 * A bulletin as a message for a mailbox. The file begins with a `From ` line; behind it come header and text.
 *
 * What Qpopper does to it: `To:` is the reader's address, and an X-UIDL field that is the bulletin's own takes the place of
 * any other, as of Status. The id is `TIME.NNN`, the time of the file's last change and the bulletin's number: everybody's
 * copy has it, and it can be told from the mailbox alone whether the bulletin is there.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf } from "@mailhost/common/errors";
import { readWhole } from "@mailhost/common/fs/whole-io";
import type { MboxMessage } from "@mailhost/common/mbox/append";
import { endsInDate, LONGEST_FROM_LINE } from "@mailhost/common/mbox/from-line";

/** A bulletin's file, open. */
export interface Bulletin {
  /** Unique id, `TIME.NNN`. */
  readonly uid: string;
  /** The message for a reader. It can be read as long as the file is open. */
  message(reader: string): MboxMessage;
  close(): Promise<void>;
}

/** A file that is no bulletin, and why; for the log. */
export interface BadBulletin {
  readonly fault: string;
}

/** Octets of the largest bulletin: everybody gets a copy. */
export const LARGEST_BULLETIN = 16 * 1024 * 1024;
/** Octets in which the header must end. */
const HEADER = 64 * 1024;
const CHUNK = 64 * 1024;

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Opens a bulletin.
 *
 * @param number the one in its name
 * @throws errors of the system for which nobody can mend the file: too many files are open, say
 */
export async function openBulletin(path: string, number: number): Promise<Bulletin | BadBulletin> {
  let file: FileHandle;
  try {
    file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    const fault = OPEN_FAULTS[errnoOf(error) ?? ""];
    if (fault === undefined) throw error;
    return { fault };
  }
  let bulletin: Bulletin | undefined;
  try {
    const stat = await file.stat();
    if (!stat.isFile()) return { fault: "is not a plain file" };
    if (stat.size > LARGEST_BULLETIN) return { fault: `has more than ${LARGEST_BULLETIN} octets` };
    const parts = split(await firstOf(file, Math.min(stat.size, HEADER)), stat.size);
    if ("fault" in parts) return parts;
    const uid = `${Math.floor(stat.mtimeMs / 1000)}.${String(number).padStart(3, "0")}`;
    const { sender, header, body } = parts;
    bulletin = {
      uid,
      message: (reader) => ({
        sender,
        receivedAt: Math.floor(stat.mtimeMs),
        async *stream() {
          yield addressed(header, reader, uid);
          yield* rest(file, body, stat.size);
        },
      }),
      close: () => file.close(),
    };
    return bulletin;
  } finally {
    if (bulletin === undefined) await file.close();
  }
}

/** What is wrong with a file that can not be opened. */
const OPEN_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: "is gone",
  EACCES: "may not be read; give it mode 0644",
  EPERM: "may not be read; give it mode 0644",
  ELOOP: "is a symbolic link; put the file itself there",
  ENXIO: "is not a plain file",
  EISDIR: "is not a plain file",
  EIO: "can not be read",
};

async function firstOf(file: FileHandle, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  return bytes.subarray(0, await readWhole(file, bytes, 0));
}

/** Sender, header fields as text (a character an octet), and where the body starts, behind the empty line. */
function split(
  bytes: Buffer,
  size: number,
): { readonly sender: string; readonly header: string; readonly body: number } | BadBulletin {
  const noFrom = { fault: 'does not begin with a "From " line that ends in a date' };
  const text = bytes.toString("latin1");
  const lineEnd = text.indexOf("\n");
  const line = text.slice(0, lineEnd);
  if (lineEnd < 0 || lineEnd > LONGEST_FROM_LINE || !line.startsWith("From ")) return noFrom;
  if (!endsInDate(bytes.subarray(0, lineEnd))) return noFrom;
  const [, sender = ""] = line.split(" ");
  const end = /\n\r?\n/.exec(text.slice(lineEnd));
  if (end === null && size > bytes.length) return { fault: `has a header of more than ${HEADER} octets` };
  const header = end === null ? text.slice(lineEnd + 1) : text.slice(lineEnd + 1, lineEnd + end.index + 1);
  const body = end === null ? size : lineEnd + end.index + end[0].length;
  return { sender: sender === "MAILER-DAEMON" ? "" : sender, header, body };
}

/** A field with its continuation lines. */
const FIELD = /[^\n]*(?:\n[ \t][^\n]*)*(?:\n|$)/g;
const DROPPED = /^(?:x-uidl|status|x-status|return-path)[ \t]*:/i;

/** The header for one reader, with the empty line behind it. */
function addressed(header: string, reader: string, uid: string): Buffer {
  const to = `To: ${reader}\n`;
  let named = false;
  let fields = "";
  for (const [field] of header.matchAll(FIELD)) {
    if (field === "" || DROPPED.test(field)) continue;
    if (!/^to[ \t]*:/i.test(field)) {
      fields += field.endsWith("\n") ? field : `${field}\n`;
    } else if (!named) {
      named = true;
      fields += to;
    }
  }
  return Buffer.from(`X-UIDL: ${uid}\n${fields}${named ? "" : to}\n`, "latin1");
}

async function* rest(file: FileHandle, from: number, size: number): AsyncGenerator<Buffer> {
  const chunk = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK, size - from)));
  for (let at = from; at < size; ) {
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, size - at), at);
    if (bytesRead === 0) throw new Error("the bulletin became shorter while it was read");
    yield chunk.subarray(0, bytesRead);
    at += bytesRead;
  }
}
