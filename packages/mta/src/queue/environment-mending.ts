/**
 * Mends an environment in which a page is in two places: used and listed as free, or listed twice. What is there can be read as yet; to go
 * on writing would end the process again and again, or spoil it. So the tables are copied into a new file, and the old one is kept.
 *
 * Only the daemon does it: whoever else has the file open is a command, which ends soon. One that has the old file open meanwhile is
 * waited for; what it wrote there is copied as well.
 */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { UserError } from "@mailhost/common/errors";
import { readNewestMeta } from "@mailhost/common/lmdb/file";
import { lmdbPageFault } from "@mailhost/common/lmdb/pages";
import { lockHolder } from "@mailhost/common/mbox/foreign-locks";
import { EX_IOERR } from "@mailhost/common/sysexits";
import { isCopied, readsWhole } from "./environment-reading.ts";

/** How often is looked whether others have closed the old file, or whether the new one is there, and for how long (ms). */
const LOOK = 20;
const PATIENCE = 10_000;

/** What came of it: `sound`, nothing was to be done; `mended`; `unreadable`, and it is to be moved aside. */
export type Mending =
  | { readonly kind: "sound" }
  /** `isAll` is false when what a command wrote into the old file meanwhile is only there. */
  | { readonly kind: "mended"; readonly fault: string; readonly isAll: boolean }
  | { readonly kind: "unreadable"; readonly fault: string };

/**
 * Mends a data file that no daemon has open, if need be.
 *
 * @param aside a free name for the old file
 * @throws UserError when it can be read, but not be copied now, for want of room most likely
 */
export async function mendEnvironment(path: string, aside: string): Promise<Mending> {
  const fault = lmdbPageFault(path);
  if (fault === undefined) return { kind: "sound" };
  const copy = copyName(path);
  let copied: bigint | undefined;
  do {
    forget(copy);
    copied = lastTransaction(path);
    if (await isCopied(path, copy, path)) continue;
    forget(copy);
    if (!(await readsWhole(path, "all"))) return { kind: "unreadable", fault };
    const size = `${statSync(path).size} octets`;
    throw new UserError(
      `${path}: damaged (${fault}) and cannot be copied; is there room for ${size}?`,
      EX_IOERR,
    );
  } while (lastTransaction(path) !== copied);
  syncFile(copy);
  // At each moment there is a queue under its name.
  linkSync(path, aside);
  const oldLock = `${aside}-lock`;
  if (existsSync(`${path}-lock`)) renameSync(`${path}-lock`, oldLock);
  renameSync(copy, path);
  syncFile(dirname(path));
  await closedByOthers(oldLock);
  // Whatever is copied twice is the same; what had been taken out meanwhile comes back, which is better than to miss something.
  const isAll = lastTransaction(aside) === copied || (await isCopied(aside, path, path));
  forget(copy);
  return { kind: "mended", fault, isAll };
}

/** Resolves when nobody is mending the file, or takes too long for it. */
export async function mendingIsOver(path: string): Promise<void> {
  for (let waited = 0; existsSync(copyName(path)) && waited < PATIENCE; waited += LOOK) await pause(LOOK);
}

function copyName(path: string): string {
  return `${path}.new`;
}

function forget(copy: string): void {
  for (const path of [copy, `${copy}-lock`]) rmSync(path, { force: true });
}

async function closedByOthers(lock: string): Promise<void> {
  for (let waited = 0; waited < PATIENCE; waited += LOOK) {
    const file = statSync(lock, { throwIfNoEntry: false });
    if (file === undefined || (await lockHolder(file)) === undefined) return;
    await pause(LOOK);
  }
}

function lastTransaction(path: string): bigint | undefined {
  const fd = openSync(path, "r");
  try {
    return readNewestMeta(fd)?.transaction;
  } finally {
    closeSync(fd);
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
