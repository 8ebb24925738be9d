/**
 * Trace files (Qpopper's tracefile): what is said in sessions, for whoever has to find out what a client does.
 *
 * They show who fetches what, so they are for their owner alone, whatever they were before. Nothing that goes wrong with one
 * touches a session: lines are dropped then, and the log is told once.
 */
import {
  constants,
  createWriteStream,
  fchmodSync,
  fstatSync,
  openSync,
  type Stats,
  statSync,
  type WriteStream,
} from "node:fs";
import type { Clock } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import { escaped } from "@mailhost/common/log/line";
import type { Log } from "@mailhost/common/log/log";
import { type Site, sitePath } from "@mailhost/common/site";

/** Octets that may wait for a slow disk; what comes then is dropped. */
const WAITING = 1024 * 1024;

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;

/** One session's lines. */
export interface TraceLines {
  write(text: string): void;
  /** No more comes. */
  close(): void;
}

/** All trace files of a process. */
export interface TraceFiles {
  /**
   * The lines of one more session.
   *
   * @param path as settings hold it
   * @param client shown in each line
   */
  open(path: string, client: string): TraceLines;
  /** Resolves when all that was written is in the files. */
  close(): Promise<void>;
}

interface OpenFile {
  readonly stream: WriteStream;
  readonly at: Stats;
  sessions: number;
  dropped: number;
}

/** Opens the trace files of a site, each when the first session needs it. */
export function openTraceFiles(
  site: Site,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): TraceFiles {
  const files = new Map<string, OpenFile>();
  const ends = new Set<Promise<void>>();
  const told = new Set<string>();
  let sessions = 0;

  const complain = (path: string, error: unknown) => {
    if (told.has(path)) return;
    told.add(path);
    log.write("warn", `tracefile ${path}: ${messageOf(error)}; sessions go on without`);
  };
  const leave = (path: string, file: OpenFile) => {
    if (--file.sessions > 0) return;
    if (files.get(path) === file) files.delete(path);
    const end = new Promise<void>((resolve) => {
      file.stream.once("close", resolve);
      file.stream.end();
    });
    ends.add(end);
    void end.then(() => ends.delete(end));
  };
  const enter = (path: string): OpenFile | undefined => {
    const open = files.get(path);
    if (open !== undefined && isStillAt(path, open.at)) {
      open.sessions++;
      return open;
    }
    try {
      const file = openFile(path, (error) => complain(path, error));
      files.set(path, file);
      return file;
    } catch (error) {
      complain(path, error);
      return undefined;
    }
  };

  return {
    open(given, client) {
      const path = sitePath(site, given);
      const id = `${process.pid}-${++sessions}`;
      let file = enter(path);
      return {
        write(text) {
          if (file === undefined || file.stream.destroyed) return;
          if (file.stream.writableLength > WAITING) {
            file.dropped++;
            return;
          }
          const time = new Date(clock.now()).toISOString();
          if (file.dropped > 0) file.stream.write(`${time} (${file.dropped} lines could not be written)\n`);
          file.dropped = 0;
          file.stream.write(`${time} ${id} ${client} ${escaped(text)}\n`);
        },
        close() {
          if (file !== undefined) leave(path, file);
          file = undefined;
        },
      };
    },
    async close() {
      for (const [path, file] of [...files]) {
        file.sessions = 1;
        leave(path, file);
      }
      await Promise.all(ends);
    },
  };
}

function openFile(path: string, onError: (error: Error) => void): OpenFile {
  const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  const at = fstatSync(fd);
  const stream = createWriteStream(path, { fd });
  stream.on("error", onError);
  if (!at.isFile()) throw ended(stream, "not a plain file");
  if (at.nlink > 1) throw ended(stream, "the file has another name elsewhere");
  // Whoever has put it there, in /tmp for instance, would read what is in it, whatever its mode.
  if (at.uid !== 0 && at.uid !== process.geteuid?.())
    throw ended(stream, `the file belongs to user id ${at.uid}; remove it`);
  // Whoever made it readable for others did not know what would be in it.
  try {
    if ((at.mode & 0o077) !== 0) fchmodSync(fd, 0o600);
  } catch (error) {
    throw ended(stream, `others may read it, and its mode can not be changed: ${messageOf(error)}`);
  }
  return { stream, at, sessions: 1, dropped: 0 };
}

function ended(stream: WriteStream, reason: string): Error {
  stream.destroy();
  return new Error(reason);
}

/** False once logrotate has moved the file away. */
function isStillAt(path: string, { ino, dev }: Stats): boolean {
  try {
    const there = statSync(path);
    return there.ino === ino && there.dev === dev;
  } catch {
    return false;
  }
}
