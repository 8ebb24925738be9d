/**
 * The LMDB environment of the queue: where it is, how it is opened, and what happens when it is damaged.
 *
 * A commit is durable when its promise resolves: data pages are written and fdatasync'd, then the meta page goes through
 * an O_DSYNC descriptor. Commits asked for while one is being written share the next one. Several processes may
 * have the environment open; writers take turns, readers see every commit at once, and none commits while another opens it.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import { checkLmdbFile, type LmdbFileState } from "@mailhost/common/lmdb/file";
import { type LmdbGate, openGated, whileNobodyHasIt } from "@mailhost/common/lmdb/gate";
import { SHARED_ENVIRONMENT } from "@mailhost/common/lmdb/options";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { EX_IOERR, EX_NOPERM, EX_TEMPFAIL } from "@mailhost/common/sysexits";
import { type Database, type Key, open, type RootDatabase } from "lmdb";
import { mendEnvironment, mendingIsOver } from "./environment-mending.ts";
import { readsWhole } from "./environment-reading.ts";
import { isAlive } from "./living-process.ts";
import { committed } from "./queue-error.ts";

/** Paths of the queue. */
export interface QueuePaths {
  readonly dir: string;
  readonly environment: string;
  readonly lock: string;
  /** Names the process that has the queue open for writing; left behind by one that did not end well. */
  readonly marker: string;
  /** Messages over 64 KiB, one file each, named by id. A name of its own: a Sendmail that came back would take `df` for its own. */
  readonly large: string;
}

/** Lays out the queue's paths. */
export function queuePaths(site: Site): QueuePaths {
  const environment = join(site.queueDir, "queue.mdb");
  return {
    dir: site.queueDir,
    environment,
    lock: `${environment}-lock`,
    marker: join(site.queueDir, "queue.open"),
    large: join(site.queueDir, "large"),
  };
}

/** The tables; see docs/queue.md. */
export interface Environment {
  readonly paths: QueuePaths;
  readonly root: RootDatabase;
  readonly entries: Database<Buffer, string>;
  readonly bodies: Database<Buffer, string>;
  readonly due: Database<string, [number, string, string]>;
  readonly hosts: Database;
  /** Drop files that have been queued and may still be there: name to queue id. */
  readonly drops: Database<string, string>;
  /** Each commit goes through it. */
  readonly gate: LmdbGate;
  /** No other process had it open for writing when it was opened: what is half done is left over from a crash. */
  readonly alone: boolean;
  close(): Promise<void>;
}

/** How an environment is opened. */
export interface EnvironmentOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** For commands that only look: makes nothing, moves nothing. */
  readonly readOnly?: boolean;
  /** The daemon opens it: it may be mended (environment-mending.ts). */
  readonly daemon?: boolean;
}

/** Address space set aside for the file; it grows beyond by itself. Nothing of it is disk or memory until used. */
const MAP_SIZE = 4 * 1024 ** 3;

/**
 * What is asked for in one turn of the event loop is one commit, however much it is (see commit-groups.ts): by default a commit
 * begins with the fifth change, and the others make another. The option is described, but not in lmdb's types.
 */
const ONE_COMMIT_A_TURN = { txnStartThreshold: Number.MAX_SAFE_INTEGER };

/**
 * Opens the environment, making it when it is missing. A damaged one is moved to `queue.mdb.damaged-TIME`, and its large
 * messages to `queue.mdb.damaged-TIME-large`; it is named in the log, and a new one begun.
 *
 * @returns undefined when it is to be read only and there is none
 * @throws UserError when it cannot be opened or, read only, is damaged
 */
export async function openEnvironment(
  site: Site,
  options: EnvironmentOptions,
): Promise<Environment | undefined> {
  const paths = queuePaths(site);
  if (options.readOnly === true) {
    const state = inspect(paths);
    if (state.kind === "absent") return undefined;
    if (state.kind === "damaged") {
      throw new UserError(`${paths.environment}: damaged: ${state.reason}`, EX_IOERR);
    }
    const environment = openTables(paths, { readOnly: true, alone: false });
    if (hasAllTables(environment)) return environment;
    await environment.close();
    return undefined;
  }
  takeOverOldFolder(paths);
  makeFolders(paths);
  const marker = takeMarker(paths);
  if (!marker.alone) await mendingIsOver(paths.environment);
  await moveAsideIfDamaged(paths, marker.unclean, options);
  try {
    return openTables(paths, { readOnly: false, alone: marker.alone });
  } catch (error) {
    if (marker.alone) rmSync(paths.marker, { force: true });
    throw error;
  }
}

