/**
 * What a test leaves behind, taken away in the opposite order to that in which it was made: a host is stopped before the
 * folder goes that it writes to. The runner's own clean-ups go first to last.
 */

/** What is cleaned up at its end: a test, or a run of the bench. */
export interface Scope {
  after(cleanUp: () => unknown): void;
}

const stacks = new WeakMap<Scope, (() => unknown)[]>();

/** Has `cleanUp` run at the end of the scope, before those that were asked for earlier; each runs whatever the others do. */
export function cleanUpLater(t: Scope, cleanUp: () => unknown): void {
  const known = stacks.get(t);
  if (known !== undefined) {
    known.push(cleanUp);
    return;
  }
  const stack = [cleanUp];
  stacks.set(t, stack);
  t.after(async () => {
    const faults: unknown[] = [];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      try {
        await next();
      } catch (error) {
        faults.push(error);
      }
    }
    if (faults.length > 0) throw faults[0];
  });
}
