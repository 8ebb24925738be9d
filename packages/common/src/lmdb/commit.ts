/**
 * Waits for what was written to an LMDB environment, and tells why it failed.
 *
 * When a commit fails, a full disk for one, lmdb rejects each write with `Commit failed` and hangs the cause on it as a
 * second promise, rejected as well: left alone, that one is an unhandled rejection and ends the process. With
 * `eventTurnBatching`, lmdb's default, there is a third that nobody can reach, so each environment is opened without.
 */

/**
 * Resolves or rejects as `write` does, with the cause in place of lmdb's general error.
 *
 * @param write what lmdb's put, remove, batch or transaction returned, or several of them in a Promise.all
 */
export async function committed<T>(write: Promise<T>): Promise<T> {
  try {
    return await write;
  } catch (error) {
    throw await commitCause(error);
  }
}

/** The error behind lmdb's `Commit failed`; any other error stays as it is. */
export async function commitCause(error: unknown): Promise<unknown> {
  const inner = (error as { commitError?: Promise<unknown> } | undefined)?.commitError;
  if (inner === undefined) return error;
  return inner.then(
    () => error,
    (cause: unknown) => cause,
  );
}
