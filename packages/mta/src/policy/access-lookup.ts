/**
 * Searches in the access table, each remembered: the search order of Sendmail, and the list that `mailhost trace`
 * prints.
 *
 * At every step the tagged key (`Connect:`, `From:`, `To:`) is tried before the bare one.
 */
import { addressKeys, detailForms, domainKeys } from "@mailhost/common/tables/address-keys";
import type { Table } from "@mailhost/common/tables/table";
import { type AccessValue, readAccessValue } from "./access-value.ts";

/** One look-up that was made. */
export interface Lookup {
  /** The table as an administrator knows it: `access`, `local-host-names`, `relay-domains`, `drac`. */
  readonly table: string;
  readonly key: string;
  /** What the table said; undefined when it has no such key. */
  readonly value: string | undefined;
}

/** An entry that decides. */
export interface Found {
  /** The entry as it stands in the table: `connect:202.99.11`. */
  readonly key: string;
  readonly value: AccessValue;
}

/** A tag of the access table, lower case. */
export type Tag = "connect" | "from" | "to";

/** Searches in one access table; every look-up goes to `record`. */
export interface AccessSearch {
  /** By client address, shorter and shorter networks. */
  address(tag: Tag, ip: string): Found | undefined;
  /** By domain, then its parents. */
  domain(tag: Tag, domain: string): Found | undefined;
  /** By `user@domain`, tried with and without its `+detail`, then `user@` when `userAlone` is set. */
  mailbox(tag: Tag, user: string, domain: string, userAlone: boolean): Found | undefined;
}

/** Opens the searches of one decision. */
export function searchAccess(access: Table, record: Lookup[]): AccessSearch {
  const probe = (key: string): string | undefined => {
    const value = access.get(key);
    record.push({ table: "access", key, value });
    return value;
  };
  const first = (tag: Tag, keys: readonly string[]): Found | undefined => {
    for (const bare of keys) {
      for (const key of [`${tag}:${bare}`, bare]) {
        const value = probe(key);
        if (value === undefined) continue;
        const read = readAccessValue(value);
        // SKIP ends the search, whatever shorter keys would say.
        return read.kind === "skip" ? undefined : { key, value: read };
      }
    }
    return undefined;
  };
  return {
    address: (tag, ip) => first(tag, addressKeys(ip)),
    domain: (tag, domain) => first(tag, domainKeys(domain)),
    mailbox: (tag, user, domain, userAlone) =>
      first(tag, [
        ...(domain === "" ? [] : detailForms(user).map((u) => `${u}@${domain}`)),
        ...(userAlone ? detailForms(user).map((u) => `${u}@`) : []),
      ]),
  };
}
