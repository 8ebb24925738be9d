/**
 * Keeps the opening of an LMDB environment apart from other processes' commits, and from its closing.
 *
 * Whoever opens an environment writes the number of its last transaction, which it has read a moment before and with no lock, to where
 * all processes see it (lmdb 3.5.6, `mdb_env_open2`). When another process commits in between, the next transaction begins from the
 * one before that commit: it is lost, though it was on the disk and acknowledged, and its pages are used a second time. And the last
 * process that closes an environment destroys its locks, even when another one opens it at that moment, which then fails with EINVAL.
 *
 * So who opens takes a kernel lock on the file `…-gate` beside it, alone, and commits and closings share that lock. Another byte of the
 * file is a turnstile: who waits to open holds up commits that have not begun, or a busy daemon would keep everybody out. All
 * locks go with their process. Nobody goes on without the lock: where another process keeps it for long, stopped in the middle for
 * one, the opening or the commit fails.
 */
// oxlint-disable-next-line typescript/triple-slash-reference -- whoever imports this source needs the types with it
/// <reference path="../fs/fs-native-extensions.d.ts" />
import { closeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { tryLock, unlock } from "fs-native-extensions";
import { openGateFile } from "./gate-file.ts";

/** Bytes of the file that are locked. */
const GATE = 0;
const TURNSTILE = 1;
const SHARED = { shared: true } as const;

/** Between two looks whether a lock can be had (ms). */
const LOOK = 1;
/** How long an opening waits for commits, in one piece (ms). Commits, which hold nothing up, wait longer. */
const PATIENCE = 10_000;
const PATIENCES_OF_COMMIT = 3;
/** How long is waited for LMDB to close an environment in which a commit failed or has not ended (ms). */
const UNSOUND = 300;
/** A commit that takes longer than this makes the gate ask whether the environment works at all (ms). */
const SLOW = 1000;

/** Commits of one environment that this process has open. */
export interface LmdbGate {
  /**
   * Makes a commit, at once or when nobody opens the environment any more.
   *
   * @param write asks lmdb for the change; its promise settles when the commit is over
   * @throws EAGAIN when another process has been opening the environment for too long; nothing is written then
   */
  commit<T>(write: () => Promise<T>): Promise<T>;
  /**
   * Closes the environment when no commit is under way or waits, while nobody opens it. A second call waits for the first. What LMDB has
   * given up is left to the end of the process, and so is what it takes too long to close.
   *
   * @param environment closes it
   */
  close(environment: () => Promise<void>): Promise<void>;
}

/** How an environment is gated. */
export interface GateOptions<T> {
  /** The data file by whose name the gate goes, where it is not the one that is opened: a file that others know by that name. */
  readonly gateOf?: string;
  /**
   * Reads from the environment. LMDB that has given it up (MDB_PANIC) throws, and leaves the commit that it was asked for unsettled; the gate
   * settles that one.
   */
  readonly probe?: (opened: T) => void;
  /** How long an opening waits for others (ms). */
  readonly patience?: number;
}

/** What this process has open: lmdb opens a file once, however often it is asked for it. */
const openHere = new Map<string, number>();

/**
 * Opens an environment while nobody commits.
 *
 * @param path the data file
 * @param open opens it, and makes tables that are missing
 * @throws EAGAIN when another process has been opening it, or committing, for too long
 */
export function openGated<T>(
  path: string,
  open: () => T,
  options: GateOptions<T> = {},
): { readonly opened: T; readonly gate: LmdbGate } {
  const { gateOf = path, probe, patience = PATIENCE } = options;
  const fd = openGateFile(gateOf);
  const isFirst = !openHere.has(path);
  openHere.set(path, (openHere.get(path) ?? 0) + 1);
  try {
    const opened = isFirst && fd !== undefined ? whileNobodyCommits(fd, open, { gateOf, patience }) : open();
    const ask = probe === undefined ? undefined : () => probe(opened);
    return { opened, gate: new Gate({ path, gateOf, patience, ask }, fd) };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    isClosedHere(path);
    throw error;
  }
}

/**
 * Does something to the data file, such as to put it aside, while nobody opens it or commits.
 *
 * @throws EAGAIN as {@link openGated}
 */
export function whileNobodyHasIt<T>(path: string, act: () => T): T {
  const fd = openGateFile(path);
  if (fd === undefined) return act();
  try {
    return whileNobodyCommits(fd, act, { gateOf: path, patience: PATIENCE });
  } finally {
    closeSync(fd);
  }
}

function isClosedHere(path: string): void {
  const left = (openHere.get(path) ?? 1) - 1;
  if (left === 0) openHere.delete(path);
  else openHere.set(path, left);
}

function whileNobodyCommits<T>(
  fd: number,
  open: () => T,
  { gateOf, patience }: { readonly gateOf: string; readonly patience: number },
): T {
  const until = performance.now() + patience;
  for (const byte of [TURNSTILE, GATE]) {
    if (!comesTrue(() => tryLock(fd, byte, 1), until)) throw inUse(gateOf, patience);
  }
  const opened = open();
  for (const byte of [GATE, TURNSTILE]) unlock(fd, byte, 1);
  return opened;
}

/** An environment is opened in one piece, so this is waited for in one piece. */
function comesTrue(look: () => boolean, until: number): boolean {
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  while (!look()) {
    if (performance.now() >= until) return false;
    Atomics.wait(sleep, 0, 0, LOOK);
  }
  return true;
}

function inUse(path: string, waited: number): Error {
  const seconds = Math.ceil(waited / 1000);
  return Object.assign(
    new Error(`${path} is in use by a process that does not go on (waited ${seconds} s)`),
    {
      code: "EAGAIN",
    },
  );
}

interface GateParts {
  readonly path: string;
  readonly gateOf: string;
  readonly patience: number;
  readonly ask: (() => void) | undefined;
}

class Gate implements LmdbGate {
  readonly #parts: GateParts;
  /** Absent where the file cannot be made: nobody else can make or lock it either. */
  #fd: number | undefined;
  /** `closing`: what was asked for is over, and the environment is being closed. */
  #state: "open" | "closing" | "over" = "open";
  /** Who shares the lock. */
  #inside = 0;
  /** Commits that have been asked for and have not settled. */
  #unsettled = 0;
  /** Rejects what is under way; only where the environment can be asked how it is. */
  readonly #underWay = new Set<(reason: unknown) => void>();
  #watch: NodeJS.Timeout | undefined;
  #hasFailed = false;
  /** Why LMDB has given the environment up: what is asked of it now never ends, and what it closes blocks this thread. */
  #fault: Error | undefined;
  #closed: Promise<void> | undefined;

  constructor(parts: GateParts, fd: number | undefined) {
    this.#parts = parts;
    this.#fd = fd;
  }

  commit<T>(write: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) return Promise.reject(this.#isClosed());
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    const done = this.#enter() ? this.#carryOut(write) : this.#later(write);
    this.#unsettled++;
    done.then(this.#settled, this.#settled);
    return done;
  }

  readonly #settled = (): void => {
    this.#unsettled--;
  };

  #isClosed(): Error {
    return new Error(`${this.#parts.path} is closed`);
  }

  close(environment: () => Promise<void>): Promise<void> {
    this.#closed ??= this.#close(environment);
    return this.#closed;
  }

  async #close(environment: () => Promise<void>): Promise<void> {
    const { patience, path } = this.#parts;
    // A commit that never ends must not keep the process from ending.
    const until = performance.now() + patience;
    let isInside = false;
    try {
      while (this.#unsettled > 0 && performance.now() < until) await pause(LOOK);
      this.#state = "closing";
      clearTimeout(this.#watch);
      if (this.#fault !== undefined) return;
      while (!(isInside = this.#enter()) && performance.now() < until) await pause(LOOK);
      // lmdb waits for a commit that failed as well, and for ever.
      const isSound = !this.#hasFailed && this.#unsettled === 0;
      await within(environment(), isSound ? patience : UNSOUND);
    } finally {
      this.#state = "over";
      isClosedHere(path);
      if (isInside) this.#leave();
      else if (this.#inside === 0) this.#giveUp();
    }
  }

  /** @returns whether the lock is shared now; undone by {@link #leave} */
  #enter(): boolean {
    // Where there was no room for the file, there may be now.
    this.#fd ??= openGateFile(this.#parts.gateOf);
    const fd = this.#fd;
    if (fd !== undefined) {
      if (!tryLock(fd, TURNSTILE, 1, SHARED)) return false;
      try {
        // Also when others are inside: they may have entered before the file could be made.
        if (!tryLock(fd, GATE, 1, SHARED)) return false;
      } finally {
        unlock(fd, TURNSTILE, 1);
      }
    }
    this.#inside++;
    return true;
  }

  readonly #leave = (): void => {
    if (--this.#inside > 0 || this.#fd === undefined) return;
    if (this.#state === "over") {
      this.#giveUp();
      return;
    }
    try {
      unlock(this.#fd, GATE, 1);
    } catch {
      // With its descriptor a lock goes for certain.
      this.#giveUp();
    }
  };

  #giveUp(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  #carryOut<T>(write: () => Promise<T>): Promise<T> {
    let written: Promise<T>;
    try {
      written = write();
    } catch (error) {
      this.#leave();
      throw error;
    }
    const settled = this.#parts.ask === undefined ? written : this.#watched(written);
    settled.then(this.#leave, () => {
      this.#hasFailed = true;
      this.#leave();
    });
    return settled;
  }

  async #later<T>(write: () => Promise<T>): Promise<T> {
    const patience = this.#parts.patience * PATIENCES_OF_COMMIT;
    const until = performance.now() + patience;
    while (performance.now() < until) {
      await pause(LOOK);
      if (this.#state !== "open") throw this.#isClosed();
      if (this.#fault !== undefined) throw this.#fault;
      if (this.#enter()) return this.#carryOut(write);
    }
    throw inUse(this.#parts.path, patience);
  }

  #watched<T>(written: Promise<T>): Promise<T> {
    this.#watch ??= setTimeout(this.#look, SLOW);
    this.#watch.ref();
    return new Promise((resolve, reject) => {
      this.#underWay.add(reject);
      const over = () => {
        this.#underWay.delete(reject);
        if (this.#underWay.size === 0) this.#watch?.unref();
      };
      written.then(
        (value) => {
          over();
          resolve(value);
        },
        (error: Error & { readonly commitError?: Promise<unknown> }) => {
          // Nobody asks for the cause any more when the commit has been given up (commit.ts).
          error.commitError?.catch(() => undefined);
          over();
          reject(error);
          // The next one would never settle, and would block whoever closes the environment.
          this.#ask();
        },
      );
    });
  }

  readonly #look = (): void => {
    this.#watch = undefined;
    if (this.#underWay.size === 0) return;
    this.#watch = setTimeout(this.#look, SLOW);
    this.#ask();
  };

  #ask(): void {
    if (this.#state !== "open" || this.#fault !== undefined) return;
    try {
      this.#parts.ask?.();
    } catch (error) {
      this.#fault = error as Error;
      clearTimeout(this.#watch);
      for (const reject of this.#underWay) reject(error);
      this.#underWay.clear();
    }
  }
}

/** Resolves as the promise does, or when it has taken so long (ms). */
async function within(promise: Promise<void>, limit: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((done) => (timer = setTimeout(done, limit)));
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
