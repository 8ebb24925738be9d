/**
 * What goes wrong when the queue is written. Every such error is temporary for the client: it keeps its message.
 */
import { statfs } from "node:fs/promises";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { commitCause } from "@mailhost/common/lmdb/commit";

/** The queue could not store a change. `code` is the system's error code where one is known: `ENOSPC`, `EIO`. */
export class QueueError extends Error {
  override readonly name = "QueueError";
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Below this much free space (octets) a failed commit is put down to the full disk. */
const NEARLY_FULL = 4 * 1024 * 1024;

/**
 * Awaits a commit of the environment; when it resolves, the change is on stable storage.
 *
 * LMDB says `Input/output error` where a write came out short, so a full file system is recognised by looking.
 *
 * @throws QueueError
 */
export async function committed<T>(commit: Promise<T>, dir: string): Promise<T> {
  try {
    return await commit;
  } catch (error) {
    const cause = await commitCause(error);
    const space = await statfs(dir).catch(() => undefined);
    const full = space !== undefined && space.bavail * space.bsize < NEARLY_FULL;
    const code = full ? "ENOSPC" : (errnoOf(cause) ?? "EIO");
    throw new QueueError(
      full ? `${dir}: no space left on device` : `${dir}: the queue cannot be written: ${messageOf(cause)}`,
      code,
      { cause },
    );
  }
}
