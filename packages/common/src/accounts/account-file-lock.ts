/**
 * The lock under which a file of accounts is changed. Only commands take it; whoever reads sees the old file or the new.
 */
import { setTimeout } from "node:timers/promises";
import { lock } from "proper-lockfile";
import { errnoOf, messageOf, UserError } from "../errors.ts";
import { EX_CANTCREAT, EX_NOPERM, EX_TEMPFAIL } from "../sysexits.ts";

/** Another change is waited for about 15 s: a lock left by a killed command is taken over after 10. */
const LOCK_TRIES = 300;
/** Pause between two tries, ms, give or take a half. */
const LOCK_PAUSE = 50;

/** A lock that is held. */
export interface AccountFileLock {
  /** @throws when it was lost meanwhile: the change must not be made then */
  check(): void;
  release(): Promise<void>;
}

/**
 * Takes the lock of a file, which need not be there, waiting for another command to be done with it.
 *
 * @throws UserError when it takes too long, or at once when the lock can not be made
 */
export async function lockAccountFile(file: string): Promise<AccountFileLock> {
  let lost: Error | undefined;
  const release = await takeLock(file, (error) => {
    lost = error;
  });
  return {
    check() {
      if (lost !== undefined) throw lost;
    },
    async release() {
      if (lost === undefined) await release();
    },
  };
}

async function takeLock(file: string, onCompromised: (error: Error) => void): Promise<() => Promise<void>> {
  for (let tries = 1; ; tries++) {
    try {
      return await lock(file, { realpath: false, stale: 10_000, retries: 0, onCompromised });
    } catch (error) {
      if (errnoOf(error) !== "ELOCKED") {
        const code = /^E(ACCES|PERM|ROFS)$/.test(errnoOf(error) ?? "") ? EX_NOPERM : EX_CANTCREAT;
        throw new UserError(`${file} cannot be locked: ${messageOf(error)}`, code);
      }
      if (tries === LOCK_TRIES) {
        throw new UserError(`${file} is being changed by another command; try again`, EX_TEMPFAIL);
      }
      await setTimeout(LOCK_PAUSE * (0.5 + Math.random()));
    }
  }
}
