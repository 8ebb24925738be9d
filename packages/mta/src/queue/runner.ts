/**
 * The queue runner: takes messages whose time has come to their mailers and records what became of them.
 *
 * It holds ids and the entries under way, never the queue: the due index in the store says what comes next. A message
 * accepted a moment ago is attempted at once; one written by another process is found within a second. After an attempt
 * its results, the next attempt and the reports are one commit; until that is durable the message is not touched again.
 */
import type { Clock, Timer } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Mailer } from "../deliver/mailer.ts";
import { logHeld } from "../log/message-log.ts";
import type { Rewriting } from "../rewrite/rewriting.ts";
import { DueScan } from "./due-scan.ts";
import { type AttemptResult, type Lane, Lanes } from "./lanes.ts";
import type { ResolveLate } from "./late-recipients.ts";
import { isKeptBack, type QueueEntry } from "./queue-entry.ts";
import { type DueRow, dueRowsOf, isProgramLane, laneOf, type QueueStore } from "./queue-store.ts";
import { type ResolveAddress, reportSettings, resolveRemote } from "./reporting.ts";
import { LOCAL_PART, type Part, Round, type RoundParts } from "./round.ts";
import { isSelected, type QueueSelection } from "./selection.ts";

/** What the runner works with. */
export interface RunnerParts {
  readonly store: QueueStore;
  readonly local: Mailer;
  readonly remote: Mailer;
  /** Absent: mailers get messages as they came. */
  readonly rewriting?: Rewriting;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly log: Log;
  readonly hostname: string;
  /** Where reports go; by default to the host of the sender's domain, which is wrong for senders of our own. */
  readonly resolve?: ResolveAddress;
  /** As {@link resolve}, for recipients of which nothing could be said yet. */
  readonly resolveLate?: ResolveLate;
  /** True while another runner, which starts nothing more, has a message under way: it is left alone. */
  readonly isTaken?: (id: string) => boolean;
  /** True for a domain that has a way of its own beside the smart host (mailertable). */
  readonly isRouted?: (domain: string) => boolean;
  /** Remote attempts under way at once, 1,000. */
  readonly maxRemote?: number;
  /** How often the due index is looked at for messages of other processes (ms), 1,000. */
  readonly poll?: number;
}

/** A runner at work. */
export interface Runner {
  /** A message was committed just now: attempts it at once. */
  submitted(entry: QueueEntry): void;
  /** Looks at the due index now. */
  wake(): void;
  /** Attempts everything that is not kept back, or what a selection is for, whatever its destinations wait for. */
  runAll(selection?: QueueSelection): void;
  /** True while attempts on a message are under way or not recorded yet. */
  isUnderWay(id: string): boolean;
  /** The ids of those messages. */
  underWay(): string[];
  /** Starts nothing more; resolves when the attempts under way are recorded, however long the disk is full. */
  retire(): Promise<void>;
  /** As {@link retire}, but the host stops: a record that cannot be made is given up. */
  stop(): Promise<void>;
  /** Resolves when nothing is under way or due. */
  idle(): Promise<void>;
}

/** Local attempts under way: in all, and for one mailbox. Mailboxes gather letters for up to 500 ms (deliver/mailbox-gathering). */
const LOCAL = { total: 2000, first: 200, perLane: 200, failing: 200, putOff: 200 };
/** Remote attempts under way: in all, and for a destination that is new, fails, or is left alone for a time. */
const REMOTE = { total: 1000, first: 5, failing: 1, putOff: 50 };
/** The lane and the part of everything that goes to the smart host. */
const SMART_HOST = "*";

/** Starts running the queue. */
export function startRunner(parts: RunnerParts): Runner {
  const runner = new QueueRunner(parts);
  runner.wake();
  return runner;
}

/** A message that was committed just now, with its rows in the due index. */
interface Given {
  readonly entry: QueueEntry;
  readonly rows: readonly DueRow[];
}

