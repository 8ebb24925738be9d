/**
 * Where mailbox indexes are kept: `var/lib/mailhost/pop3-index.mdb`, one LMDB environment for all mailboxes.
 *
 * It is a cache: whatever is wrong with it, the mailboxes are read again, and a fault is logged. What it alone knows is which
 * of several identical messages is called `.2`.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf, UserError } from "@mailhost/common/errors";
import { committed } from "@mailhost/common/lmdb/commit";
import { checkLmdbFile } from "@mailhost/common/lmdb/file";
import { type LmdbGate, openGated } from "@mailhost/common/lmdb/gate";
import { SHARED_ENVIRONMENT } from "@mailhost/common/lmdb/options";
import type { Log } from "@mailhost/common/log/log";
import type { Site } from "@mailhost/common/site";
import { EX_TEMPFAIL } from "@mailhost/common/sysexits";
import { open, type RootDatabase } from "lmdb";
import { HeldIndexes } from "./held-indexes.ts";
import { decodeHead, encodeHead, GENERATION, type IndexHead } from "./index-codec.ts";
import type { MailboxIndex } from "./mailbox-index.ts";
import { CHUNK, decodeChunk, encodeChunk, type MessageChunk } from "./message-chunk.ts";
import { MessageTable } from "./message-table.ts";

/** Indexes by mailbox name. A mailbox is used by the holder of its session lock only. */
export interface IndexStore {
  /** The index of a mailbox; undefined when there is none, or it is damaged, which is logged. */
  read(name: string): Promise<MailboxIndex | undefined>;
  /**
   * Replaces the index of a mailbox in one commit. A failure is logged, not thrown: the mailbox will be read again. Nobody has
   * to wait for it but whoever gives the session's lock back; what is asked for meanwhile is carried out behind it.
   *
   * @param unchanged so many messages at its start are as they are in the store
   */
  write(name: string, index: MailboxIndex, unchanged: number): Promise<void>;
  /** Drops the index of a mailbox that is not there any more; a failure is logged. */
  forget(name: string): Promise<void>;
  /** Drops the indexes of all mailboxes of which `isThere` says that they are gone; a failure is logged. */
  sweep(isThere: (name: string) => Promise<boolean>): Promise<void>;
  close(): Promise<void>;
}

/** Bytes of indexes that are held in memory for clients that come again and again. */
const HELD = 32 * 1024 * 1024;

/** Processes that may read at once: inetd starts a popper for each connection, and LMDB's 126 would turn the rest away. */
export const INDEX_READERS = 960;

/** Chunks coded before others get their turn: a large mailbox must not hold up the rest. */
const CHUNKS_A_TURN = 4;

/** Key of the head; chunks are 1, 2, … */
const HEAD = 0;

/** The file of a site's indexes. */
export function indexFile(site: Site): string {
  return join(site.stateDir, "pop3-index.mdb");
}

/** Opens the store; a file that is not sound is moved aside, named in the log, and a new one begun. */
export function openIndexStore(site: Site, { log, clock }: { log: Log; clock: Clock }): IndexStore {
  mkdirSync(site.stateDir, { recursive: true, mode: 0o750 });
  const path = indexFile(site);
  /** Mailboxes whose stored index is older than their session believes: their next write is a whole one. */
  const stale = new Set<string>();
  const how = {
    path,
    noSubdir: true,
    encoding: "binary",
    eventTurnBatching: false,
    maxReaders: INDEX_READERS,
    ...SHARED_ENVIRONMENT,
  } as const;
  const { opened: env, gate } = openShared(path, () => {
    // Now nobody else does: another process would put the new file aside.
    const state = checkLmdbFile(path);
    // A cache is not worth the doubt that a `suspect` file leaves.
    if ("reason" in state) moveAside(path, state.reason, log, clock);
    return open<Buffer, [string, number]>(how);
  });
  const held = new HeldIndexes(HELD);
  /** What is being written, by mailbox. */
  const writing = new Map<string, Promise<void>>();
  const write = async (name: string, index: MailboxIndex, unchanged: number) => {
    try {
      held.drop(name);
      const head = await writeIndex({ env, gate }, name, index, stale.has(name) ? 0 : unchanged);
      held.hold(name, head, { ...index, naming: head.naming });
      stale.delete(name);
    } catch (error) {
      stale.add(name);
      log.write("warn", `${path}: the index of ${name} can not be written: ${messageOf(error)}`);
    }
  };
  const forget = async (name: string) => {
    try {
      held.drop(name);
      if (env.get([name, HEAD]) !== undefined) await remove({ env, gate }, name);
    } catch (error) {
      log.write("warn", `${path}: the index of ${name} can not be dropped: ${messageOf(error)}`);
    }
  };
  /** Begins at once, unless something is being done to the same index. */
  const inTurn = (name: string, work: () => Promise<void>): Promise<void> => {
    const now = writing.get(name)?.then(work) ?? work();
    const done = now.finally(() => {
      if (writing.get(name) === done) writing.delete(name);
    });
    writing.set(name, done);
    return done;
  };
  return {
    async read(name) {
      await writing.get(name);
      try {
        const index = await readIndex(env, name, held);
        if (index !== "damaged") return index;
        log.write("warn", `${path}: the index of ${name} is damaged; the mailbox is read again`);
      } catch (error) {
        log.write("warn", `${path}: the index of ${name} can not be read: ${messageOf(error)}`);
      }
      return undefined;
    },
    write: (name, index, unchanged) => inTurn(name, () => write(name, index, unchanged)),
    forget: (name) => inTurn(name, () => forget(name)),
    async sweep(isThere) {
      try {
        for (const name of namesIn(env)) {
          if (!(await isThere(name))) await inTurn(name, () => forget(name));
        }
      } catch (error) {
        log.write("warn", `${path}: can not be swept: ${messageOf(error)}`);
      }
    },
    async close() {
      await Promise.all(writing.values());
      await gate.close(() => env.close());
    },
  };
}

