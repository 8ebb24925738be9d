/**
 * Who hears of what goes wrong with a list: `owner-LIST` (aliases(5)).
 *
 * With an alias `owner-list` the envelope sender of what the list sends on is that alias' address when it is one, and
 * `owner-list` itself when it is several, a program, a file or another list. The owner of `owner-…` and of `…-request` is
 * `owner-owner`, so that the reports of owners do not go round.
 */
import { domainKey, localPartKey, splitAddress } from "@mailhost/common/address";
import type { RecipientParts, ResolvedRecipient } from "./recipient-parts.ts";

/** The envelope sender for what an alias sends on, or undefined when the alias has no owner. */
export function findListSender(parts: RecipientParts, alias: string): string | undefined {
  // An alias of one domain, `list@a.example`, has its owner there.
  const isOwners = alias.startsWith("owner-") || /-request(?:@[^@]*)?$/.test(alias);
  const owner = isOwners ? "owner-owner" : `owner-${alias}`;
  const targets = parts.aliases.get(owner);
  if (targets === undefined) return undefined;
  const [only] = targets;
  const address =
    targets.length > 1 || only === undefined
      ? owner
      : only.kind === "address"
        ? only.address
        : only.kind === "local"
          ? only.name
          : owner;
  return splitAddress(address).domain === "" ? `${address}@${parts.hostname}` : address;
}

/**
 * True when what the owner is sent comes to the list again: `owner-list: list`. A report of another host on a member would
 * then go round for ever, so a message from `<>` keeps its empty sender there.
 *
 * @param names aliases on the way, the list the last
 */
export function ownsItself(parts: RecipientParts, sender: string, names: readonly string[]): boolean {
  const { localPart, domain } = splitAddress(sender);
  const [name, key] = [localPartKey(localPart), domainKey(domain)];
  return parts.isLocalDomain(key) && (names.includes(name) || names.includes(`${name}@${key}`));
}

/** A recipient as the queue keeps it, of a message from `messageSender`; see {@link ownsItself}. */
export function recipientFor(
  found: ResolvedRecipient,
  messageSender: string,
): Omit<ResolvedRecipient, "ownsItself"> {
  // Nothing to take out, as in all that is no list's: a rest pattern costs more than what it is for.
  if (found.sender === undefined && found.senderUser === undefined && found.ownsItself === undefined)
    return found;
  const { ownsItself: own, sender, senderUser, ...rest } = found;
  if (sender === undefined || (own === true && messageSender === "")) return rest;
  return { ...rest, sender, ...(senderUser === undefined ? {} : { senderUser }) };
}