/**
 * Looks at the file before it is mapped.
 *
 * @throws UserError when it may not be read
 */
function inspect(paths: QueuePaths): LmdbFileState {
  try {
    return checkLmdbFile(paths.environment);
  } catch (error) {
    const denied = errnoOf(error) === "EACCES";
    throw new UserError(
      denied
        ? `${paths.dir}: you are not permitted to see the queue`
        : `${paths.environment}: ${messageOf(error)}`,
      denied ? EX_NOPERM : EX_IOERR,
      { cause: error },
    );
  }
}

/** Version 0.1 called the folder of large messages `df`. */
function takeOverOldFolder({ dir, environment, large }: QueuePaths): void {
  const old = join(dir, "df");
  if (existsSync(environment) && existsSync(old) && !existsSync(large)) renameSync(old, large);
}

function makeFolders(paths: QueuePaths): void {
  for (const dir of [paths.dir, paths.large]) {
    try {
      // What is above the queue is not the queue's alone.
      mkdirSync(dirname(dir), { recursive: true, mode: 0o755 });
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    } catch (error) {
      throw new UserError(`${dir}: the queue folder cannot be made: ${messageOf(error)}`, EX_IOERR, {
        cause: error,
      });
    }
  }
}

interface Marker {
  readonly alone: boolean;
  /** A process that had the queue open did not end well. */
  readonly unclean: boolean;
}

