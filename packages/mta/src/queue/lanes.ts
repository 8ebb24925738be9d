/**
 * Lanes: the order in which waiting messages get their turn, one lane a mailbox or destination.
 *
 * A lane has only so many attempts under way, fewer while its destination fails, and keeps only so many ids waiting in
 * memory; what does not fit stays in the due index and is fetched when there is room. So a million messages for a dead
 * host take neither the memory nor the turns of others. Pure bookkeeping: nothing here delivers or waits.
 */
import type { DueRow } from "./queue-store.ts";

/** How much may be under way. */
export interface LaneLimits {
  /** Attempts under way in all lanes; lanes with none under way may go beyond, up to four times as many. */
  readonly total: number;
  /** Attempts under way in one lane at first; each success allows one more. */
  readonly first: number;
  /** The most that a lane gets to. */
  readonly perLane: number;
  /** Attempts under way in one lane after one that was deferred. */
  readonly failing: number;
  /** The same after one that was put off: the mailer leaves the destination alone, so attempts cost next to nothing. */
  readonly putOff: number;
}

/**
 * What an attempt says of its lane. `none`: nothing was tried, so nothing is known. `put-off`: deferred to a time that
 * the mailer named, until which it does not call the destination.
 */
export type AttemptResult = "delivered" | "deferred" | "put-off" | "none";

/** One lane. */
export interface Lane {
  readonly name: string;
  readonly active: number;
  /** Its last attempt was deferred. */
  readonly failing: boolean;
  /** Where to look for more of it in the due index, after this row, when not all could be taken in. */
  skipped?: DueRow;
}

interface State extends Lane {
  active: number;
  failing: boolean;
  limit: number;
  /** Ids in the order in which they came: those of the due index, and those of messages accepted just now. They take turns. */
  readonly waiting: Set<string>;
  readonly fresh: Set<string>;
  /** The next is of the due index. */
  dueNext: boolean;
}

/** Ids that one lane keeps waiting, by how many wait in all. */
const WAITING: readonly (readonly [below: number, perLane: number])[] = [
  [10_000, 100],
  [50_000, 10],
  [100_000, 1],
];

/** Ids of messages accepted just now that one lane keeps waiting, and all lanes: bursts of some seconds. */
const NEW_PER_LANE = 5000;
const MOST_NEW = 20_000;

/** Lanes without anything to do whose limit is remembered: a burst to a destination that takes mail begins where the last one ended. */
const REMEMBERED = 200;

/** All lanes of one kind, local or remote. */
export class Lanes {
  readonly #limits: LaneLimits;
  readonly #lanes = new Map<string, State>();
  /** What lanes that are gone had got to by their successes, the latest last. */
  readonly #reached = new Map<string, number>();
  /** Lanes with something waiting; the first is next. */
  readonly #ready = new Set<State>();
  #waiting = 0;
  #fresh = 0;
  #active = 0;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  /** Ids waiting for their turn; one that waits in two lanes counts twice. */
  get waiting(): number {
    return this.#waiting + this.#fresh;
  }

  /** No more ids can be taken in. */
  get full(): boolean {
    return this.#room() === 0;
  }

  /** Takes an id in. Returns false when there is no room: it stays in the due index after the row `before`. */
  offer(name: string, id: string, before: DueRow): boolean {
    const lane = this.#lane(name);
    if (lane.waiting.has(id) || lane.fresh.has(id)) return true;
    if (lane.waiting.size >= this.#room()) {
      if (lane.skipped === undefined || compareRows(before, lane.skipped) < 0) lane.skipped = before;
      return false;
    }
    lane.waiting.add(id);
    this.#waiting++;
    this.#ready.add(lane);
    return true;
  }

  /**
   * As {@link offer}, for a message that was accepted just now: it is in memory all the same, and not in the due index before some
   * seconds have passed. While a destination fails it has time.
   */
  offerNew(name: string, id: string, before: DueRow): boolean {
    const lane = this.#lane(name);
    if (lane.failing || lane.fresh.size >= NEW_PER_LANE || this.#fresh >= MOST_NEW) {
      return this.offer(name, id, before);
    }
    if (lane.waiting.has(id) || lane.fresh.has(id)) return true;
    lane.fresh.add(id);
    this.#fresh++;
    this.#ready.add(lane);
    return true;
  }

