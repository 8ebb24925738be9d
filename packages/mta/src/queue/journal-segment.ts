/**
 * One file of the acceptance journal. It is written through a descriptor with O_DSYNC: a write that has returned is on stable
 * storage. The file is made longer in steps, with zeros behind what is written, so that most writes, and all once it is used
 * anew, change nothing but the file's data, which spares the file system a write of its own.
 */
import nodeFs from "node:fs";
import { join } from "node:path";
import { errnoOf } from "@mailhost/common/errors";

/** The calls that the journal makes; tests pass one whose calls fail. */
export type JournalFileSystem = Pick<
  typeof nodeFs,
  | "openSync"
  | "closeSync"
  | "writev"
  | "writevSync"
  | "readSync"
  | "fsync"
  | "readdirSync"
  | "readFileSync"
  | "unlinkSync"
>;

/** Octets of a segment. Small: space is used anew as soon as its messages are done with. */
export const SEGMENT_SIZE = 2 * 1024 * 1024;
/** By how much a file is made longer. */
const STEP = 256 * 1024;

const ZEROS = Buffer.alloc(STEP);

/** A segment that is being written, or waits for its messages to be done with. */
export interface Segment {
  readonly path: string;
  /** -1 once it is closed. */
  fd: number;
  /** The same number is used again once the segment is. */
  readonly number: number;
  generation: number;
  /** Frames in it. */
  frames: number;
  /** Where the next frame goes. */
  end: number;
  /** Octets of the file that have been written at any time. */
  allocated: number;
  /** Messages in it that are not done with. */
  live: number;
}

/** The name of a segment's file. */
export function segmentPath(dir: string, number: number): string {
  return join(dir, `${number}.seg`);
}

/** True for such a name. */
export function isSegmentName(name: string): boolean {
  return /^\d{1,9}\.seg$/.test(name);
}

/** Makes a segment. It is to be found after a crash once its folder is synced. */
export function createSegment(dir: string, number: number, fs: JournalFileSystem): Segment {
  const path = segmentPath(dir, number);
  const { O_RDWR, O_CREAT, O_EXCL, O_DSYNC } = nodeFs.constants;
  const fd = fs.openSync(path, O_RDWR | O_CREAT | O_EXCL | O_DSYNC, 0o600);
  return { path, fd, number, generation: 0, frames: 0, end: 0, allocated: 0, live: 0 };
}

/** What is to be written at the end of a segment for a frame: with zeros behind it when the file gets longer. */
export function withRoom(segment: Segment, pieces: readonly Buffer[], length: number): readonly Buffer[] {
  const end = segment.end + length;
  if (end <= segment.allocated) return pieces;
  const room = Math.min(Math.ceil(end / STEP) * STEP, SEGMENT_SIZE) - end;
  return room === 0 ? pieces : [...pieces, ZEROS.subarray(0, room)];
}

/**
 * Writes pieces whole, while the caller waits.
 *
 * @throws with the system's code
 */
export function writeNow(fd: number, pieces: readonly Buffer[], at: number, fs: JournalFileSystem): void {
  let left = pieces;
  let place = at;
  while (left.length > 0) {
    const written = fs.writevSync(fd, left, place);
    left = rest(left, written);
    place += written;
  }
}

/** As {@link writeNow}, while other things go on. */
export function writeLater(
  fd: number,
  pieces: readonly Buffer[],
  at: number,
  fs: JournalFileSystem,
  done: (error: Error | null) => void,
): void {
  fs.writev(fd, pieces, at, (error, written) => {
    if (error !== null && error !== undefined) return done(error);
    try {
      const left = rest(pieces, written);
      if (left.length === 0) done(null);
      else writeLater(fd, left, at + written, fs, done);
    } catch (fault) {
      done(fault as Error);
    }
  });
}

/**
 * What is left of pieces after so many octets: a short write is no error to the system, the next one says what is wrong.
 *
 * @throws when nothing was written
 */
function rest(pieces: readonly Buffer[], octets: number): readonly Buffer[] {
  if (octets === 0) throw new Error("nothing was written");
  let done = octets;
  for (const [i, piece] of pieces.entries()) {
    if (done < piece.length) return [piece.subarray(done), ...pieces.slice(i + 1)];
    done -= piece.length;
  }
  return [];
}

/**
 * Reads octets of a file to a place in memory.
 *
 * @param into as long as what is read
 * @throws when there are fewer
 */
export function readWhole(
  fd: number,
  path: string,
  at: number,
  into: Buffer,
  fs: Pick<JournalFileSystem, "readSync">,
): void {
  for (let done = 0; done < into.length; ) {
    const read = fs.readSync(fd, into, done, into.length - done, at + done);
    if (read === 0) throw new Error(`${path}: ends at ${at + done}, before ${at + into.length}`);
    done += read;
  }
}

/**
 * Closes the files, removes them and makes sure that they stay away. May be called again for the same ones.
 *
 * @throws when one cannot be removed
 */
export async function removeSegments(
  dir: string,
  segments: readonly Pick<Segment, "path" | "fd">[],
  fs: JournalFileSystem,
): Promise<void> {
  for (const segment of segments) {
    const { fd } = segment;
    segment.fd = -1;
    if (fd >= 0) fs.closeSync(fd);
  }
  for (const { path } of segments) removeFile(path, fs);
  if (segments.length > 0) await syncFolder(dir, fs);
}

/** One that is not there is removed. */
export function removeFile(path: string, fs: Pick<JournalFileSystem, "unlinkSync">): void {
  try {
    fs.unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(dir: string, fs: JournalFileSystem): Promise<void> {
  const fd = fs.openSync(dir, "r");
  try {
    await new Promise<void>((resolve, reject) => {
      fs.fsync(fd, (error) => (error === null || error === undefined ? resolve() : reject(error)));
    });
  } finally {
    fs.closeSync(fd);
  }
}
