/**
 * Failed logins by network, for all POP3 processes of a site: a popper a connection (inetd) must not forget what the last saw.
 *
 * `var/lib/mailhost/login-failures` is a table of fixed size, a place for each network by its digest. Reads and writes are single
 * calls of 16 bytes; of two at once one counts, and a network may push another out, which only forgives. Whatever is wrong
 * with the file, this process remembers by itself.
 */
import { createHash } from "node:crypto";
import { constants, openSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";

/** A network's failures. */
export interface Failures {
  readonly count: number;
  /** Time of the last, ms since 1970. */
  readonly last: number;
}

/** Where failures are remembered. */
export interface FailureStore {
  get(network: string): Failures | undefined;
  set(network: string, failures: Failures): void;
  delete(network: string): void;
}

const PLACES = 8192;
/** Six bytes of the digest, two of the count, eight of the time. */
const SIZE = 16;

const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;

/** Opens the table with the first failure; before that a process only looks whether it is there. */
export function openSharedFailures(site: Site, log: Log, own: FailureStore): FailureStore {
  const path = join(site.stateDir, "login-failures");
  let fd: number | undefined;
  let broken = false;
  const within = <T>(make: boolean, work: (fd: number) => T): T | undefined => {
    if (broken) return undefined;
    try {
      fd ??= openSync(path, O_RDWR | O_NOFOLLOW | (make ? O_CREAT : 0), 0o600);
      return work(fd);
    } catch (error) {
      if (!make && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      broken = true;
      log.write("warn", `${path}: ${messageOf(error)}; failed logins are counted by each process alone`);
      return undefined;
    }
  };
  return {
    get(network) {
      const { tag, at } = placeOf(network);
      const found = within(false, (file) => {
        const record = Buffer.alloc(SIZE);
        if (readSync(file, record, 0, SIZE, at) < SIZE || !record.subarray(0, 6).equals(tag))
          return undefined;
        return { count: record.readUInt16BE(6), last: record.readDoubleBE(8) };
      });
      return broken ? own.get(network) : found?.count === 0 ? undefined : found;
    },
    set(network, failures) {
      const { tag, at } = placeOf(network);
      const record = Buffer.alloc(SIZE);
      tag.copy(record);
      record.writeUInt16BE(Math.min(failures.count, 0xffff), 6);
      record.writeDoubleBE(failures.last, 8);
      within(true, (file) => writeSync(file, record, 0, SIZE, at));
      own.set(network, failures);
    },
    delete(network) {
      own.delete(network);
      if (this.get(network) === undefined) return;
      within(false, (file) => writeSync(file, Buffer.alloc(SIZE), 0, SIZE, placeOf(network).at));
    },
  };
}

function placeOf(network: string): { readonly tag: Buffer; readonly at: number } {
  const digest = createHash("sha256").update(network).digest();
  return { tag: digest.subarray(4, 10), at: (digest.readUInt32BE(0) % PLACES) * SIZE };
}
