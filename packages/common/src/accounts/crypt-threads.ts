/**
 * Hashes of crypt(3) are checked in threads of their own, so that a server goes on while one takes a quarter of a second.
 *
 * A thread is started for the first such password and ends when none has come for a minute; there are at most as many as
 * processors, less one.
 */
import { availableParallelism } from "node:os";
import { JobThreads } from "../daemon/job-threads.ts";
import { startThread } from "../daemon/start-thread.ts";

/** A thread keeps nothing: a young generation of 8 MiB does, in place of Node's 32, which it would fill and keep. */
const resourceLimits = { maxYoungGenerationSizeMb: 12 } as const;

const threads = new JobThreads<{ readonly password: string; readonly hash: string }, boolean>({
  start: () => startThread("./crypt-thread", import.meta.url, { resourceLimits }),
  most: Math.max(1, Math.min(4, availableParallelism() - 1)),
  idle: 60_000,
});

/** Whether a password fits a hash that password-format.ts has let pass. */
export function checkCrypt(password: string, hash: string): Promise<boolean> {
  return threads.run({ password, hash });
}
