/**
 * What can go wrong with a mailbox, in the few kinds that its users tell apart: the local mailer makes replies of
 * them, the POP3 server makes response codes.
 */
import { errnoOf, messageOf } from "../errors.ts";

/**
 * - `busy`: another program or session holds the lock; try again
 * - `no-space`, `quota`, `too-large`: the bytes do not fit (ENOSPC, EDQUOT, EFBIG)
 * - `permission`: the system or the mailbox's name forbids it
 * - `not-a-file`: the mbox is a link, a folder, a pipe, or has a second name
 * - `io`: all else
 */
export type MboxFault = "busy" | "no-space" | "quota" | "too-large" | "permission" | "not-a-file" | "io";

/** A failed operation on a mailbox. The message names the file and the cause. */
export class MboxError extends Error {
  override readonly name = "MboxError";
  readonly fault: MboxFault;
  /** The file concerned. */
  readonly path: string;

  constructor(fault: MboxFault, path: string, reason: string, options?: ErrorOptions) {
    super(`${path}: ${reason}`, options);
    this.fault = fault;
    this.path = path;
  }
}

const FAULTS: Readonly<Record<string, MboxFault>> = {
  ENOSPC: "no-space",
  EDQUOT: "quota",
  EFBIG: "too-large",
  EACCES: "permission",
  EPERM: "permission",
  EROFS: "permission",
  ELOOP: "not-a-file",
  EISDIR: "not-a-file",
  ENXIO: "not-a-file",
};

/** The {@link MboxError} for whatever was thrown while working on `path`; one that is a MboxError already stays as it is. */
export function asMboxError(path: string, error: unknown): MboxError {
  if (error instanceof MboxError) return error;
  const fault = FAULTS[errnoOf(error) ?? ""] ?? "io";
  return new MboxError(fault, path, messageOf(error), { cause: error });
}
