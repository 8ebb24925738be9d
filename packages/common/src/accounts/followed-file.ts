/**
 * A file that is looked at by stat whenever it may have changed, and read again when it has: another process's change is seen
 * at once, and an unchanged file costs a server no system call.
 */
import { statSync } from "node:fs";
import { ConfigError, errnoOf, messageOf } from "../errors.ts";
import { type FileWatch, lookAlways } from "../fs/file-watch.ts";

/** A file's content, read again when the file has changed. */
export interface Followed<T> {
  current(): T;
  /** What was wrong with it when it was read last. */
  faults(): readonly ConfigError[];
  close(): void;
}

/** How a file is followed. */
export interface Following {
  /** Told of each fault once, as it comes up. */
  readonly onFault: (fault: ConfigError) => void;
  /** Says when the file may have changed; absent: every access looks. */
  readonly watch?: FileWatch;
}

/** What a file is to whoever follows it. */
export interface FollowedFile<T> extends Following {
  /** What a file that is not there stands for. */
  readonly empty: T;
  /** Reads it; a ConfigError that it throws is a fault too. */
  readonly read: () => { value: T; faults: readonly ConfigError[] };
}

/** Follows a file. When it can not be read, what was read last stays in force, and the reason is a fault. */
export function followFile<T>(
  file: string,
  { empty, onFault, watch = lookAlways, read }: FollowedFile<T>,
): Followed<T> {
  const watched = watch.over([file]);
  let seen = "";
  let settled = false;
  let value = empty;
  let faults: readonly ConfigError[] = [];
  const refresh = () => {
    if (!watched.isDue()) return;
    const mark = markOf(file);
    if (mark.signature === seen && settled) return;
    seen = mark.signature;
    // A file changed this instant may change again within the same tick of the file system's clock.
    settled = Math.abs(Date.now() - mark.changedAt) >= 50;
    if (!settled) watched.lookAgain();
    const known = new Set(faults.map((f) => f.message));
    try {
      ({ value, faults } = mark.absent ? { value: empty, faults: [] } : read());
    } catch (error) {
      faults = [
        error instanceof ConfigError
          ? error
          : new ConfigError(file, 0, `cannot be read: ${messageOf(error)}`),
      ];
    }
    for (const fault of faults) if (!known.has(fault.message)) onFault(fault);
  };
  return {
    current() {
      refresh();
      return value;
    },
    faults: () => faults,
    close: () => watched.close(),
  };
}

function markOf(file: string): { signature: string; changedAt: number; absent: boolean } {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found === undefined) return { signature: "-", changedAt: 0, absent: true };
    const { ino, size, mode, mtimeMs, ctimeMs } = found;
    return { signature: [ino, size, mode, mtimeMs, ctimeMs].join("."), changedAt: ctimeMs, absent: false };
  } catch (error) {
    return { signature: errnoOf(error) ?? "unknown", changedAt: 0, absent: false };
  }
}
