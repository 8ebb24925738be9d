/**
 * Opens a file of the drop folder as what it is: input from whoever. What is not exactly a drop file is refused with the
 * reason, and nothing that it might be (a pipe, a link, a huge file) can hold the daemon up.
 */
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { errnoOf } from "@mailhost/common/errors";
import { DROP_MARK } from "./drop-file.ts";
import { REQUEST_LIMIT, readRequest, type SubmissionRequest } from "./submission-request.ts";

/** A drop file, opened. */
export interface OpenDrop {
  readonly request: SubmissionRequest;
  /** Its owner: who submits. The system says so, not the file. */
  readonly uid: number;
  /** The message, as it stands in the file. */
  content(): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** What was found under a name. */
export type DropRead =
  | { readonly kind: "drop"; readonly drop: OpenDrop }
  | { readonly kind: "bad"; readonly reason: string }
  | { readonly kind: "absent" };

const CHUNK = 64 * 1024;

/**
 * Opens a drop file.
 *
 * @param maxSize largest message, octets
 * @throws errors of the file system that are nobody's fault
 */
export async function openDropFile(path: string, maxSize: number): Promise<DropRead> {
  let handle: FileHandle;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT") return { kind: "absent" };
    if (code === "ELOOP") return bad("a symbolic link");
    if (code === "ENXIO") return bad("no regular file");
    if (code === "EACCES") return bad("not readable for the daemon's group");
    throw error;
  }
  try {
    const read = await readHead(handle, maxSize);
    if (read.kind !== "drop") await handle.close();
    return read;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function bad(reason: string): DropRead {
  return { kind: "bad", reason };
}

async function readHead(handle: FileHandle, maxSize: number): Promise<DropRead> {
  const stat = await handle.stat();
  if (!stat.isFile()) return bad("no regular file");
  if (stat.nlink !== 1)
    return bad(`it has ${stat.nlink} names, so that its owner may not be who put it here`);
  // Line ends may take up one octet more each in the file than they count.
  if (stat.size > REQUEST_LIMIT + 2 * maxSize)
    return bad(`${stat.size} octets are more than a message may have`);
  let head = Buffer.alloc(0);
  let end = -1;
  while (end < 0 && head.length <= REQUEST_LIMIT) {
    const piece = Buffer.allocUnsafe(CHUNK);
    const { bytesRead } = await handle.read(piece, 0, CHUNK, head.length);
    if (bytesRead === 0) break;
    head = Buffer.concat([head, piece.subarray(0, bytesRead)]);
    end = head.indexOf("\n", DROP_MARK.length);
  }
  if (head.toString("latin1", 0, DROP_MARK.length) !== DROP_MARK)
    return bad("it does not begin as a drop file");
  if (end < 0) return bad("its request has no end");
  const request = readRequest(head.toString("utf8", DROP_MARK.length, end));
  if (request === undefined) return bad("its request cannot be read");
  const start = end + 1;
  return {
    kind: "drop",
    drop: {
      request,
      uid: stat.uid,
      content: () => contentOf(handle, start, stat.size),
      close: () => handle.close(),
    },
  };
}

/** No more than the file had when it was looked at: its owner may still write to it. */
async function* contentOf(handle: FileHandle, start: number, size: number): AsyncGenerator<Buffer> {
  for (let at = start; at < size; ) {
    const piece = Buffer.allocUnsafe(Math.min(CHUNK, size - at));
    const { bytesRead } = await handle.read(piece, 0, piece.length, at);
    // Half a message is none: it is read again later, as it is then.
    if (bytesRead === 0) throw new Error("the file became shorter while it was read");
    at += bytesRead;
    yield piece.subarray(0, bytesRead);
  }
}
