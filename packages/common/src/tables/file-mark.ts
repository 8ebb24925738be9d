/**
 * Whether a file has changed, told by one stat.
 */
import { statSync } from "node:fs";
import { errnoOf } from "../errors.ts";

/** What tells one state of a file from another. */
export interface FileMark {
  readonly signature: string;
  /** Its time of modification, ms since 1970. */
  readonly changedAt: number;
  /** Octets. */
  readonly size: number;
}

/** The mark of a file that is not there. */
export const ABSENT: FileMark = { signature: "-", changedAt: Number.NEGATIVE_INFINITY, size: 0 };

/** The state of a file now; the path "" is none. */
export function fileMark(path: string): FileMark {
  if (path === "") return ABSENT;
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    if (found === undefined) return ABSENT;
    return {
      signature: `${found.dev}.${found.ino}.${found.size}.${found.mtimeMs}.${found.ctimeMs}`,
      changedAt: found.mtimeMs,
      size: found.size,
    };
  } catch (error) {
    // Reading it will fail the same way and say so.
    return { ...ABSENT, signature: errnoOf(error) ?? "unknown" };
  }
}
