/**
 * From a recipient's address to where its mail goes: aliases, then accounts.
 *
 * An address at one of our domains is looked up among the aliases (lists and chains followed, at most
 * {@link MAX_ALIAS_DEPTH} deep), then among the accounts; `user+detail` is tried whole, then as `user`. Anything else goes to
 * another host. Whoever calls this has already decided that the client may send there.
 */

import type { Account, Accounts } from "@mailhost/common/accounts/accounts";
import { domainKey, joinAddress, localPartKey, splitAddress } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import type { AliasTable, AliasTarget } from "@mailhost/common/tables/aliases";
import { replyAbout } from "../policy/reply.ts";
import type { Target } from "../queue/queue-entry.ts";

/** Where the mail for one address goes. */
export type Resolved =
  | { readonly kind: "targets"; readonly recipients: readonly ResolvedRecipient[] }
  | { readonly kind: "refused"; readonly reply: SmtpReply };

/** One recipient after aliases. */
export interface ResolvedRecipient {
  readonly address: string;
  readonly target: Target;
}

/** What the look-up needs. */
export interface RecipientParts {
  readonly aliases: AliasTable;
  readonly accounts: Pick<Accounts, "find">;
  /** Completes an address that has no domain. */
  readonly hostname: string;
  isLocalDomain(domain: string): boolean;
  /** Told of every alias that was used, for trace. */
  onAlias?(name: string, targets: readonly AliasTarget[]): void;
}

/** Sendmail's MaxAliasRecursion. */
export const MAX_ALIAS_DEPTH = 10;

/** Most addresses that one recipient may become. */
const MAX_TARGETS = 10_000;

/** Names that every mail host answers for; without an alias they are root's. */
const MUST_EXIST = new Set(["postmaster", "mailer-daemon"]);

/** Resolves an envelope address. Files that a recipient names may be read, so it takes its time and keeps nobody waiting. */
export async function resolveRecipient(address: string, parts: RecipientParts): Promise<Resolved> {
  const expansion: Expansion = { parts, found: new Map(), seen: new Set(), fault: undefined };
  const { localPart, domain } = splitAddress(address);
  if (domain !== "" && !parts.isLocalDomain(domainKey(domain))) {
    addRemote(expansion, address, domain);
  } else {
    const known = expandName(expansion, localPartKey(localPart), [], joinAddress({ localPart, domain }));
    if (!known) return refused(replyAbout(address, 550, "5.1.1", "User unknown"));
  }
  const recipients = [...expansion.found.values()];
  switch (expansion.fault) {
    case "loop":
      return refused(replyAbout(address, 554, "5.4.6", "Aliasing/forwarding loop broken"));
    case "deep":
      return refused(replyAbout(address, 554, "5.4.6", `Too many aliases (${MAX_ALIAS_DEPTH} deep)`));
    case "many":
      return refused(replyAbout(address, 554, "5.4.6", `Alias has more than ${MAX_TARGETS} addresses`));
    default:
      return { kind: "targets", recipients };
  }
}

/** The work under way on one address. */
interface Expansion {
  readonly parts: RecipientParts;
  /** Results by target, so that nobody gets two copies. */
  readonly found: Map<string, ResolvedRecipient>;
  /** Aliases already expanded: a second mention adds nothing. */
  readonly seen: Set<string>;
  fault: "loop" | "deep" | "many" | undefined;
}

function refused(reply: SmtpReply): Resolved {
  return { kind: "refused", reply };
}

/**
 * Expands a local name.
 *
 * @param path the aliases that led here
 * @param address how the recipient was written, when it was written by the client itself
 * @returns false when there is no such name
 */
function expandName(expansion: Expansion, name: string, path: readonly string[], address?: string): boolean {
  const { parts } = expansion;
  const alias = findAlias(parts, name);
  if (alias !== undefined && !path.includes(alias.name)) return expandAlias(expansion, alias, path);
  const account = findAccount(parts, name);
  if (alias !== undefined && path.at(-1) !== alias.name) {
    expansion.fault ??= "loop";
    return true;
  }
  // `root: root, admin@elsewhere`: the name itself is its mailbox.
  if (account !== undefined) {
    addMailbox(expansion, account, path.length === 0 ? address : undefined);
    return true;
  }
  if (alias !== undefined) {
    expansion.fault ??= "loop";
    return true;
  }
  if (!MUST_EXIST.has(name)) return false;
  const root = findAlias(parts, "root") !== undefined || findAccount(parts, "root") !== undefined;
  return root && expandName(expansion, "root", [...path, name]);
}

