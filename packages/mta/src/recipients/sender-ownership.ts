/**
 * Whether an address is an account's own, so that whoever has logged in as it may send under it (auth.checkSender).
 *
 * Its own are: its name at every domain of ours; every address whose aliases and virtusertable entries lead to its mailbox,
 * `:include:` lists too; the address that genericstable and masquerading show it under; what etc/mail/senders grants. A
 * `.forward` is not looked at: where somebody has mail sent to makes nobody the owner of the name. An entry of virtusertable
 * or the aliases for one address at one domain says whose that address is, with any `+detail`, whatever the account of the name.
 */
import { domainKey, joinAddress, localPartKey, splitAddress } from "@mailhost/common/address";
import type { RewriteSettings } from "@mailhost/common/settings/sendmail-settings";
import { findGenericSender } from "@mailhost/common/tables/generic-senders";
import { findSenderGrant } from "@mailhost/common/tables/senders";
import type { Table } from "@mailhost/common/tables/table";
import { findVirtualUser } from "@mailhost/common/tables/virtual-users";
import { findDomainAccount, type RecipientParts, takesPlainAccounts } from "./recipient-parts.ts";
import { resolveRecipient } from "./resolve.ts";

/** What ownership is decided by. */
export interface OwnershipParts extends RecipientParts {
  /** etc/mail/senders. */
  readonly senders: Pick<Table, "get">;
  readonly genericstable?: Table;
  readonly rewrite?: Pick<RewriteSettings, "masqueradeAs">;
}

/** `why` names what makes the address the account's; `unknown`: that can not be told now. */
export type Ownership = { readonly why: string } | "unknown" | undefined;

/**
 * Decides; undefined when the address is somebody else's.
 *
 * @param account an account's name
 * @param sender an envelope sender, empty for `<>`, which belongs to everybody: receipts and reports have it
 */
export async function ownsSender(account: string, sender: string, parts: OwnershipParts): Promise<Ownership> {
  if (sender === "") return { why: "null sender" };
  const { localPart, domain } = splitAddress(sender);
  const address = joinAddress({ localPart, domain: domain === "" ? parts.hostname : domain });
  const granted = findSenderGrant(parts.senders, account, address);
  if (granted !== undefined) return { why: `senders: ${granted}` };
  const known = ownName(account, address, parts) ?? shownAs(account, address, parts);
  if (known !== undefined) return { why: known };
  const { log: _, onStep: __, ...quiet } = parts;
  const resolved = await resolveRecipient(address, { ...quiet, local: { ...parts.local, forwardPath: [] } });
  if (resolved.kind === "refused") return resolved.reply.code < 500 ? "unknown" : undefined;
  const leads = resolved.recipients.some(
    ({ target }) => target.kind === "mailbox" && target.name === account,
  );
  return leads ? { why: `mail for ${address} comes to ${account}` } : undefined;
}

/** The account's name at a domain of ours, with or without a `+detail`. */
function ownName(account: string, address: string, parts: OwnershipParts): string | undefined {
  const { localPart, domain } = splitAddress(address);
  const key = domainKey(domain);
  if (!parts.isLocalDomain(key)) return undefined;
  const name = localPartKey(localPart);
  const plus = parts.local?.preservePlusDetail === true ? -1 : name.indexOf("+");
  const bare = plus > 0 ? name.slice(0, plus) : name;
  const { virtusertable, aliases } = parts;
  const virtual = virtusertable && findVirtualUser(virtusertable, localPart, key);
  if (virtual !== undefined && !/^[@+]/.test(virtual.key)) return undefined;
  // What an entry says of an address, it says of every `+detail` of it.
  const forms = plus > 0 ? [name, `${bare}+*`, bare] : [name];
  if (forms.some((form) => aliases.get(`${form}@${key}`) !== undefined)) return undefined;
  const own = findDomainAccount(parts, { name, domain: key });
  if (own !== undefined) return own.name === account ? `${account} is itself` : undefined;
  const isPlain = takesPlainAccounts(parts, key) && (name === account || bare === account);
  return isPlain ? `${account} at a domain of ours` : undefined;
}

/** What genericstable and masquerading make of the account's own address. */
function shownAs(account: string, address: string, parts: OwnershipParts): string | undefined {
  const { localPart, domain } = splitAddress(account);
  const { masqueradeAs } = parts.rewrite ?? {};
  const same = (other: string) => {
    const [a, b] = [splitAddress(other), splitAddress(address)];
    return (
      localPartKey(a.localPart) === localPartKey(b.localPart) && domainKey(a.domain) === domainKey(b.domain)
    );
  };
  if (parts.genericstable !== undefined) {
    const found = findGenericSender(parts.genericstable, localPart, domain === "" ? parts.hostname : domain);
    const shown = found === undefined ? undefined : splitAddress(found.address);
    const whole =
      shown === undefined || shown.domain !== "" ? found?.address : `${shown.localPart}@${parts.hostname}`;
    if (whole !== undefined && same(whole)) return `genericstable: ${found?.key}`;
  }
  if (masqueradeAs !== undefined && domain === "" && same(`${localPart}@${masqueradeAs}`))
    return `masqueradeAs: ${masqueradeAs}`;
  return undefined;
}
