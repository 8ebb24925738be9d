/**
 * Keeps the opening of an LMDB environment and other processes' commits apart.
 *
 * Whoever opens an environment writes the number of its last transaction, which it has read a moment before and with no lock, to where
 * all processes see it (lmdb 3.5.6, `mdb_env_open2`). When another process commits in between, the next transaction begins from the
 * one before that commit: it is lost, though it was on the disk and acknowledged, and its pages are used a second time.
 *
 * So who opens takes a kernel lock on the file `…-gate` beside it, alone, and commits share that lock. Another byte of the file is a turnstile:
 * who waits to open holds up commits that have not begun, or a busy daemon would keep everybody out. All locks go with their
 * process. A process that stays stopped while it opens is waited for no longer than {@link PATIENCE}.
 */
// oxlint-disable-next-line typescript/triple-slash-reference -- whoever imports this source needs the types with it
/// <reference path="../fs/fs-native-extensions.d.ts" />
import { closeSync, constants, fchownSync, fstatSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { tryLock, unlock } from "fs-native-extensions";
import { errnoOf } from "../errors.ts";

/** Bytes of the file that are locked. */
const GATE = 0;
const TURNSTILE = 1;
const SHARED = { shared: true } as const;

/** Between two looks whether a lock can be had (ms). */
const LOOK = 1;
/** How long others are waited for (ms). */
const PATIENCE = 5000;

/** Commits of one environment that this process has open. */
export interface LmdbGate {
  /**
   * Makes a commit, at once or when nobody opens the environment any more.
   *
   * @param write asks lmdb for the change; its promise settles when the commit is over
   */
  commit<T>(write: () => Promise<T>): Promise<T>;
  /** The environment is closed. Harmless a second time. */
  close(): void;
}

/** What this process has open: lmdb opens a file once, however often it is asked for it. */
const openHere = new Map<string, number>();

/**
 * Opens an environment while nobody commits.
 *
 * @param path the data file
 * @param open opens it, and makes tables that are missing
 */
export function openGated<T>(path: string, open: () => T): { readonly opened: T; readonly gate: LmdbGate } {
  const gate = gateOf(path);
  openHere.set(path, (openHere.get(path) ?? 0) + 1);
  try {
    return { opened: openHere.get(path) === 1 ? whileNobodyCommits(path, open) : open(), gate };
  } catch (error) {
    gate.close();
    throw error;
  }
}

function whileNobodyCommits<T>(path: string, open: () => T): T {
  const fd = openGateFile(path);
  if (fd === undefined) return open();
  try {
    const until = Date.now() + PATIENCE;
    waitUntil(() => tryLock(fd, TURNSTILE, 1), until);
    waitUntil(() => tryLock(fd, GATE, 1), until);
    return open();
  } finally {
    closeSync(fd);
  }
}

/** An environment is opened in one piece, so this is waited for in one piece. */
function waitUntil(isSo: () => boolean, until: number): void {
  const sleep = new Int32Array(new SharedArrayBuffer(4));
  while (!isSo() && Date.now() < until) Atomics.wait(sleep, 0, 0, LOOK);
}

/** @returns undefined where there is none and none can be made: who may not write there only reads */
function openGateFile(path: string): number | undefined {
  let fd: number;
  try {
    fd = openSync(`${path}-gate`, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o660);
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS", "ENOENT", "ENOSPC"].includes(errnoOf(error) ?? "")) return undefined;
    throw error;
  }
  if (process.geteuid?.() === 0) giveToOwnerOfFolder(fd, path);
  return fd;
}

/** What root makes is whose the folder is: a daemon that is nobody special has to lock it. */
function giveToOwnerOfFolder(fd: number, path: string): void {
  const { uid, gid } = statSync(dirname(path));
  if (fstatSync(fd).uid !== uid) fchownSync(fd, uid, gid);
}

function gateOf(path: string): LmdbGate {
  const fd = openGateFile(path);
  let underWay = 0;
  let closed = false;
  const enter = (): boolean => {
    if (fd === undefined || closed) return true;
    if (!tryLock(fd, TURNSTILE, 1, SHARED)) return false;
    const isOpen = underWay > 0 || tryLock(fd, GATE, 1, SHARED);
    unlock(fd, TURNSTILE, 1);
    if (isOpen) underWay++;
    return isOpen;
  };
  const leave = () => {
    if (fd !== undefined && !closed && --underWay === 0) unlock(fd, GATE, 1);
  };
  const within = <T>(write: () => Promise<T>): Promise<T> => {
    try {
      const written = write();
      written.then(leave, leave);
      return written;
    } catch (error) {
      leave();
      throw error;
    }
  };
  const later = async <T>(write: () => Promise<T>): Promise<T> => {
    const until = Date.now() + PATIENCE;
    while (Date.now() < until) {
      await pause(LOOK);
      if (enter()) return within(write);
    }
    return write();
  };
  return {
    commit: (write) => (enter() ? within(write) : later(write)),
    close() {
      if (closed) return;
      closed = true;
      const left = (openHere.get(path) ?? 1) - 1;
      if (left === 0) openHere.delete(path);
      else openHere.set(path, left);
      if (fd !== undefined) closeSync(fd);
    },
  };
}
