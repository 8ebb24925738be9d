/**
 * Whether the text beside a compiled table says something else than the table was made from.
 *
 * Size and time are compared first; the digest decides where they leave a doubt. A large text is digested beside the
 * event loop, and the answer comes a little later.
 */
import { createHash } from "node:crypto";
import { createReadStream, readFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { sha256 } from "./compile.ts";
import type { FileMark } from "./file-mark.ts";
import type { SourceMark } from "./table-file.ts";

/** A text up to this size is digested at once, octets. */
const AT_ONCE = 1 << 20;
/** A file's time is that of the kernel's last tick, so far behind the clock (ms) at most. */
const TICK = 10;

/**
 * Compares a text with what a table was made from.
 *
 * @param later told the answer when it is not known at once
 * @returns the answer, or undefined when `later` will be told. An unreadable text is not newer: the table does not need it
 */
export function isNewerText(
  file: string,
  mark: FileMark,
  source: SourceMark,
  later: (newer: boolean) => void,
): boolean | undefined {
  if (mark.changedAt < source.readAt - TICK) return false;
  if (source.size !== undefined && source.size !== mark.size) return true;
  if (mark.size <= AT_ONCE) {
    try {
      return sha256(readFileSync(file)) !== source.digest;
    } catch {
      return false;
    }
  }
  const hash = createHash("sha256");
  pipeline(createReadStream(file), hash).then(
    () => later(hash.digest("hex") !== source.digest),
    () => later(false),
  );
  return undefined;
}
