/**
 * Group commit: changes to the queue that are asked for at about the same time are made durable together.
 *
 * A commit costs two writes to the disk whatever is in it, so one that others are about to join waits for them a moment:
 * the longer the more messages come in side by side, and never when one comes in alone. What somebody waits for (an
 * acceptance, whose `250` is due) starts the commit; what nobody waits for (a result of a delivery) joins the next one, and
 * starts one of its own when none has come for a while. Nothing is acknowledged before its commit is on stable storage.
 */
import type { Clock, Timer } from "@mailhost/common/clock";

/** A commit starts when this part of the messages that come in side by side waits for it, … */
const PART = 0.3;
/** … or so long after the last one started, for each of those messages (ms), … */
const PER_SIBLING = 0.15;
/** … and never later than this (ms). */
const LONGEST = 25;
/** How long a change that nobody waits for waits for others (ms). */
const PATIENCE = 10;
/** Longer than anything waits: so long a change that waits keeps the process from ending by itself (ms). */
const STAY = 1000;
/**
 * In this time half of the number of messages side by side is forgotten (ms). Short commits let it look small: who is accepted at once is
 * not seen beside the others. So it takes more than a few of them to forget what came in together a moment ago.
 */
const HALF_FORGOTTEN = 400;

/** A change: puts its writes into the environment's next transaction. */
type Write<T> = () => Promise<T>;

/** What groups commits. */
export interface CommitGroupsOptions {
  /** Absent: nothing ever waits, as is right where one message is handed in and the process ends. */
  readonly clock?: Clock;
  /** How long a change that nobody waits for waits for others (ms); by default 10. */
  readonly patience?: number;
}

/** Gathers changes into commits. */
export class CommitGroups {
  readonly #clock: Clock | undefined;
  readonly #patience: number;
  #waiting: (() => Promise<unknown>)[] = [];
  /** Changes of this turn of the event loop still get into the transaction that has been begun. */
  #state: "idle" | "open" | "committing" = "idle";
  #timer: Timer | undefined;
  #stay: NodeJS.Timeout | undefined;
  #timerAt = Number.POSITIVE_INFINITY;
  #lastStart = Number.NEGATIVE_INFINITY;
  /** Messages on their way in, and those that wait for their commit. */
  #receiving = 0;
  #accepting = 0;
  #siblings = 0;
  /** Messages that wait for the commit that has not started. */
  #gathered = 0;
  #drained = false;

  constructor(options: CommitGroupsOptions = {}) {
    this.#clock = options.clock;
    this.#patience = options.patience ?? PATIENCE;
  }

  /** One message comes in at a time. */
  get isAlone(): boolean {
    return this.#siblings < 2;
  }

  /** Messages are on their way in, or wait for their commit. */
  get isReceiving(): boolean {
    return this.#receiving > 0 || this.#accepting > 0;
  }

  /** A message begins to come in. */
  begin(): void {
    this.#receiving++;
    this.#siblings = Math.max(this.#siblings, this.#receiving + this.#accepting);
  }

  /** It has come in, or will not. */
  end(): void {
    this.#receiving--;
  }

  /** Somebody waits for this change. */
  async urgent<T>(write: Write<T>): Promise<T> {
    this.#accepting++;
    this.#siblings = Math.max(this.#siblings, this.#receiving + this.#accepting);
    if (this.#state !== "open") this.#gathered++;
    try {
      const wait = this.#gathered >= this.#siblings * PART ? 0 : PER_SIBLING * this.#siblings;
      return await this.#add(write, Math.min(LONGEST, wait), this.#lastStart);
    } finally {
      this.#accepting--;
    }
  }

  /** Nobody waits for this change. */
  patient<T>(write: Write<T>): Promise<T> {
    return this.#add(write, this.#patience, this.#now());
  }

  /** Nothing waits for company any more; resolves when nothing is waiting or being written. */
  async drain(): Promise<void> {
    this.#drained = true;
    while (this.#state !== "idle" || this.#waiting.length > 0) {
      if (this.#state === "idle") this.#start();
      await new Promise(setImmediate);
    }
  }

  #add<T>(write: Write<T>, wait: number, since: number): Promise<T> {
    // With nothing to wait for, the change goes into the transaction of this very turn.
    if (this.#state === "open") return write();
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push(() => {
        const written = begun(write);
        written.then(resolve, reject);
        return written;
      });
      // A clock that was set back makes nobody wait longer.
      this.#schedule(Math.min(since, this.#now()) + wait);
    });
  }

  #now(): number {
    return this.#clock?.now() ?? 0;
  }

  #schedule(at: number): void {
    const now = this.#now();
    if (this.#clock === undefined || this.#drained || at <= now) this.#due();
    else if (at < this.#timerAt) {
      this.#timerAt = at;
      this.#timer?.cancel();
      this.#timer = this.#clock.after(at - now, () => this.#due());
      // A clock's timers let a process end; this one has something to write first.
      this.#stay ??= setTimeout(() => undefined, STAY);
    }
  }

  /** It is time; a commit under way is waited for. */
  #due(): void {
    if (this.#state !== "idle") this.#timerAt = Number.NEGATIVE_INFINITY;
    else if (this.#waiting.length > 0) this.#start();
    else this.#timerAt = Number.POSITIVE_INFINITY;
  }

  #start(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    clearTimeout(this.#stay);
    this.#stay = undefined;
    this.#timerAt = Number.POSITIVE_INFINITY;
    this.#forget();
    this.#gathered = 0;
    this.#state = "open";
    // The environment begins to write in the check phase of this turn; what comes until then is part of it.
    setImmediate(() => {
      if (this.#state === "open") this.#state = "committing";
    });
    let last: Promise<unknown> = Promise.resolve();
    for (const write of this.#waiting.splice(0)) last = write();
    const over = () => this.#finished();
    last.then(over, over);
  }

  #forget(): void {
    const now = this.#now();
    const part = 0.5 ** (Math.max(0, now - this.#lastStart) / HALF_FORGOTTEN);
    // One that is alone again and again does not wait for those who have gone.
    const alone = this.#gathered === 1 && this.#receiving === 0;
    this.#siblings = Math.max(this.#receiving + this.#accepting, this.#siblings * (alone ? part / 2 : part));
    this.#lastStart = now;
  }

  #finished(): void {
    this.#state = "idle";
    if (this.#timerAt === Number.NEGATIVE_INFINITY) this.#due();
  }
}

function begun<T>(write: Write<T>): Promise<T> {
  try {
    return write();
  } catch (error) {
    return Promise.reject(error);
  }
}
