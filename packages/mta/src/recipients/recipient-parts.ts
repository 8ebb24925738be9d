/**
 * What resolving a recipient needs of the rest, and what comes of it.
 */
import type { Account, Accounts } from "@mailhost/common/accounts/accounts";
import { domainKey } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { LocalSettings, RoutingSettings } from "@mailhost/common/settings/sendmail-settings";
import type { AliasTable } from "@mailhost/common/tables/aliases";
import type { DomainSet } from "@mailhost/common/tables/site-tables";
import type { Table } from "@mailhost/common/tables/table";
import type { QueueRecipient } from "../queue/queue-entry.ts";
import type { ListFiles } from "./list-files.ts";

/** Where the mail for one address goes. */
export type Resolved =
  | { readonly kind: "targets"; readonly recipients: readonly ResolvedRecipient[] }
  | { readonly kind: "refused"; readonly reply: SmtpReply };

/** One recipient after aliases; most fields are those of the queue. */
export type ResolvedRecipient = Pick<
  QueueRecipient,
  "address" | "target" | "sender" | "senderUser" | "controlling" | "writtenAs"
> & {
  /** The owner that is its sender is the list itself: not for what has no sender. */
  readonly ownsItself?: true;
};

/** One step of the way, for trace. */
export interface ResolveStep {
  /** `alias`, `forward`, `include`, `owner`, `virtusertable`, `domaintable`, `mailertable`, or the setting that decided. */
  readonly step: string;
  readonly outcome: string;
}

/** What the look-up needs. Tables and settings that are absent are as empty ones. */
export interface RecipientParts {
  readonly aliases: AliasTable;
  readonly accounts: Pick<Accounts, "find"> &
    Partial<Pick<Accounts, "names" | "hasDomain" | "lookUp" | "asksNobody">>;
  /** Completes an address that has no domain. */
  readonly hostname: string;
  isLocalDomain(domain: string): boolean;
  readonly virtusertable?: Pick<Table, "get" | "file" | "entries">;
  readonly virtualDomains?: Pick<DomainSet, "has">;
  /** FEATURE(virtuser_entire_domain). */
  readonly virtualEntire?: boolean;
  readonly mailertable?: Pick<Table, "get" | "file" | "entries">;
  readonly domaintable?: Pick<Table, "get">;
  readonly routing?: Partial<RoutingSettings>;
  readonly local?: Partial<
    Pick<LocalSettings, "forwardPath" | "maxAliasRecursion" | "preservePlusDetail" | "defaultUser">
  >;
  /** Reads `.forward` and `:include:` files; absent: there are none. */
  readonly lists?: ListFiles;
  /** Told why a file was not used, and of members that cannot be delivered. */
  readonly log?: Log;
  /** Told of every step. */
  readonly onStep?: (step: ResolveStep) => void;
}

/** Sendmail's MaxAliasRecursion. */
export const MAX_ALIAS_DEPTH = 10;

/** Who runs the programs of aliases: `name`, `name:group`, `uid` or `uid:gid` of local.defaultUser. */
export function defaultAccount(parts: RecipientParts): Pick<Account, "uid" | "gid"> | undefined {
  const [user = "", group = ""] = (parts.local?.defaultUser ?? "").split(/[:.]/);
  const account = parts.accounts.find(user);
  const uid = account?.uid ?? numberOf(user);
  const gid = numberOf(group) ?? account?.gid;
  return uid === undefined ? undefined : { uid, ...(gid === undefined ? {} : { gid }) };
}

function numberOf(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

/** A name of ours and the domain that it was addressed at. */
export interface LocalName {
  /** As names are looked up: lower case, unquoted. */
  readonly name: string;
  /** In lower case; empty where none was given. */
  readonly domain: string;
}

/** The forms of a name by which accounts and aliases are found: `u+d`, then `u`. */
function shorterForms(parts: RecipientParts, name: string): string[] {
  const plus = name.indexOf("+");
  if (plus <= 0 || parts.local?.preservePlusDetail === true) return [name];
  return [name, name.slice(0, plus)];
}

/** Whether plain accounts get mail at a domain: not where the domain has users of its own, unless it is the host's name. */
export function takesPlainAccounts({ accounts, hostname }: RecipientParts, domain: string): boolean {
  return accounts.hasDomain?.(domain) !== true || domain === domainKey(hostname);
}

/** The account of a name in a domain that has users of its own. */
export function findDomainAccount(parts: RecipientParts, { name, domain }: LocalName): Account | undefined {
  if (domain === "" || parts.accounts.hasDomain?.(domain) !== true) return undefined;
  return firstAccount(
    parts,
    shorterForms(parts, name).map((form) => `${form}@${domain}`),
  );
}

/** The account that mail for a name goes to: the domain's, then the plain one where the domain has none of its own. */
export function findAccount(parts: RecipientParts, local: LocalName): Account | undefined {
  const own = findDomainAccount(parts, local);
  if (own !== undefined || !takesPlainAccounts(parts, local.domain)) return own;
  return firstAccount(parts, plainForms(parts, local));
}

/** The forms under which a plain account is found: its name, or in a directory the whole address. */
function plainForms(parts: RecipientParts, { name, domain }: LocalName): string[] {
  const forms = shorterForms(parts, name);
  return domain === "" ? forms : [...forms, ...forms.map((form) => `${form}@${domain}`)];
}

/** Whether {@link findAccount} may know more once {@link askAbout} is done. */
export function mayAsk({ accounts }: RecipientParts): boolean {
  return accounts.lookUp !== undefined && accounts.asksNobody !== true;
}

/**
 * Has a directory asked about a name, so that {@link findAccount} knows it.
 *
 * @throws AccountsUnavailable when it does not answer
 */
export async function askAbout(parts: RecipientParts, local: LocalName): Promise<void> {
  const { accounts } = parts;
  if (accounts.lookUp === undefined) return;
  if (findDomainAccount(parts, local) !== undefined || !takesPlainAccounts(parts, local.domain)) return;
  for (const form of plainForms(parts, local)) {
    if ((await accounts.lookUp(form)) !== undefined) return;
  }
}

function firstAccount({ accounts }: RecipientParts, names: readonly string[]): Account | undefined {
  for (const name of names) {
    const account = accounts.find(name);
    if (account !== undefined) return account;
  }
  return undefined;
}
