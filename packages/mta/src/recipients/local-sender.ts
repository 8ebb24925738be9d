/**
 * Senders that are users of ours: the log tells whose mail it is (`ctladdr=<joe@us> (1000/1000)`).
 */
import { domainKey, localPartKey, splitAddress } from "@mailhost/common/address";
import { findAccount, type RecipientParts } from "./recipient-parts.ts";

/** How a sender is written in the log together with its user's ids, or undefined when it is no user of ours. */
export function senderUser(parts: RecipientParts, address: string, written: string): string | undefined {
  const { localPart, domain } = splitAddress(address);
  const key = domainKey(domain);
  if (localPart === "" || (domain !== "" && !parts.isLocalDomain(key))) return undefined;
  const account = findAccount(parts, { name: localPartKey(localPart), domain: key });
  return account?.uid === undefined ? undefined : `${written} (${account.uid}/${account.gid ?? 0})`;
}

/** An owner's address as aliases have it: a name of ours without our name. */
export function bareName(address: string, hostname: string): string {
  const { localPart, domain } = splitAddress(address);
  return domainKey(domain) === domainKey(hostname) ? localPart : address;
}