class QueueRunner implements Runner {
  readonly #parts: RunnerParts & { readonly resolve: ResolveAddress };
  readonly #roundParts: RoundParts;
  readonly #local = new Lanes(LOCAL);
  readonly #remote: Lanes;
  readonly #rounds = new Map<string, Round>();
  readonly #scan: DueScan;
  /** Ids whose entry cannot be read. */
  readonly #unreadable = new Set<string>();
  /** Ids that had no entry when their turn came: removed meanwhile. One that is imported again is looked for at the next pass. */
  readonly #gone = new Set<string>();
  /** Pieces of work that are not over, and who waits for them to be. */
  #underWay = 0;
  readonly #whenOver: (() => void)[] = [];
  readonly #idle: (() => void)[] = [];
  #timer: Timer | undefined;
  #stopped = false;
  #givesUp = false;

  constructor(parts: RunnerParts) {
    this.#parts = { ...parts, resolve: parts.resolve ?? resolveRemote };
    this.#roundParts = {
      ...this.#parts,
      times: parts.settings.queue,
      reports: reportSettings(parts.settings),
      partOf: (recipient) => partOf(this.#nameOf(laneOf(recipient))),
      enqueued: (reports) => {
        for (const report of reports) this.submitted(report);
      },
      givesUp: () => this.#givesUp,
    };
    // An attempt counts until it is on record, which takes longer than the hand-over: connections are not to wait for it.
    const perLane = Math.max(REMOTE.first, 4 * parts.settings.relay.maxConnectionsPerDestination);
    this.#remote = new Lanes({ ...REMOTE, total: parts.maxRemote ?? REMOTE.total, perLane });
    this.#scan = new DueScan({
      store: parts.store,
      now: () => parts.clock.now(),
      nameOf: (row) => this.#nameOf(row.lane),
      lanesOf: (name) => (isLocal(name) ? this.#local : this.#remote),
      isBusy: (row) => this.#isBusy(row),
      taken: () => this.#pump(),
      done: () => this.#scanned(),
      failed: (error) => parts.log.write("error", `SYSERR(queue): cannot be read: ${messageOf(error)}`),
    });
  }

  submitted(entry: QueueEntry): void {
    if (this.#stopped || isKeptBack(entry) || this.#rounds.has(entry.id)) return;
    const rows = dueRowsOf(entry);
    for (const row of rows) {
      const name = this.#nameOf(row.lane);
      const lanes = isLocal(name) ? this.#local : this.#remote;
      const lane = this.#rounds.get(entry.id)?.isActive(partOf(name)) ? undefined : lanes.startAtOnce(name);
      if (lane !== undefined) this.#start(lane, entry.id, { entry, rows });
      else if (!this.#isBusy(row)) lanes.offerNew(name, entry.id, { at: row.at, id: "", lane: "" });
    }
    this.#pump();
  }

  wake(): void {
    this.#gone.clear();
    if (!this.#stopped) this.#scan.start();
  }

  runAll(selection?: QueueSelection): void {
    if (this.#stopped) return;
    const wanted = selection === undefined ? undefined : (entry: QueueEntry) => isSelected(entry, selection);
    this.#remote.forgive();
    this.#track(
      this.#parts.store.forceAll(this.#parts.clock.now(), wanted).then(
        () => {
          this.#scan.rewind();
          this.wake();
        },
        (error: unknown) => this.#parts.log.write("error", `SYSERR(queue): run: ${messageOf(error)}`),
      ),
    );
  }

  isUnderWay(id: string): boolean {
    return this.#rounds.has(id);
  }

  underWay(): string[] {
    return [...this.#rounds.keys()];
  }

  stop(): Promise<void> {
    this.#givesUp = true;
    return this.retire();
  }

  async retire(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#scan.stop();
    this.#local.clear();
    this.#remote.clear();
    while (this.#underWay > 0) await new Promise<void>((over) => this.#whenOver.push(over));
    this.#tellIdle();
  }

  idle(): Promise<void> {
    const quiet = new Promise<void>((done) => this.#idle.push(done));
    if (this.#stopped) this.#tellIdle();
    else this.wake();
    return quiet;
  }

  /** The lane that messages of a row's lane wait in: with a smart host all remote ones share one, unless they go elsewhere. */
  #nameOf(lane: string): string {
    const { settings, isRouted } = this.#parts;
    if (isLocal(lane) || lane.startsWith(">") || settings.relay.smartHost === undefined) return lane;
    return isRouted?.(lane) === true ? lane : SMART_HOST;
  }

  #isBusy(row: DueRow): boolean {
    if (this.#isNotOurs(row)) return true;
    return this.#rounds.get(row.id)?.isActive(partOf(this.#nameOf(row.lane))) ?? false;
  }

  #isNotOurs({ id }: DueRow): boolean {
    return this.#unreadable.has(id) || this.#gone.has(id) || this.#parts.isTaken?.(id) === true;
  }

  /** Starts whatever may start. */
  #pump(): void {
    for (const lanes of [this.#local, this.#remote]) {
      for (let next = this.#take(lanes); next !== undefined; next = this.#take(lanes)) {
        this.#start(next.lane, next.id);
      }
    }
  }

  #take(lanes: Lanes): ReturnType<Lanes["take"]> {
    return this.#stopped ? undefined : lanes.take();
  }

  #start(lane: Lane, id: string, given?: Given): void {
    this.#underWay++;
    void this.#attempt(lane, id, given).then((result) => this.#ended(lane, result));
  }

  #ended(lane: Lane, result: AttemptResult): void {
    try {
      const lanes = isLocal(lane.name) ? this.#local : this.#remote;
      const more = lanes.finished(lane, result);
      if (more !== undefined && !this.#stopped) this.#scan.refill(more);
      this.#pump();
    } finally {
      this.#over();
    }
  }

  /** One attempt of one part of a message. Never rejects. */
  async #attempt(lane: Lane, id: string, given?: Given): Promise<AttemptResult> {
    const part = partOf(lane.name);
    let round: Round | undefined;
    try {
      const found = this.#rounds.get(id) ?? this.#open(id, given);
      if (found?.begin(part) !== true) return "none";
      round = found;
      const fault = this.#parts.store.bodyFault(round.entry);
      if (fault === undefined) return await round.attempt(part, lane.failing);
      round.leave();
      logHeld(this.#parts.log, id, fault);
      await this.#parts.store.hold(id, fault);
      return "none";
    } catch (error) {
      this.#parts.log.write("error", `${id}: SYSERR(runner): ${messageOf(error)}`);
      return "none";
    } finally {
      round?.close(part);
      // A message is read anew only when nothing of it is under way and the last commit is durable.
      if (round?.isOver === true) this.#rounds.delete(id);
    }
  }

  /** Opens a round for a message, unless it is gone, held or not due any more. */
  #open(id: string, given: Given | undefined): Round | undefined {
    const { store, clock } = this.#parts;
    const entry = given?.entry ?? store.get(id);
    // The store has named an entry that it cannot read; once is enough.
    if (entry === undefined) (store.isThere(id) ? this.#unreadable : this.#gone).add(id);
    if (entry === undefined || isKeptBack(entry) || entry.nextAttemptAt > clock.now()) return undefined;
    const round = new Round(entry, this.#roundParts, given?.rows);
    this.#rounds.set(id, round);
    return round;
  }

  #scanned(): void {
    this.#pump();
    this.#tellIdleIfSo();
    if (this.#stopped) return;
    this.#timer?.cancel();
    const poll = this.#parts.poll ?? 1000;
    const now = this.#parts.clock.now();
    const next = this.#parts.store.nextDue();
    const wait = next === undefined || next <= now ? poll : Math.min(poll, next - now);
    this.#timer = this.#parts.clock.after(wait, () => this.wake());
  }

  #track(work: Promise<void>): void {
    this.#underWay++;
    void work.finally(() => this.#over());
  }

  #over(): void {
    this.#underWay--;
    if (this.#underWay === 0) for (const tell of this.#whenOver.splice(0)) tell();
    this.#tellIdleIfSo();
  }

  #tellIdleIfSo(): void {
    if (this.#idle.length === 0 || this.#underWay > 0 || this.#scan.running) return;
    if (this.#stopped) this.#tellIdle();
    else if (this.#hasDue()) this.#scan.start();
    else this.#tellIdle();
  }

  #hasDue(): boolean {
    const rows = this.#parts.store.dueRows(this.#parts.clock.now(), 1000);
    return rows.some((row) => !this.#isNotOurs(row));
  }

  #tellIdle(): void {
    for (const done of this.#idle.splice(0)) done();
  }
}

/** Mailboxes, and messages with nothing left to try: they only have to be removed. */
function isLocal(lane: string): boolean {
  return lane === "" || lane.startsWith("/");
}

function partOf(lane: string): Part {
  return isLocal(lane) && !isProgramLane(lane) ? LOCAL_PART : lane;
}
