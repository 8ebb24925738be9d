/**
 * The look-up of genericstable (proto.m4, MasqHdr): the public address of one of our senders.
 */
import type { Table } from "./table.ts";

/** Told of each key that was tried. */
export type RecordKey = (key: string, value: string | undefined) => void;

/**
 * Looks a sender up: `user+detail@domain`, `user+*@domain`, `user@domain`, `@domain`, then the local part alone in the same
 * forms. `%1` in a value is the detail, or the user for `@domain`.
 *
 * @param domain lower case; for an address without one the host's own name
 * @returns the key that was found and the address, which may lack a domain
 */
export function findGenericSender(
  table: Table,
  localPart: string,
  domain: string,
  record: RecordKey = () => undefined,
): { readonly key: string; readonly address: string } | undefined {
  const user = localPart.toLowerCase();
  const plus = user.indexOf("+");
  const forms = (at: string): (readonly [key: string, argument: string])[] =>
    plus <= 0
      ? [[`${user}${at}`, user]]
      : [
          [`${user}${at}`, user],
          [`${user.slice(0, plus)}+*${at}`, localPart.slice(plus + 1)],
          [`${user.slice(0, plus)}${at}`, localPart.slice(0, plus)],
        ];
  for (const [key, argument] of [...forms(`@${domain}`), [`@${domain}`, localPart] as const, ...forms("")]) {
    const value = table.get(key);
    record(key, value);
    if (value !== undefined) return { key, address: value.replaceAll("%1", argument) };
  }
  return undefined;
}
