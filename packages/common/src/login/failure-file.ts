/**
 * The file in which all processes of a site remember failed logins: `var/lib/mailhost/login-failures`, mode 0600, of fixed size
 * and mostly holes.
 *
 * It is pages of 4 KiB, the first of which has a random key. Reads and writes are single calls, of a page and of a record; nothing
 * waits for the disk, and nothing is locked: of two failures in the same few microseconds one may count. Records carry
 * a check sum. Whatever is wrong with the file, this process remembers by itself and says so once.
 */
import { createHmac, randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { errnoOf, messageOf } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Site } from "../site.ts";

/** Octets of a page: what is read at once. */
export const PAGE = 4096;

const MAGIC = "mailhost logins 2";
const KEY_AT = 64;
const KEY_SIZE = 32;

/** Pages that this process alone remembers, at most; the one written longest ago goes first. */
const OWN_PAGES = 2048;

/** A removed file is noticed so soon, ms. */
const LOOK = 1000;

/** Pages of records, numbered from 1. */
export interface FailurePages {
  /** The page as it is now; undefined: nothing was ever written there. */
  read(page: number): Buffer | undefined;
  /** Writes a record into a page. */
  write(page: number, at: number, record: Buffer): void;
  /** A digest under the file's key; undefined while there is no file and `make` is not given. */
  digest(text: string, make?: boolean): Buffer | undefined;
  close(): void;
}

/** Pages in this process's memory. */
export function ownPages(): FailurePages {
  const pages = new Map<number, Buffer>();
  const key = randomBytes(KEY_SIZE);
  return {
    read: (page) => pages.get(page),
    write(page, at, record) {
      const data = pages.get(page) ?? Buffer.alloc(PAGE);
      record.copy(data, at);
      pages.delete(page);
      pages.set(page, data);
      if (pages.size > OWN_PAGES) pages.delete(pages.keys().next().value!);
    },
    digest: (text) => keyed(key, text),
    close: () => pages.clear(),
  };
}

interface OpenFile {
  readonly fd: number;
  readonly key: Buffer;
}

/** Opens the file when it is first needed, and makes it with the first record. */
export function openFailureFile(
  site: Site,
  { log, clock }: { readonly log: Log; readonly clock: Clock },
): FailurePages {
  const path = join(site.stateDir, "login-failures");
  let file: OpenFile | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let own: FailurePages | undefined;

  /** The file, if it is there or is to be made. */
  const opened = (make: boolean): OpenFile | undefined => {
    if (file !== undefined && (make || Math.abs(clock.now() - lookedAt) >= LOOK)) {
      lookedAt = clock.now();
      if (fstatSync(file.fd).nlink === 0) {
        closeSync(file.fd);
        file = undefined;
      }
    }
    if (file !== undefined) return file;
    const isThere = statSync(path, { throwIfNoEntry: false }) !== undefined;
    file = (isThere ? openThere(path, log) : undefined) ?? (make ? made(path, log) : undefined);
    return file;
  };

  const within = <T>(
    make: boolean,
    work: (pages: OpenFile) => T,
    instead: (pages: FailurePages) => T,
  ): T | undefined => {
    if (own !== undefined) return instead(own);
    try {
      const there = opened(make);
      return there === undefined ? undefined : work(there);
    } catch (error) {
      own = ownPages();
      log.write("warn", `${path}: ${messageOf(error)}; failed logins are counted by each process alone`);
      return instead(own);
    }
  };

  return {
    read: (page) =>
      within(
        false,
        ({ fd }) => {
          const data = Buffer.alloc(PAGE);
          return readSync(fd, data, 0, PAGE, page * PAGE) === 0 ? undefined : data;
        },
        (pages) => pages.read(page),
      ),
    write(page, at, record) {
      within(
        true,
        ({ fd }) => void writeSync(fd, record, 0, record.length, page * PAGE + at),
        (pages) => pages.write(page, at, record),
      );
    },
    digest: (text, make = false) =>
      within(
        make,
        ({ key }) => keyed(key, text),
        (pages) => pages.digest(text),
      ),
    close() {
      if (file !== undefined) closeSync(file.fd);
      file = undefined;
    },
  };
}

function keyed(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

/** The file that is there. One that is none of ours, or of an older form, is put away: it only ever held failures. */
function openThere(path: string, log: Log): OpenFile | undefined {
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDWR | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
  const head = Buffer.alloc(PAGE);
  const length = readSync(fd, head, 0, PAGE, 0);
  if (length === PAGE && head.toString("latin1", 0, MAGIC.length) === MAGIC) {
    return { fd, key: head.subarray(KEY_AT, KEY_AT + KEY_SIZE) };
  }
  closeSync(fd);
  rmSync(path);
  log.write("info", `${path}: begun anew`);
  return undefined;
}

/** Makes the file under another name, so that nobody sees it without its key. */
function made(path: string, log: Log): OpenFile | undefined {
  const head = Buffer.alloc(PAGE);
  head.write(MAGIC, "latin1");
  randomBytes(KEY_SIZE).copy(head, KEY_AT);
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString("hex")}`;
  try {
    writeFileSync(temporary, head, { mode: 0o600, flag: "wx" });
    linkSync(temporary, path);
  } catch (error) {
    // Another process was faster.
    if (errnoOf(error) !== "EEXIST") throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
  return openThere(path, log);
}
