/**
 * Whether files may have changed since they were looked at, without a system call: Linux tells of changes (inotify), and what it
 * tells only says that a look is due.
 *
 * Watched are the file itself, for one that is mounted alone into a container changes without its folder, and every folder
 * whose entries decide what the path leads to: its own, and those of the symbolic links on the way. Watching begins
 * before the look, so nothing that changes later is missed. Where the system tells of nothing (a file system of another
 * machine, a folder far above that was moved) a look is due once a second all the same; where it can not watch at all (its
 * limits, another system than Linux), once in a turn of the event loop.
 */
import { type FSWatcher, watch } from "node:fs";
import { basename } from "node:path";
import type { Clock } from "../clock.ts";
import { errnoOf, messageOf } from "../errors.ts";
import type { Log } from "../log/log.ts";
import { type Spot, spotsOf } from "./path-spots.ts";
import { Turn } from "./turn.ts";

/** Files that are looked at together. */
export interface WatchedFiles {
  /** Whether they are to be looked at now. True says that they are being looked at: it is not due again until something changes. */
  isDue(): boolean;
  /** What was seen may have changed again unnoticed: the next turn of the event loop looks again. */
  lookAgain(): void;
  close(): void;
}

/** Watches files. */
export interface FileWatch {
  /** Begins to watch. Empty paths are none. A file, or its folder, need not be there. */
  over(paths: readonly string[]): WatchedFiles;
  close(): void;
}

/** For commands, which end soon: every access looks, and nothing is watched. */
export const lookAlways: FileWatch = {
  over: () => ({ isDue: () => true, lookAgain() {}, close() {} }),
  close() {},
};

/** A look is due after this in any case, ms. */
const LOOK = 1000;

/** Looks at what a path leads to before it counts as settled; one that changes faster is looked at again soon. */
const PASSES = 4;

/** Limits of the system, worth a line in the log; other failures are about one file. */
const LIMITS: ReadonlySet<string> = new Set(["ENOSPC", "EMFILE", "ENFILE", "ENOMEM"]);

/** How files are watched. */
export interface FileWatchParts {
  readonly clock: Clock;
  readonly log: Log;
  /** Node's, or a test's. */
  readonly watchPath?: (path: string) => FSWatcher;
}

/** Begins a watch, for servers. It does not keep the process alive. */
export function openFileWatch(parts: FileWatchParts): FileWatch {
  return new KernelWatch(parts);
}

let caughtUp: Promise<void> | undefined;

/**
 * Resolves when what the system had told before now has been taken in. A command that waits for it, after it came, sees what
 * was changed before it was sent: both are in the same round of events, in whatever order. Costs no system call, and
 * one timer for all who wait.
 */
export function changesTakenIn(): Promise<void> {
  caughtUp ??= new Promise((resolve) => {
    setImmediate(() => {
      caughtUp = undefined;
      resolve();
    });
  });
  return caughtUp;
}

/** One watch of the system, and who is told. */
interface Lookout {
  readonly watcher: FSWatcher;
  readonly followers: Set<Followers>;
}

/** Those who are told of what happens at a spot. */
interface Followers {
  /** Something happened; with `lost`, the watch of that spot is over. */
  told(lost?: string): void;
}

class KernelWatch implements FileWatch {
  readonly clock: Clock;
  readonly turn = new Turn();
  readonly #log: Log;
  readonly #watchPath: (path: string) => FSWatcher;
  readonly #lookouts = new Map<string, Lookout>();
  #limitTold = false;

  constructor({ clock, log, watchPath }: FileWatchParts) {
    this.clock = clock;
    this.#log = log;
    this.#watchPath = watchPath ?? ((path) => watch(path, { persistent: false }));
  }

  over(paths: readonly string[]): WatchedFiles {
    return new Watched(
      this,
      paths.filter((path) => path !== ""),
    );
  }

  close(): void {
    for (const { watcher, followers } of this.#lookouts.values()) {
      followers.clear();
      watcher.close();
    }
    this.#lookouts.clear();
  }

  /** False: it can not be watched. */
  join(spot: Spot, follower: Followers): boolean {
    const known = this.#lookouts.get(spot.key) ?? this.#begin(spot);
    known?.followers.add(follower);
    return known !== undefined;
  }

