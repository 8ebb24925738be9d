/**
 * When the letters of a mailbox are worth a batch of their own. Each batch costs a lock and a sync, however many letters it has, and
 * letters that wait here are durable in the queue.
 *
 * - the first letter of a quiet mailbox goes at once, and so does all mail of one that gets it seldom
 * - a mailbox that gets mail in bursts waits for {@link WORTH_IT} letters, at most {@link LONGEST}
 * - nobody waits longer than {@link QUIET} when no mail comes in anywhere, or {@link NOTHING_COMES} when none is on its way either, and
 *   nobody once the host stops
 * - beyond {@link MOST_OCTETS} waiting everything goes at once
 */
import type { Clock, Timer } from "@mailhost/common/clock";

/** Letters that are worth a batch. */
export const WORTH_IT = 32;
/** The longest that a letter waits for others (ms). */
export const LONGEST = 500;
/**
 * No letter anywhere for so long: the host is quiet (ms). Longer than the queue lets messages wait for each other (commit-groups.ts) and
 * than a commit takes, since letters come from there in bursts.
 */
export const QUIET = 60;
/**
 * The same where no message is on its way in either (ms). A program on this machine or next to it that sends message after message takes
 * less from the end of one to the octets of the next. Whoever is further away sends so seldom that each letter may have a batch.
 */
export const NOTHING_COMES = 15;
/** Octets that may wait, all mailboxes together. */
export const MOST_OCTETS = 16 * 1024 * 1024;
/** Letters that come farther apart than this have nobody to wait for (ms). */
const SELDOM = LONGEST / 2;
/** A mailbox that has got nothing for so long is a quiet one (ms). */
export const FORGOTTEN = 2 * LONGEST;
/** Whoever has waited for so long is released: the next look may be so far away. */
const LATEST = LONGEST - NOTHING_COMES;
/** Any long time (ms). */
const ALIVE = 3_600_000;
/** How much the last interval counts in the average. */
const WEIGHT = 0.25;

/** What is remembered of a mailbox. */
export interface Gathered {
  /** When the last letter came (ms since 1970). */
  lastAt: number;
  /** How far letters are apart, on average (ms); infinite before the second. */
  apart: number;
  /** Letters that wait, and their octets. */
  letters: number;
  octets: number;
  /** When the first of them came. */
  since: number;
}

/** Mailboxes that wait. */
export class Gathering<T extends Gathered> {
  readonly #clock: Clock;
  readonly #release: (mailbox: T) => void;
  readonly #isComing: () => boolean;
  readonly #waiting = new Set<T>();
  #octets = 0;
  #lastAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  /** The clock's timers do not keep a process alive, and letters that wait must. */
  #alive: NodeJS.Timeout | undefined;
  #hurried = false;

  /**
   * @param release is given each mailbox once its letters are to be written
   * @param isComing whether more mail is on its way; by default it may always be
   */
  constructor(clock: Clock, release: (mailbox: T) => void, isComing: () => boolean = () => true) {
    this.#clock = clock;
    this.#release = release;
    this.#isComing = isComing;
  }

  /** Notes a letter. The caller counts it in the mailbox. */
  noteArrival(mailbox: Gathered): void {
    const now = this.#clock.now();
    const apart = Math.abs(now - mailbox.lastAt);
    if (apart > FORGOTTEN) mailbox.apart = Number.POSITIVE_INFINITY;
    else if (mailbox.apart === Number.POSITIVE_INFINITY) mailbox.apart = apart;
    else mailbox.apart += WEIGHT * (apart - mailbox.apart);
    mailbox.lastAt = now;
    this.#lastAt = now;
    if (mailbox.letters === 0) mailbox.since = now;
  }

  /** Whether a mailbox with letters to be written, which does not wait yet, is to wait for more. If so, it is released later. */
  waits(mailbox: T): boolean {
    if (this.#hurried || mailbox.letters >= WORTH_IT || mailbox.apart > SELDOM) return false;
    if (this.#ago(mailbox.since) >= LATEST || this.#isQuiet()) return false;
    if (this.#octets + mailbox.octets > MOST_OCTETS) {
      this.#releaseAll();
      return false;
    }
    this.#waiting.add(mailbox);
    this.#octets += mailbox.octets;
    this.#alive ??= setInterval(() => undefined, ALIVE);
    if (this.#timer === undefined) this.#lookLater();
    return true;
  }

  /** A letter came to a mailbox that waits. */
  grew(mailbox: T, octets: number): void {
    this.#octets += octets;
    if (this.#octets > MOST_OCTETS) this.#releaseAll();
    else if (mailbox.letters >= WORTH_IT) this.#let(mailbox);
  }

  /** Nobody waits any more, now and from now on. */
  hurry(): void {
    this.#hurried = true;
    this.#releaseAll();
  }

  #releaseAll(): void {
    for (const mailbox of [...this.#waiting]) this.#let(mailbox);
  }

  #look(): void {
    this.#timer = undefined;
    if (this.#isQuiet()) {
      this.#releaseAll();
      return;
    }
    for (const mailbox of [...this.#waiting]) if (this.#ago(mailbox.since) >= LATEST) this.#let(mailbox);
    if (this.#waiting.size > 0) this.#lookLater();
  }

  #isQuiet(): boolean {
    const ago = this.#ago(this.#lastAt);
    return ago >= QUIET || (ago >= NOTHING_COMES && !this.#isComing());
  }

  /** When the host may have become quiet. What is on its way now may turn out to be none: it is looked at again. */
  #lookLater(): void {
    const ago = this.#ago(this.#lastAt);
    const mayBeIn = ago < NOTHING_COMES ? NOTHING_COMES - ago : Math.min(NOTHING_COMES, QUIET - ago);
    this.#timer = this.#clock.after(Math.max(1, mayBeIn), () => this.#look());
  }

  /** A clock that was set back makes nobody wait. */
  #ago(time: number): number {
    const ago = this.#clock.now() - time;
    return ago < 0 ? Number.POSITIVE_INFINITY : ago;
  }

  #let(mailbox: T): void {
    this.#waiting.delete(mailbox);
    this.#octets -= mailbox.octets;
    if (this.#waiting.size === 0) {
      clearInterval(this.#alive);
      this.#alive = undefined;
    }
    this.#release(mailbox);
  }
}
