/**
 * The fields behind the password in a line of shadow(5): when an account ends, and when its password does. Days are counted
 * from 1 January 1970, as there.
 */

/** Limits of an account; absent ones do not apply. */
export interface ShadowLimits {
  /** Day of the last change of the password; 0: it must be changed before anything else. */
  readonly changed?: number;
  /** Days that a password lasts. */
  readonly lasts?: number;
  /** Days after its end in which it still may be changed, and in which it still counts here. */
  readonly grace?: number;
  /** Day on which the account ends. */
  readonly ends?: number;
}

const DAY = 86_400_000;
/** shadow's way to say never. */
const NEVER = 99_999;

/** Reads the fields of a whole line, split at its colons. */
export function shadowLimits(fields: readonly string[]): ShadowLimits {
  const [, , changed, , lasts, , grace, ends] = fields.map((field) =>
    /^\d{1,9}$/.test(field) ? Number(field) : undefined,
  );
  return {
    ...(changed === undefined ? {} : { changed }),
    ...(lasts === undefined || lasts >= NEVER ? {} : { lasts }),
    ...(grace === undefined ? {} : { grace }),
    ...(ends === undefined ? {} : { ends }),
  };
}

/**
 * Why nobody may log in any more, or undefined.
 *
 * @param now ms since 1970
 */
export function expiry({ changed, lasts, grace = 0, ends }: ShadowLimits, now: number): string | undefined {
  const today = Math.floor(now / DAY);
  if (ends !== undefined && today >= ends) return "the account has expired";
  if (changed === 0) return "the password must be changed first";
  if (changed !== undefined && lasts !== undefined && today > changed + lasts + grace)
    return "the password has expired";
  return undefined;
}
