/**
 * How far everybody is with the bulletins: `var/lib/mailhost/bulletins.mdb`, LMDB, for any number of processes.
 *
 * Unlike the index it can not be made again: without it people would get bulletins that they have had. What is written is on
 * stable storage.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { committed } from "@mailhost/common/lmdb/commit";
import { checkLmdbFile } from "@mailhost/common/lmdb/file";
import { type LmdbGate, openGated } from "@mailhost/common/lmdb/gate";
import { SHARED_ENVIRONMENT } from "@mailhost/common/lmdb/options";
import type { Site } from "@mailhost/common/site";
import { open, type RootDatabase } from "lmdb";
import { INDEX_READERS } from "../maildrop/index-store.ts";

/** Somebody's progress. */
export interface Progress {
  /** The number of the last bulletin that needs no more looking at. */
  readonly last: number;
  /** Ids of bulletins that were about to be put into the mailbox. They may be there, or not. */
  readonly pending?: readonly string[];
}

/** Progress by the name of a mailbox, which is used by the holder of its lock only. */
export interface ProgressStore {
  /** @throws when the store can not be read */
  read(name: string): Progress | undefined;
  /** @throws when it is not on stable storage */
  write(name: string, progress: Progress): Promise<void>;
  /** Somebody who gets the name later is new. @throws as {@link write} */
  forget(name: string): Promise<void>;
  close(): Promise<void>;
}

/** The file of a site's progress. */
export function progressFile(site: Site): string {
  return join(site.stateDir, "bulletins.mdb");
}

/** The store of a site. It is opened when it is first needed, and tried again when that failed. */
export function openProgressStore(site: Site): ProgressStore {
  const path = progressFile(site);
  let there: { readonly opened: RootDatabase<Progress, string>; readonly gate: LmdbGate } | undefined;
  const env = () => {
    if (there !== undefined) return there;
    mkdirSync(site.stateDir, { recursive: true, mode: 0o750 });
    const state = checkLmdbFile(path);
    if (state.kind === "damaged") {
      throw new Error(
        `${path}: ${state.reason}; move it away: everybody then gets the latest bulletins as somebody new does`,
      );
    }
    const how = {
      path,
      noSubdir: true,
      encoding: "json",
      eventTurnBatching: false,
      // As in the index: each popper of inetd's is a reader.
      maxReaders: INDEX_READERS,
      ...SHARED_ENVIRONMENT,
    } as const;
    there = openGated(path, () => open<Progress, string>(how), { probe });
    return there;
  };
  return {
    read: (name) => env().opened.get(name),
    write: async (name, progress) => {
      const { opened: database, gate } = env();
      await committed(gate.commit(() => database.put(name, progress)));
      // A commit is in the file, and what a power loss must not take back is flushed.
      await database.flushed;
    },
    async forget(name) {
      const { opened: database, gate } = env();
      await committed(gate.commit(() => database.remove(name)));
      await database.flushed;
    },
    async close() {
      const closing = there;
      there = undefined;
      await closing?.gate.close(() => closing.opened.close());
    },
  };
}

/** LMDB that has given the file up throws. */
function probe(database: RootDatabase<Progress, string>): void {
  database.resetReadTxn();
  database.doesExist("");
}