/**
 * The index of one mailbox as it is stored, for somebody who only looks: nothing is made or moved.
 *
 * @throws Error when the store itself can not be read
 */
export async function readStoredIndex(
  site: Site,
  name: string,
): Promise<MailboxIndex | "damaged" | undefined> {
  const path = indexFile(site);
  const state = checkLmdbFile(path);
  if (state.kind === "absent") return undefined;
  if ("reason" in state) throw new Error(`${path}: ${state.reason}`);
  const { opened: env, gate } = openGated(path, () =>
    open<Buffer, [string, number]>({
      path,
      noSubdir: true,
      encoding: "binary",
      eventTurnBatching: false,
      readOnly: true,
    }),
  );
  try {
    return await readIndex(env, name, new HeldIndexes(0));
  } finally {
    await gate.close(() => env.close());
  }
}

/** @throws UserError when another process keeps it from being opened */
function openShared(path: string, opened: () => Env): { readonly opened: Env; readonly gate: LmdbGate } {
  try {
    return openGated(path, opened, { probe });
  } catch (error) {
    if (errnoOf(error) !== "EAGAIN") throw error;
    throw new UserError(`${path}: cannot be opened: ${messageOf(error)}`, EX_TEMPFAIL, { cause: error });
  }
}

function moveAside(path: string, fault: string, log: Log, clock: Clock): void {
  const aside = `${path}.damaged-${clock.now()}`;
  renameSync(path, aside);
  rmSync(`${path}-lock`, { force: true });
  log.write("error", `${path}: ${fault}; moved to ${aside}, all mailboxes are read again`);
}

type Env = RootDatabase<Buffer, [string, number]>;

/** LMDB that has given the file up throws. */
function probe(env: Env): void {
  env.resetReadTxn();
  env.doesExist(["", HEAD]);
}

/** An environment that is written. */
interface Written {
  readonly env: Env;
  readonly gate: LmdbGate;
}

async function readIndex(
  env: Env,
  name: string,
  held: HeldIndexes,
): Promise<MailboxIndex | "damaged" | undefined> {
  const stored = env.get([name, HEAD]);
  if (stored === undefined) return undefined;
  const head = decodeHead(stored);
  if (head === undefined) return "damaged";
  const known = held.get(name, head);
  if (known !== undefined) return known;
  const { identity, fingerprint, count, naming } = head;
  const { size } = identity;
  const chunks: MessageChunk[] = [];
  let after = 0;
  for (let from = 0; from < count; from += CHUNK) {
    const bytes = env.get([name, chunks.length + 1]);
    const chunk = bytes === undefined ? undefined : decodeChunk(bytes, { from, after, size });
    if (chunk === undefined || chunk.count !== Math.min(CHUNK, count - from)) return "damaged";
    chunks.push(chunk);
    after = chunk.start[chunk.count - 1]! + chunk.length[chunk.count - 1]!;
    if (chunks.length % CHUNKS_A_TURN === 0) await setImmediate();
  }
  const index = { identity, fingerprint, messages: new MessageTable(chunks), naming };
  if (head.outdated === true) return { ...index, outdated: true };
  held.hold(name, head, index);
  return index;
}

async function writeIndex(
  { env, gate }: Written,
  name: string,
  index: MailboxIndex,
  unchanged: number,
): Promise<IndexHead> {
  const { identity, fingerprint, messages } = index;
  const stored = env.get([name, HEAD]);
  const old = stored === undefined ? undefined : decodeHead(stored);
  const before = old?.count;
  const naming = index.naming ?? old?.naming ?? { format: "default", uidValidity: 0 };
  const generation = randomBytes(GENERATION);
  const head: IndexHead = { identity, fingerprint, count: messages.count, naming, generation };
  const chunks = messages.chunks.length;
  // Without a sound head nothing is known of the chunks behind it.
  const first = before === undefined ? 0 : Math.floor(unchanged / CHUNK);
  const values: Buffer[] = [];
  for (let chunk = first; chunk < chunks; chunk++) {
    values.push(encodeChunk(messages.chunks[chunk]!, chunk * CHUNK));
    if (values.length % CHUNKS_A_TURN === 0) await setImmediate();
  }
  // Within a transaction each write is carried out at once, and only the commit is left to fail.
  const write = () => {
    env.putSync([name, HEAD], encodeHead(head));
    for (const [i, value] of values.entries()) env.putSync([name, first + i + 1], value);
    const last = Math.ceil((before ?? 0) / CHUNK);
    for (let chunk = chunks; chunk < last; chunk++) env.removeSync([name, chunk + 1]);
  };
  await committed(gate.commit(() => env.transaction(write)));
  return head;
}

/** Names of the mailboxes that have an index. */
function* namesIn(env: Env): Generator<string> {
  let after: string | undefined;
  for (;;) {
    // Behind all chunks of the one before.
    const start: [string, number] = after === undefined ? ["", HEAD] : [after, Number.MAX_SAFE_INTEGER];
    const [key] = [...env.getKeys({ start, limit: 1 })];
    if (key === undefined) return;
    after = key[0];
    yield after;
  }
}

async function remove({ env, gate }: Written, name: string): Promise<void> {
  const takeOut = () => {
    const keys = [...env.getKeys({ start: [name, HEAD], end: [name, Number.MAX_SAFE_INTEGER] })];
    for (const key of keys) env.removeSync(key);
  };
  await committed(gate.commit(() => env.transaction(takeOut)));
}