/** Makes the marker ours unless a living process has it. */
function takeMarker(paths: QueuePaths): Marker {
  let unclean = false;
  try {
    const owner = Number(readFileSync(paths.marker, "utf8"));
    if (owner !== process.pid && isAlive(owner)) return { alone: false, unclean: false };
    unclean = true;
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  try {
    writeFileSync(paths.marker, String(process.pid), { mode: 0o600 });
  } catch (error) {
    throw new UserError(`${paths.dir}: the queue cannot be written: ${messageOf(error)}`, EX_IOERR, {
      cause: error,
    });
  }
  return { alone: true, unclean };
}

/**
 * Checks the file by its first pages and, where these leave doubt or the last process died with the queue open, by having
 * another process read it: if that one dies of it, we do not.
 */
async function moveAsideIfDamaged(
  paths: QueuePaths,
  unclean: boolean,
  options: EnvironmentOptions,
): Promise<void> {
  const file = statSync(paths.environment, { throwIfNoEntry: false })?.ino;
  const state = inspect(paths);
  let reason = state.kind === "damaged" ? state.reason : undefined;
  if (state.kind === "suspect" && !(await readsWhole(paths.environment, "all"))) reason = state.reason;
  if (state.kind === "sound" && unclean && !(await readsWhole(paths.environment, "tables"))) {
    reason = "its tables cannot be read";
  }
  const aside = unusedName(`${paths.environment}.damaged-${timeName(options.clock)}`);
  if (reason === undefined && state.kind !== "absent" && unclean && options.daemon === true) {
    const mending = await mendEnvironment(paths.environment, aside);
    if (mending.kind === "mended") {
      const rest = mending.isAll ? "" : "; what a command wrote last is only in that one";
      options.log.write(
        "error",
        `SYSERR(queue): ${paths.environment} is damaged: ${mending.fault}; its messages are in a new file, the old one is kept as ${aside}${rest}`,
      );
    } else if (mending.kind === "unreadable") reason = mending.fault;
  }
  if (reason === undefined) return;
  // Another process may have done it meanwhile: the file is a new one then.
  const isStillThere = () => statSync(paths.environment, { throwIfNoEntry: false })?.ino === file;
  try {
    const isMoved = whileNobodyHasIt(paths.environment, () => isStillThere() && moveAside(paths, aside));
    if (!isMoved) return;
  } catch (error) {
    throw cannotBeOpened(paths, error);
  }
  options.log.write(
    "error",
    `SYSERR(queue): ${paths.environment} is damaged: ${reason}; moved to ${aside}, a new queue is begun`,
  );
}

function moveAside(paths: QueuePaths, aside: string): true {
  renameSync(paths.environment, aside);
  if (existsSync(paths.lock)) renameSync(paths.lock, `${aside}-lock`);
  if (readdirSync(paths.large).length === 0) return true;
  // They belong to entries that went with the file: the new queue would sweep them out as nobody's.
  renameSync(paths.large, `${aside}-large`);
  makeFolders(paths);
  return true;
}

function cannotBeOpened(paths: QueuePaths, error: unknown): UserError {
  const code = errnoOf(error) === "EAGAIN" ? EX_TEMPFAIL : EX_IOERR;
  return new UserError(`${paths.environment}: cannot be opened: ${messageOf(error)}`, code, { cause: error });
}

/** The time as part of a name: `20261127T152600Z`. */
export function timeName(clock: Clock): string {
  return new Date(clock.now())
    .toISOString()
    .replace(/[-:]/g, "")
    .replace(/\.\d+Z$/, "Z");
}

/** The name, or the name with a number when it is taken. */
export function unusedName(name: string): string {
  let free = name;
  for (let n = 2; existsSync(free); n++) free = `${name}-${n}`;
  return free;
}

/** Makes the file when it is missing. Its directory entry must be as durable as what will be committed to it. */
function makeFile(paths: QueuePaths): void {
  if (existsSync(paths.environment)) return;
  closeSync(openSync(paths.environment, "a", 0o600));
  for (const dir of [paths.dir, dirname(paths.dir)]) {
    const folder = openSync(dir, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  }
}

function openTables(paths: QueuePaths, how: { readOnly: boolean; alone: boolean }): Environment {
  const { readOnly, alone } = how;
  if (!readOnly) makeFile(paths);
  const { opened, gate } = openAll(paths, readOnly);
  const { root, hosts } = opened;
  return {
    paths,
    ...opened,
    hosts: readOnly ? hosts : withHandledFailures(hosts, gate, paths.dir),
    gate,
    alone,
    async close() {
      await gate.close(() => root.close());
      if (alone) rmSync(paths.marker, { force: true });
    },
  };
}

/** The file and its tables, made where they are missing: others' commits wait for all of it. */
function openAll(paths: QueuePaths, readOnly: boolean) {
  try {
    const openTables = () => {
      const root = open({
        path: paths.environment,
        noSubdir: true,
        readOnly,
        maxDbs: 8,
        maxReaders: 256,
        mapSize: MAP_SIZE,
        // The plain order of LMDB, safe through power loss with no repair at the next start: see the head of this file.
        overlappingSync: false,
        // With batching by event turn a failed commit rejects a promise that nobody can reach.
        eventTurnBatching: false,
        ...ONE_COMMIT_A_TURN,
        ...SHARED_ENVIRONMENT,
      });
      const table = <V, K extends Key>(name: string, encoding?: "binary" | "string") =>
        root.openDB<V, K>(name, encoding === undefined ? {} : { encoding });
      const hosts: Database = table("hosts");
      return {
        root,
        hosts,
        entries: table<Buffer, string>("entries", "binary"),
        bodies: table<Buffer, string>("bodies", "binary"),
        due: table<string, [number, string, string]>("due", "string"),
        drops: table<string, string>("drops", "string"),
      };
    };
    return openGated(paths.environment, openTables, { probe });
  } catch (error) {
    throw cannotBeOpened(paths, error);
  }
}

/** LMDB that has given the queue up throws (panic-watch.ts). */
function probe({ root }: Pick<Environment, "root">): void {
  root.resetReadTxn();
  root.doesExist("0");
}

/** The table with its changes awaited through {@link committed}: a failed one rejects once, where its caller sees it. */
function withHandledFailures(table: Database, gate: LmdbGate, dir: string): Database {
  const put = table.put.bind(table) as (...args: unknown[]) => Promise<boolean>;
  const remove = table.remove.bind(table) as (...args: unknown[]) => Promise<boolean>;
  return Object.assign(table, {
    put: (...args: unknown[]) =>
      committed(
        gate.commit(() => put(...args)),
        dir,
      ),
    remove: (...args: unknown[]) =>
      committed(
        gate.commit(() => remove(...args)),
        dir,
      ),
  });
}

/** False where the first opening was cut short: lmdb gives no table then, whatever its types say. */
function hasAllTables(environment: Environment): boolean {
  const { entries, bodies, due } = environment;
  return [entries, bodies, due].every((table: Database | undefined) => table !== undefined);
}
