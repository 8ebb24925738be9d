/**
 * One row of the table of options: what a setting is, takes and means.
 */

/** The kinds of values; each names how its text is read. */
export type Kind =
  | "string"
  | "boolean"
  | "integer"
  | "duration"
  | "size"
  | "addresses"
  | "strings"
  /** Addresses and networks (common network-list.ts). */
  | "networks"
  | "accounts"
  | "choice"
  /** A path relative to the site root, or false for none. */
  | "path"
  | "logFormat";

/** `unlimited`, what a number without a highest value may be: larger than any message or list of recipients. */
export const NO_LIMIT = Number.MAX_SAFE_INTEGER;

/** One setting. */
export interface Option {
  /** Dotted path in mailhost.yaml, `smtp.maxRecipients`. */
  readonly path: string;
  readonly kind: Kind;
  /** The default, in the type of {@link Settings}; undefined: unset. */
  readonly default: () => unknown;
  /** Lowest and highest value of a number, in ms or octets where it has a unit. */
  readonly min?: number;
  readonly max?: number;
  /** What a choice may be, the default first. */
  readonly choices?: readonly string[];
  readonly doc: string;
  /** Left out of the file that `mailhost init` writes. */
  readonly expert?: true;
}
