/**
 * Arguments in the value of a table: `%1` … `%9` stand for what the look-up found by, `%0` for the key itself.
 *
 * Sendmail's map_rewrite: `%%` is a percent sign, an argument that the look-up does not have is nothing, and a percent
 * sign before anything else stays.
 */

/** Puts a look-up's arguments into a value; `args[0]` is the key. */
export function withArguments(value: string, args: readonly string[]): string {
  return value.replace(/%(%|\d)/g, (_, what: string) => (what === "%" ? "%" : (args[Number(what)] ?? "")));
}

/** Told of each key that is looked up, with the value or undefined. */
export type RecordLookup = (key: string, value: string | undefined) => void;
