/**
 * Who is next at a mailbox, within this process: first come, first served.
 *
 * proper-lockfile knows one lock a file and process, and among those who merely poll, chance decides. Those of one
 * process therefore stand in line here, and only the one at its head polls for the lock.
 */
import type { Clock } from "../clock.ts";

/** Gives the turn to the next in line. */
export type EndTurn = () => void;

/** Those in line, by mailbox; the first entry stands for the one whose turn it is. */
const lines = new Map<string, (() => void)[]>();

/**
 * Waits for the turn at `key`.
 *
 * @param timeout milliseconds, 0 for no wait
 * @returns undefined when it did not come in time
 */
export function takeTurn(key: string, timeout: number, clock: Clock): Promise<EndTurn | undefined> {
  const line = lines.get(key);
  if (line === undefined) {
    const fresh: (() => void)[] = [() => undefined];
    lines.set(key, fresh);
    return Promise.resolve(endTurn(key, fresh));
  }
  if (timeout <= 0) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    const timer = clock.after(timeout, () => {
      line.splice(line.indexOf(called), 1);
      resolve(undefined);
    });
    const called = () => {
      timer.cancel();
      resolve(endTurn(key, line));
    };
    line.push(called);
  });
}

function endTurn(key: string, line: (() => void)[]): EndTurn {
  let over = false;
  return () => {
    if (over) return;
    over = true;
    line.shift();
    const next = line[0];
    if (next === undefined) lines.delete(key);
    else next();
  };
}
