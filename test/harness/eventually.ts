/**
 * Waits for a condition instead of sleeping: the scenarios say what they wait for, and fail with it.
 */

/** How long, and the words for the failure. */
export interface EventuallyOptions {
  /** Milliseconds; 30 s when not given: only a failure takes that long, and a machine may be busy. */
  readonly within?: number;
  /** What was waited for; the end of the sentence "waited N s for …". A function tells how it stands when the time is over. */
  readonly what: string | (() => string);
}

/**
 * Resolves with the first value of `probe` that is neither undefined, null, false nor an error; asks 50 times a second.
 *
 * @throws when the time is over, with the last error of the probe as the cause
 */
export async function eventually<T>(
  probe: () => T | Promise<T>,
  { within = 30_000, what }: EventuallyOptions,
): Promise<Exclude<T, undefined | null | false>> {
  const end = Date.now() + within;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      last = undefined;
      if (value !== undefined && value !== null && value !== false) {
        return value as Exclude<T, undefined | null | false>;
      }
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) {
      const missing = typeof what === "string" ? what : what();
      throw new Error(`waited ${within / 1000} s for ${missing}`, { cause: last });
    }
    await new Promise((resume) => setTimeout(resume, 20));
  }
}