  leave(key: string, follower: Followers): void {
    const known = this.#lookouts.get(key);
    if (known === undefined) return;
    known.followers.delete(follower);
    if (known.followers.size > 0) return;
    this.#lookouts.delete(key);
    known.watcher.close();
  }

  #begin({ key, path, isFolder }: Spot): Lookout | undefined {
    // Elsewhere Node watches by other means, with an open descriptor for each file or not at all.
    if (process.platform !== "linux") return undefined;
    let watcher: FSWatcher;
    try {
      watcher = this.#watchPath(path);
    } catch (error) {
      this.#failed(path, error);
      return undefined;
    }
    const lookout: Lookout = { watcher, followers: new Set() };
    const name = basename(path);
    const happened = (isOver: boolean) => {
      const followers = [...lookout.followers];
      if (isOver && this.#lookouts.get(key) === lookout) {
        this.#lookouts.delete(key);
        watcher.close();
      }
      for (const follower of followers) follower.told(isOver ? key : undefined);
    };
    // "rename" of the watched itself: it was moved, or removed, and then the watch is dead although a new one may have its number.
    watcher.on("change", (type, of) => happened(type === "rename" && (!isFolder || String(of) === name)));
    watcher.on("error", () => happened(true));
    this.#lookouts.set(key, lookout);
    return lookout;
  }

  #failed(path: string, error: unknown): void {
    if (this.#limitTold || !LIMITS.has(errnoOf(error) ?? "")) return;
    this.#limitTold = true;
    this.#log.write(
      "warn",
      `${path} can not be watched (${messageOf(error)}): files are looked at with each command instead; see fs.inotify in inotify(7)`,
    );
  }
}

class Watched implements WatchedFiles, Followers {
  readonly #watch: KernelWatch;
  readonly #paths: readonly string[];
  readonly #joined = new Set<string>();
  #isTold = true;
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** False: something of it can not be watched. */
  #isWatched = false;
  #eachTurn = false;
  #turn = -1;

  constructor(kernel: KernelWatch, paths: readonly string[]) {
    this.#watch = kernel;
    this.#paths = paths;
  }

  isDue(): boolean {
    const now = this.#watch.clock.now();
    const asked = this.#isTold || Math.abs(now - this.#lookedAt) >= LOOK;
    if (!asked && (!this.#eachTurn || this.#watch.turn.number === this.#turn)) return false;
    if (asked) {
      this.#isTold = false;
      this.#lookedAt = now;
      this.#arrange();
    }
    this.#eachTurn = !this.#isWatched;
    if (this.#eachTurn) this.#turn = this.#watch.turn.number;
    return true;
  }

  lookAgain(): void {
    this.#eachTurn = true;
    this.#turn = this.#watch.turn.number;
  }

  told(lost?: string): void {
    this.#isTold = true;
    if (lost !== undefined) this.#joined.delete(lost);
  }

  close(): void {
    for (const key of this.#joined) this.#watch.leave(key, this);
    this.#joined.clear();
  }

  /** Watches what the paths lead to now. What was watched first is looked at once more: it may have changed just before. */
  #arrange(): void {
    for (let pass = 0; pass < PASSES; pass++) {
      const spots = this.#spots();
      if (spots === undefined) {
        this.#isWatched = false;
        return;
      }
      for (const key of this.#joined) {
        if (spots.has(key)) continue;
        this.#joined.delete(key);
        this.#watch.leave(key, this);
      }
      this.#isWatched = true;
      let isSettled = true;
      for (const spot of spots.values()) {
        if (this.#joined.has(spot.key)) continue;
        if (this.#watch.join(spot, this)) {
          this.#joined.add(spot.key);
          isSettled = false;
        } else this.#isWatched = false;
      }
      if (isSettled) return;
    }
    this.#isTold = true;
  }

  #spots(): ReadonlyMap<string, Spot> | undefined {
    const all = new Map<string, Spot>();
    for (const path of this.#paths) {
      const spots = spotsOf(path);
      if (spots === undefined) return undefined;
      for (const spot of spots) all.set(spot.key, spot);
    }
    return all;
  }
}
