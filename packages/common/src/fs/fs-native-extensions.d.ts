/**
 * The one call of fs-native-extensions that mailhost makes; the library ships no types.
 */
declare module "fs-native-extensions" {
  /** Tries for an exclusive lock on the whole file; false when another descriptor has it. */
  export function tryLock(fd: number): boolean;
}