/** @returns false when the alias is one unknown name, so that the refusal comes now and not as a bounce */
function expandAlias(
  expansion: Expansion,
  alias: { readonly name: string; readonly targets: readonly AliasTarget[] },
  path: readonly string[],
): boolean {
  if (expansion.seen.has(alias.name)) return true;
  if (path.length >= MAX_ALIAS_DEPTH) {
    expansion.fault ??= "deep";
    return true;
  }
  expansion.seen.add(alias.name);
  expansion.parts.onAlias?.(alias.name, alias.targets);
  const deeper = [...path, alias.name];
  const unknown: string[] = [];
  for (const target of alias.targets) {
    if (expansion.fault !== undefined) return true;
    if (target.kind === "address") expandAddress(expansion, target.address, deeper, unknown);
    else if (!expandLocal(expansion, target.name, target.final, deeper)) unknown.push(target.name);
  }
  if (unknown.length === alias.targets.length && expansion.found.size === 0) return false;
  // Part of a list is unknown: those go on to the local mailer, whose refusal reaches the sender as a report.
  for (const name of unknown) addMailbox(expansion, { name, source: "file" });
  return true;
}

function expandAddress(
  expansion: Expansion,
  address: string,
  path: readonly string[],
  unknown: string[],
): void {
  const { localPart, domain } = splitAddress(address);
  if (domain !== "" && !expansion.parts.isLocalDomain(domainKey(domain)))
    addRemote(expansion, address, domain);
  else if (!expandName(expansion, localPartKey(localPart), path)) unknown.push(localPartKey(localPart));
}

function expandLocal(
  expansion: Expansion,
  written: string,
  final: boolean,
  path: readonly string[],
): boolean {
  const name = localPartKey(written);
  if (!final) return expandName(expansion, name, path);
  const account = findAccount(expansion.parts, name);
  if (account === undefined) return false;
  addMailbox(expansion, account);
  return true;
}

/** The alias of a name: `u+d`, then `u+*`, then `u`, unless an account is named more exactly. */
function findAlias(
  parts: RecipientParts,
  name: string,
): { readonly name: string; readonly targets: readonly AliasTarget[] } | undefined {
  const whole = parts.aliases.get(name);
  if (whole !== undefined) return { name, targets: whole };
  const plus = name.indexOf("+");
  if (plus <= 0 || parts.accounts.find(name) !== undefined) return undefined;
  for (const shorter of [`${name.slice(0, plus)}+*`, name.slice(0, plus)]) {
    const targets = parts.aliases.get(shorter);
    if (targets !== undefined) return { name: shorter, targets };
  }
  return undefined;
}

/** The account of a name: `u+d`, then `u`. */
function findAccount(parts: RecipientParts, name: string): Account | undefined {
  const plus = name.indexOf("+");
  return parts.accounts.find(name) ?? (plus > 0 ? parts.accounts.find(name.slice(0, plus)) : undefined);
}

function addMailbox(expansion: Expansion, account: Account, address?: string): void {
  const written =
    address === undefined || !address.includes("@") ? `${account.name}@${expansion.parts.hostname}` : address;
  add(expansion, `mailbox ${account.name}`, {
    address: written,
    target: { kind: "mailbox", name: account.name },
  });
}

function addRemote(expansion: Expansion, address: string, domain: string): void {
  const { localPart } = splitAddress(address);
  const key = domainKey(domain);
  const bare = joinAddress({ localPart, domain });
  add(expansion, `remote ${localPart}@${key}`, { address: bare, target: { kind: "remote", domain: key } });
}

function add(expansion: Expansion, key: string, recipient: ResolvedRecipient): void {
  if (expansion.found.has(key)) return;
  if (expansion.found.size >= MAX_TARGETS) expansion.fault ??= "many";
  else expansion.found.set(key, recipient);
}
