/**
 * A table of `/etc/mail`: keys on the left, values on the right.
 *
 * The rest of the product sees this interface only; whether an entry came from the text file or from the compiled
 * `.db` is the business of this folder.
 */

/** A read-only view of one table. Keys are folded to lower case by whoever made the table. */
export interface Table {
  /** The file that rules, for messages: `…/etc/mail/access` or `…/etc/mail/access.db`. */
  readonly file: string;
  /** The value of a key given in lower case, or undefined. Never blocks on anything but a local file. */
  get(key: string): string | undefined;
  /** Every entry, in no promised order. */
  entries(): Iterable<readonly [key: string, value: string]>;
}
