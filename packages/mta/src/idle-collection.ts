/**
 * Giving memory back after mail has ceased, and not before.
 *
 * The engine would collect all garbage as soon as nothing has happened for a few seconds. With no session left, the hidden classes of
 * sessions and messages are garbage too, and compiled code that relies on them is thrown away: the next burst of mail,
 * a minute later, took a third longer. So the mta runs without the engine's own collection of an idle program
 * (`--no-memory-reducer`, which holds for all threads of a process), and this one comes when little has happened for minutes, in the main thread and
 * in the one that writes mailboxes. Those that check passwords end when they are idle.
 */
import { performance } from "node:perf_hooks";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock, Timer } from "@mailhost/common/clock";

/** How often it is looked at, ms. */
const LOOK = 60_000;

/** So many looks in a row have to find it idle. */
const LOOKS = 5;

/** Of the time between two looks, so much may be busy: some hundred messages a minute. With none at all it is a third of that. */
const IDLE = 0.005;

/** How {@link collectWhenIdle} works. */
export interface IdleParts {
  readonly clock: Clock;
  /** The part of the time since it was last asked in which the event loop was busy, 0 to 1. */
  readonly busy: () => number;
  /** Collects all garbage. */
  readonly collect: () => void;
}

/** Collects all garbage once whenever mail has ceased for five minutes. */
export function collectWhenIdle({ clock, busy, collect }: IdleParts): { stop(): void } {
  let idle = 0;
  let timer: Timer;
  const look = () => {
    if (busy() >= IDLE) idle = 0;
    else if (++idle === LOOKS) {
      collect();
      // The collection itself was work.
      busy();
    }
    timer = clock.after(LOOK, look);
  };
  timer = clock.after(LOOK, look);
  return { stop: () => timer.cancel() };
}

/** How busy this thread's event loop was, see {@link IdleParts.busy}. */
export function loopBusiness(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/** Collects all garbage of this thread: some 20 ms. Twice, for what the first time only lets go of. */
export function collectGarbage(): void {
  // It stays exposed, to contexts that are made from now on: another thread may be in need of it.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("globalThis.gc") as (() => void) | undefined;
  collect?.();
  collect?.();
}
