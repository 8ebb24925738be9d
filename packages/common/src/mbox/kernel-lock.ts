/**
 * The kernel's lock on a file: an open-file-description lock (fcntl(2), F_OFD_SETLK), exclusive, on the whole file.
 *
 * It conflicts with the fcntl locks of every other program and with every other descriptor of this process, and goes
 * with the descriptor: closing it, or dying, gives the lock up.
 */
// oxlint-disable-next-line typescript/triple-slash-reference -- whoever imports this source needs the types with it
/// <reference path="../fs/fs-native-extensions.d.ts" />
import { tryLock } from "fs-native-extensions";

/**
 * Takes the lock if it can be had at once; never waits.
 *
 * @param fd descriptor open for writing
 * @returns whether the lock is ours now
 */
export function tryKernelLock(fd: number): boolean {
  return tryLock(fd);
}
