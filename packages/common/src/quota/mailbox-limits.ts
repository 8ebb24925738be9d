/**
 * How large a mailbox may get: its own entry in `etc/mail/quotas`, its domain's, or quota.mailbox.
 */
import { splitMailboxName } from "../mbox/mailbox-name.ts";
import type { QuotaSettings } from "../settings/roaming-settings.ts";
import type { Table } from "../tables/table.ts";

/** Finds limits. */
export type LimitOf = (name: string) => number;

/**
 * The limits of the moment.
 *
 * @returns octets by the name of a mailbox; 0: none
 */
export function mailboxLimits(quota: Pick<QuotaSettings, "mailbox">, table: Pick<Table, "get">): LimitOf {
  return (name) => {
    const { domain } = splitMailboxName(name);
    const found = table.get(name) ?? (domain === "" ? undefined : table.get(`@${domain}`));
    return found === undefined ? quota.mailbox : Number(found);
  };
}

/** How full a mailbox is, in whole per cent rounded down, so that 100 says that it is full. */
export function percentOf(size: number, limit: number): number {
  return Math.floor((size / limit) * 100);
}
