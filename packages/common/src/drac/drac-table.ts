/**
 * The DRAC table: client addresses that may relay for a while because their user has just fetched mail.
 *
 * It is one LMDB file, `var/lib/mailhost/drac.mdb`, shared by both daemons and the commands, and outlives them. An
 * entry past its time never permits; it is swept out when others are written. IPv6 counts by whole addresses. What the
 * exclusion names gets no entry, and its old one does not count.
 */
import { existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { open, type RootDatabase } from "lmdb";
import type { Clock } from "../clock.ts";
import { ConfigError, errnoOf, messageOf } from "../errors.ts";
import { normalizeIp } from "../ip-address.ts";
import { committed } from "../lmdb/commit.ts";
import { checkLmdbFile } from "../lmdb/file.ts";
import { type LmdbGate, openGated } from "../lmdb/gate.ts";
import { SHARED_ENVIRONMENT } from "../lmdb/options.ts";
import type { Log } from "../log/log.ts";
import type { Site } from "../site.ts";
import { EX_TEMPFAIL } from "../sysexits.ts";
import type { DracExclusion } from "./drac-exclusion.ts";

/** One address and until when it may relay. */
export interface DracEntry {
  /** In the spelling of normalizeIp. */
  readonly ip: string;
  readonly user: string;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly expiresAt: number;
}

/** The table, shared by both daemons and the commands. */
export interface DracTable {
  /**
   * Lets an address relay from now on for the lifetime; renews it when it is there, and never shortens it. Resolves when on disk.
   * A renewal that gains little is left out: an entry may end by a twelfth of the lifetime earlier than it would.
   *
   * @param lifetime in place of the table's own, ms; it is always written
   */
  record(ip: string, user: string, lifetime?: number): Promise<void>;
  /** The entry of an address while it lasts. Sees what other processes have written. */
  permits(ip: string): DracEntry | undefined;
  /** Every entry that has not expired, soonest to expire first. */
  list(): DracEntry[];
  /** Takes an address out; false when it was not in. */
  remove(ip: string): Promise<boolean>;
  close(): Promise<void>;
}

/** How the table is opened. */
export interface DracOptions {
  /** How long an entry lasts, ms. */
  readonly lifetime: number;
  readonly clock: Clock;
  /** True for commands that only look: a missing table is then empty and is not made. */
  readonly readOnly?: boolean;
  readonly log?: Log;
  /** Absent: every address can have an entry. */
  readonly exclusion?: DracExclusion;
}

/** The stored form, by address. */
interface Stored {
  readonly user: string;
  readonly expiresAt: number;
}

/** The part of the lifetime that a renewal must gain to be written: each write waits for the disk, and many clients poll each minute. */
const LEAST_RENEWAL = 1 / 12;

/**
 * Opens the table, making it unless `readOnly` is set. A damaged file is moved aside and named in the log.
 *
 * @throws ConfigError when it cannot be opened
 */
export function openDracTable(site: Site, options: DracOptions): DracTable {
  const file = join(site.stateDir, "drac.mdb");
  const { clock, lifetime, exclusion } = options;
  let db: OpenTable | undefined = options.readOnly === true ? undefined : openFile(file, options);
  let nextSweep = clock.now() + lifetime;

  /** The database with a view of what is committed now, or undefined while there is none to read. */
  const view = () => {
    if (db === undefined && existsSync(file)) db = openFile(file, options);
    db?.opened.resetReadTxn();
    return db?.opened;
  };
  const writable = () => {
    if (options.readOnly === true || db === undefined) throw new Error(`${file} is open for reading only`);
    return db;
  };

  return {
    async record(ip, user, given) {
      const { opened: to, gate } = writable();
      const key = normalizeIp(ip);
      const now = clock.now();
      if (key === undefined || (exclusion?.never(key) ?? exclusion?.needless(key)) !== undefined) return;
      const expiresAt = now + (given ?? lifetime);
      const old = entryOf(key, view()?.get(key));
      if (given === undefined && old !== undefined && old.expiresAt > expiresAt - lifetime * LEAST_RENEWAL)
        return;
      await committed(gate.commit(() => to.put(key, { user, expiresAt })));
      if (now >= nextSweep) {
        nextSweep = now + lifetime;
        await sweep({ opened: to, gate }, now);
      }
      await committed(to.flushed);
    },
    permits(ip) {
      const key = normalizeIp(ip);
      const entry = key === undefined ? undefined : entryOf(key, view()?.get(key));
      if (entry === undefined || entry.expiresAt <= clock.now()) return undefined;
      return exclusion?.never(ip) === undefined ? entry : undefined;
    },
    list() {
      const now = clock.now();
      return Array.from(view()?.getRange() ?? [], ({ key, value }) => entryOf(key, value))
        .filter((entry) => entry !== undefined)
        .filter((entry) => entry.expiresAt > now)
        .sort((a, b) => a.expiresAt - b.expiresAt);
    },
    async remove(ip) {
      const key = normalizeIp(ip);
      const { opened: from, gate } = writable();
      from.resetReadTxn();
      if (key === undefined || from.get(key) === undefined) return false;
      await committed(gate.commit(() => from.remove(key)));
      await committed(from.flushed);
      return true;
    },
    async close() {
      const closing = db;
      db = undefined;
      await closing?.gate.close(() => closing.opened.close());
    },
  };
}

/** The file while it is open. */
interface OpenTable {
  readonly opened: RootDatabase<Stored, string>;
  readonly gate: LmdbGate;
}

function openFile(file: string, options: DracOptions): OpenTable {
  try {
    const how = { path: file, noSubdir: true, readOnly: options.readOnly === true, eventTurnBatching: false };
    if (options.readOnly !== true) {
      // What is above the folder is not ours alone.
      mkdirSync(dirname(dirname(file)), { recursive: true, mode: 0o755 });
      mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
    }
    const openChecked = () => {
      // Now nobody else does: the other daemon, which starts at the same time, would put a new file aside as well.
      putAsideIfDamaged(file, options);
      return open<Stored, string>({ ...how, ...SHARED_ENVIRONMENT });
    };
    return openGated(file, openChecked, { probe });
  } catch (error) {
    const code = errnoOf(error) === "EAGAIN" ? EX_TEMPFAIL : undefined;
    throw new ConfigError(file, 0, `cannot be opened: ${messageOf(error)}`, code);
  }
}

/** @throws Error when it is damaged and is only to be read */
function putAsideIfDamaged(file: string, { readOnly, clock, log }: DracOptions): void {
  const state = checkLmdbFile(file);
  if (state.kind !== "damaged") return;
  if (readOnly === true) throw new Error(state.reason);
  const aside = `${file}.damaged-${clock.now()}`;
  renameSync(file, aside);
  log?.write("error", `${file}: damaged (${state.reason}); kept as ${aside}, begun anew`);
}

/** LMDB that has given the file up throws. */
function probe(db: RootDatabase<Stored, string>): void {
  db.resetReadTxn();
  db.doesExist("");
}

/** Takes out what has expired, unless somebody has renewed it meanwhile. */
async function sweep({ opened: db, gate }: OpenTable, now: number): Promise<void> {
  const expired = Array.from(db.getRange())
    .filter(({ value }) => !(value.expiresAt > now))
    .map(({ key }) => key);
  if (expired.length === 0) return;
  const takeOut = () => {
    for (const key of expired) {
      const value = db.get(key);
      if (value !== undefined && !(value.expiresAt > now)) db.removeSync(key);
    }
  };
  await committed(gate.commit(() => db.transaction(takeOut)));
}

/** A stored value as an entry; undefined for none and for anything of another shape. */
function entryOf(ip: string, value: Stored | undefined): DracEntry | undefined {
  if (typeof value?.user !== "string" || !Number.isFinite(value.expiresAt)) return undefined;
  return { ip, user: value.user, expiresAt: value.expiresAt };
}
