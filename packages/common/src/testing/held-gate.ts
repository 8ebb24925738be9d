/**
 * Stands for another process that is opening an LMDB environment, for tests of what must wait meanwhile.
 */
// oxlint-disable-next-line typescript/triple-slash-reference -- whoever imports this source needs the types with it
/// <reference path="../fs/fs-native-extensions.d.ts" />
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { tryLock } from "fs-native-extensions";

/** Long enough for a commit, had it begun (ms). */
const LONG = 40;

/**
 * Resolves as `act` does, once it has been seen to wait.
 *
 * @param path the environment's data file
 * @throws AssertionError when it is over while another process opens the environment
 */
export async function whileItIsOpened<T>(path: string, act: () => Promise<T>): Promise<T> {
  const fd = openSync(`${path}-gate`, "r+");
  let isOver = false;
  let acting: Promise<T>;
  try {
    assert.ok(tryLock(fd), "nobody else has it");
    acting = act().finally(() => (isOver = true));
    // What it comes to is of interest later.
    acting.catch(() => undefined);
    await Promise.race([acting.catch(() => undefined), setTimeout(LONG)]);
    assert.ok(!isOver, `${act.toString()} does not wait for who opens ${path}`);
  } finally {
    closeSync(fd);
  }
  return acting;
}