  /**
   * The next id whose turn it is, with its lane; the lane counts it as under way. Lanes take turns. Undefined: none may
   * start now.
   */
  take(): { readonly id: string; readonly lane: Lane } | undefined {
    for (const lane of this.#ready) {
      if (!this.#mayStart(lane)) continue;
      const id = this.#next(lane);
      this.#ready.delete(lane);
      if (isWaitedFor(lane)) this.#ready.add(lane);
      this.#start(lane);
      return { id, lane };
    }
    return undefined;
  }

  /** Starts at once, past the waiting list, when nothing of the lane waits and it has a turn free. */
  startAtOnce(name: string): Lane | undefined {
    const lane = this.#lane(name);
    if (isWaitedFor(lane) || lane.skipped !== undefined || !this.#mayStart(lane)) {
      this.#forget(lane);
      return undefined;
    }
    this.#start(lane);
    return lane;
  }

  /**
   * An attempt is over.
   *
   * @returns the lane's name when more of it should be looked for in the due index
   */
  finished({ name }: Lane, result: AttemptResult): string | undefined {
    const lane = this.#lane(name);
    lane.active--;
    this.#active--;
    if (result === "delivered") {
      lane.failing = false;
      lane.limit = Math.min(Math.max(lane.limit, this.#limits.first) + 1, this.#limits.perLane);
    } else if (result !== "none") {
      lane.failing = true;
      lane.limit = result === "put-off" ? this.#limits.putOff : this.#limits.failing;
    }
    this.#forget(lane);
    return lane.skipped !== undefined && lane.waiting.size <= this.#room() / 2 ? name : undefined;
  }

  /** The lane of a name; undefined when it has nothing under way, waiting or left behind. */
  find(name: string): Lane | undefined {
    return this.#lanes.get(name);
  }

  /** An administrator asked for a run: failures so far do not count. */
  forgive(): void {
    for (const lane of this.#lanes.values()) {
      lane.failing = false;
      lane.limit = this.#limits.first;
    }
  }

  /** Drops everything that waits. */
  clear(): void {
    for (const lane of this.#lanes.values()) {
      lane.waiting.clear();
      lane.fresh.clear();
      delete lane.skipped;
      this.#forget(lane);
    }
    this.#ready.clear();
    this.#waiting = 0;
    this.#fresh = 0;
  }

  /** Nothing of the lane is left in the due index. */
  caughtUp(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane === undefined) return;
    delete lane.skipped;
    this.#forget(lane);
  }

  /** Takes out the id whose turn it is. */
  #next(lane: State): string {
    const isDue = lane.fresh.size === 0 || (lane.dueNext && lane.waiting.size > 0);
    const ids = isDue ? lane.waiting : lane.fresh;
    const [id] = ids;
    ids.delete(id!);
    if (isDue) this.#waiting--;
    else this.#fresh--;
    lane.dueNext = !isDue;
    return id!;
  }

  #mayStart(lane: State): boolean {
    if (lane.active >= lane.limit) return false;
    return this.#active < this.#limits.total || (lane.active === 0 && this.#active < 4 * this.#limits.total);
  }

  #start(lane: State): void {
    lane.active++;
    this.#active++;
  }

  #room(): number {
    return WAITING.find(([below]) => this.#waiting < below)?.[1] ?? 0;
  }

  #lane(name: string): State {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      const limit = this.#reached.get(name) ?? this.#limits.first;
      this.#reached.delete(name);
      lane = { name, active: 0, failing: false, limit, waiting: new Set(), fresh: new Set(), dueNext: true };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #forget(lane: State): void {
    if (lane.active === 0 && !isWaitedFor(lane) && lane.skipped === undefined) {
      this.#lanes.delete(lane.name);
      if (!lane.failing && lane.limit > this.#limits.first) this.#remember(lane);
    }
  }

  #remember({ name, limit }: State): void {
    this.#reached.set(name, limit);
    if (this.#reached.size <= REMEMBERED) return;
    const [oldest] = this.#reached.keys();
    this.#reached.delete(oldest!);
  }
}

function isWaitedFor({ waiting, fresh }: State): boolean {
  return waiting.size > 0 || fresh.size > 0;
}

/** Order of the due index. */
export function compareRows(a: DueRow, b: DueRow): number {
  if (a.at !== b.at) return a.at - b.at;
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return a.lane < b.lane ? -1 : a.lane > b.lane ? 1 : 0;
}
