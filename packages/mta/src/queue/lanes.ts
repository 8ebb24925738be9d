/**
 * Lanes: the order in which waiting messages get their turn, one lane a mailbox or remote domain.
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
}

/** A place in the due index: what comes after it has not been looked at. */
export type DuePlace = Pick<DueRow, "at" | "id">;

/** One lane. */
export interface Lane {
  readonly name: string;
  readonly active: number;
  /** Its last attempt was deferred. */
  readonly failing: boolean;
  /** Where to look for more of it in the due index, when not all could be taken in. */
  skipped?: DuePlace;
}

interface State extends Lane {
  active: number;
  failing: boolean;
  limit: number;
  readonly waiting: string[];
}

/** Ids that one lane keeps waiting, by how many wait in all. */
const WAITING: readonly (readonly [below: number, perLane: number])[] = [
  [10_000, 100],
  [50_000, 10],
  [100_000, 1],
];

/** All lanes of one kind, local or remote. */
export class Lanes {
  readonly #limits: LaneLimits;
  readonly #lanes = new Map<string, State>();
  /** Lanes with something waiting; the first is next. */
  readonly #ready = new Set<State>();
  readonly #queued = new Set<string>();
  #active = 0;

  constructor(limits: LaneLimits) {
    this.#limits = limits;
  }

  /** Attempts under way. */
  get active(): number {
    return this.#active;
  }

  /** Ids waiting for their turn. */
  get waiting(): number {
    return this.#queued.size;
  }

  /** No more ids can be taken in. */
  get full(): boolean {
    return this.#room() === 0;
  }

  /** True when the id waits for its turn. */
  has(id: string): boolean {
    return this.#queued.has(id);
  }

  /** True when the lane takes in no more ids for now. */
  isFull(name: string): boolean {
    return (this.#lanes.get(name)?.waiting.length ?? 0) >= this.#room();
  }

  /** Takes an id in. Returns false when there is no room: it stays in the due index after `place`. */
  offer(name: string, id: string, place: DuePlace): boolean {
    if (this.#queued.has(id)) return true;
    const lane = this.#lane(name);
    if (this.isFull(name)) {
      if (lane.skipped === undefined || comparePlaces(place, lane.skipped) < 0) lane.skipped = place;
      return false;
    }
    lane.waiting.push(id);
    this.#queued.add(id);
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
      const id = lane.waiting.shift()!;
      this.#queued.delete(id);
      this.#ready.delete(lane);
      if (lane.waiting.length > 0) this.#ready.add(lane);
      this.#start(lane);
      return { id, lane };
    }
    return undefined;
  }

  /** Starts at once, past the waiting list, when nothing of the lane waits and it has a turn free. */
  startAtOnce(name: string): Lane | undefined {
    const lane = this.#lane(name);
    if (lane.waiting.length > 0 || lane.skipped !== undefined || !this.#mayStart(lane)) {
      this.#forget(lane);
      return undefined;
    }
    this.#start(lane);
    return lane;
  }

  /**
   * An attempt is over.
   *
   * @param result `none`: nothing was tried, so nothing is known of the destination
   * @returns the lane's name when more of it should be looked for in the due index
   */
  finished(lane: Lane, result: "delivered" | "deferred" | "none"): string | undefined {
    const state = this.#lane(lane.name);
    state.active--;
    this.#active--;
    if (result === "delivered") {
      state.failing = false;
      state.limit = Math.min(Math.max(state.limit, this.#limits.first) + 1, this.#limits.perLane);
    } else if (result === "deferred") {
      state.failing = true;
      state.limit = this.#limits.failing;
    }
    this.#forget(state);
    return this.wantsMore(state.name) ? state.name : undefined;
  }

  /** True when part of the lane was left in the due index and there is room for it now. */
  wantsMore(name: string): boolean {
    const lane = this.#lanes.get(name);
    return lane?.skipped !== undefined && lane.waiting.length <= this.#room() / 2;
  }

  /** The lane of a name; undefined when it has nothing under way, waiting or left behind. */
  find(name: string): Lane | undefined {
    return this.#lanes.get(name);
  }

  /** Names of lanes with part left in the due index. */
  *skipping(): Iterable<string> {
    for (const lane of this.#lanes.values()) if (lane.skipped !== undefined) yield lane.name;
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
      lane.waiting.length = 0;
      delete lane.skipped;
      this.#forget(lane);
    }
    this.#ready.clear();
    this.#queued.clear();
  }

  /** Removes a lane that nothing is to be remembered of. */
  release(name: string): void {
    const lane = this.#lanes.get(name);
    if (lane !== undefined) this.#forget(lane);
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
    return WAITING.find(([below]) => this.#queued.size < below)?.[1] ?? 0;
  }

  #lane(name: string): State {
    let lane = this.#lanes.get(name);
    if (lane === undefined) {
      lane = { name, active: 0, failing: false, limit: this.#limits.first, waiting: [] };
      this.#lanes.set(name, lane);
    }
    return lane;
  }

  #forget(lane: State): void {
    if (lane.active === 0 && lane.waiting.length === 0 && lane.skipped === undefined)
      this.#lanes.delete(lane.name);
  }
}

/** Order of the due index. */
export function comparePlaces(a: DuePlace, b: DuePlace): number {
  if (a.at !== b.at) return a.at - b.at;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
