/**
 * genericstable: the address under which a local sender is known outside.
 *
 * The order is that of Sendmail's rules: the whole address, `user+*@domain`, `user@domain`, `@domain`, then the local part
 * alone, `user+*`, `user`. In the values of `user+*` keys `%1` is the detail, in those of `@domain` the local part.
 */
import { domainKey, localPartKey } from "../address.ts";
import { type RecordLookup, withArguments } from "./map-arguments.ts";
import type { Table } from "./table.ts";

/** The entry that counts. */
export interface GenericSender {
  /** Its key, in lower case. */
  readonly key: string;
  /** The new address; a local part alone stays at our own domain. */
  readonly address: string;
}

/**
 * Looks a sender up. Whether its domain is one of class G is the caller's question.
 *
 * @param domain the sender's, or our host name for a sender without one
 * @param record told of every key, in the order in which they were tried
 * @returns undefined when no entry is for it
 */
export function findGenericSender(
  table: Table,
  localPart: string,
  domain: string,
  record?: RecordLookup,
): GenericSender | undefined {
  const at = `@${domainKey(domain)}`;
  const plus = localPart.indexOf("+", 1);
  const detailed = (suffix: string): Lookup[] => {
    if (plus < 0) return [];
    const user = localPart.slice(0, plus);
    return [
      { key: `${user}+*${suffix}`, args: [localPart.slice(plus + 1)] },
      { key: user + suffix, args: [] },
    ];
  };
  const lookups: Lookup[] = [
    { key: localPart + at, args: [] },
    ...detailed(at),
    { key: at, args: [localPart] },
    { key: localPart, args: [] },
    ...detailed(""),
  ];
  for (const { key, args } of lookups) {
    const folded = localPartKey(key);
    const value = table.get(folded);
    record?.(folded, value);
    if (value !== undefined) return { key: folded, address: withArguments(value, [key, ...args]).trim() };
  }
  return undefined;
}

interface Lookup {
  readonly key: string;
  readonly args: readonly string[];
}
