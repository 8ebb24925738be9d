/**
 * The calls of fs-native-extensions that mailhost makes; the library ships no types.
 */
declare module "fs-native-extensions" {
  /**
   * Tries for a lock; false when another descriptor has one that conflicts.
   *
   * @param offset of the first byte, 0; @param length 0: to the end of the file. Absent: the whole file
   */
  export function tryLock(
    fd: number,
    offset?: number,
    length?: number,
    options?: { readonly shared?: boolean },
  ): boolean;
  /** Gives a lock up. */
  export function unlock(fd: number, offset?: number, length?: number): void;
}
