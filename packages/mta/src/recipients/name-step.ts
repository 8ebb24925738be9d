/**
 * A local name: aliases, then a hub, then accounts, then the `.forward` of whoever has it.
 *
 * At a domain the aliases that name it come first (`sales@a.example: …`), then its own users, then what holds for names at
 * every domain of ours. See docs/virtual-domains.md.
 */
import { AccountsUnavailable } from "@mailhost/common/accounts/account-errors";
import type { Account } from "@mailhost/common/accounts/accounts";
import { localPartKey, splitAddress } from "@mailhost/common/address";
import { type AliasTarget, printTarget } from "@mailhost/common/tables/alias-targets";
import type { Expansion, Way } from "./expansion.ts";
import { expandForward } from "./forward-step.ts";
import { sendToHub } from "./hub-step.ts";
import { findListSender, ownsItself } from "./list-owner.ts";
import { bareName, senderUser } from "./local-sender.ts";
import {
  askAbout,
  findAccount,
  findDomainAccount,
  type LocalName,
  mayAsk,
  type RecipientParts,
} from "./recipient-parts.ts";
import { expandTargets } from "./target-step.ts";

/** Names that every mail host answers for; without an alias they are root's. */
const MUST_EXIST: ReadonlySet<string> = new Set(["postmaster", "mailer-daemon"]);

/** An alias and the form of the name under which it was found. */
interface Alias {
  readonly name: string;
  readonly targets: readonly AliasTarget[];
}

/**
 * Expands a local name.
 *
 * @param way.final true for `\name`, which is delivered there and looked up no further
 */
export function expandName(
  expansion: Expansion,
  local: LocalName,
  way: Way & { readonly final?: boolean },
): void | Promise<void> {
  if (!expansion.mayGoOn(way)) return undefined;
  const { parts } = expansion;
  if (!mayAsk(parts) || (way.final !== true && hasAlias(parts, local)))
    return expandKnown(expansion, local, way);
  return isKnown(expansion, local, way).then((known) =>
    known ? expandKnown(expansion, local, way) : undefined,
  );
}

/** A name of which all is known that can be. */
function expandKnown(
  expansion: Expansion,
  local: LocalName,
  way: Way & { readonly final?: boolean },
): void | Promise<void> {
  const { parts } = expansion;
  if (way.final === true) {
    const account = findAccount(parts, local);
    if (account === undefined) expansion.fail(way, 550, "5.1.1", "User unknown");
    else expansion.addMailbox(account, way, detailOf(parts, local, account));
    return undefined;
  }
  const alias = findAlias(parts, local);
  if (alias === undefined) return expandUser(expansion, local, way);
  if (!way.path.includes(`alias ${alias.name}`)) return expandAlias(expansion, alias, way);
  endCycle(expansion, alias.name, local, way);
  return undefined;
}

/** Whether an alias says what becomes of a name, so that no account need be looked for. */
function hasAlias({ aliases }: RecipientParts, { name, domain }: LocalName): boolean {
  return aliases.get(`${name}@${domain}`) !== undefined || aliases.get(name) !== undefined;
}

/** False when it can not be said now whether there is an account: the recipient waits, and is not unknown. */
async function isKnown(expansion: Expansion, local: LocalName, way: Way): Promise<boolean> {
  const { parts } = expansion;
  try {
    await askAbout(parts, local);
    return true;
  } catch (error) {
    if (!(error instanceof AccountsUnavailable)) throw error;
    parts.log?.write("error", `${local.name} can not be looked up: ${error.message}`);
    expansion.fail(way, 451, "4.3.0", "Accounts can not be looked up now");
    return false;
  }
}

async function expandAlias(expansion: Expansion, alias: Alias, way: Way): Promise<void> {
  const step = `alias ${alias.name}`;
  if (expansion.seen.has(step)) return;
  expansion.seen.add(step);
  expansion.step("alias", `${alias.name}: ${alias.targets.map(printTarget).join(", ")}`);
  const { parts } = expansion;
  const sender = findListSender(parts, alias.name);
  if (sender !== undefined) expansion.step("owner", `${alias.name}: ${sender}`);
  // Whoever wrote the aliases decides on whose behalf programs run, whatever .forward led here.
  const { owner: _, unsafe: __, given, envelope: outer, ...rest } = way;
  const envelope = sender === undefined ? outer : listEnvelope(parts, sender, [...way.path, step]);
  await expandTargets(expansion, alias.targets, {
    ...rest,
    path: [...way.path, step],
    controlling: given === undefined ? way.written : `<${given}>`,
    ...(envelope === undefined ? {} : { envelope }),
  });
}

/** What a list with an owner sends on, and whose mail that is. */
function listEnvelope(parts: RecipientParts, sender: string, path: readonly string[]): Way["envelope"] {
  const user = senderUser(parts, sender, bareName(sender, parts.hostname));
  const names = path.filter((step) => step.startsWith("alias ")).map((step) => step.slice("alias ".length));
  return {
    sender,
    ...(user === undefined ? {} : { senderUser: user }),
    ...(ownsItself(parts, sender, names) ? { ownsItself: true } : {}),
  };
}

/** A list has led back to a name on the way: the name's own mailbox, or that of another name of the circle, ends it. */
function endCycle(expansion: Expansion, alias: string, local: LocalName, way: Way): void {
  const { parts } = expansion;
  const circle = way.path
    .slice(way.path.indexOf(`alias ${alias}`))
    .filter((step) => /^(?:alias|forward) /.test(step))
    .map((step) => localNameOf(step.replace(/^\w+ |\+\*(?=@[^@]*$|$)/g, "")));
  for (const candidate of [local, ...circle]) {
    const account = findAccount(parts, candidate);
    if (account === undefined) continue;
    expansion.addSelf(account, way, detailOf(parts, candidate, account));
    return;
  }
  // `selfish: selfish` names nobody; a longer circle is the administrator's slip.
  if (circle.length === 1) expansion.fail(way, 550, "5.1.1", "User unknown");
  else expansion.breakLoop();
}

/** An alias' or an account's name, which may be of one domain. */
function localNameOf(text: string): LocalName {
  const { localPart: name, domain } = splitAddress(text);
  return { name, domain };
}

/** A name that is no alias. */
function expandUser(expansion: Expansion, local: LocalName, way: Way): void | Promise<void> {
  const { parts } = expansion;
  const { name } = local;
  const own = findDomainAccount(parts, local);
  if (own !== undefined) {
    // A hub knows plain names, and those at every domain of ours alike.
    return expandForward(expansion, own, detailOf(parts, local, own), way);
  }
  const account = findAccount(parts, local);
  const { luserRelay, mailHub, localRelay, localUsers = [] } = parts.routing ?? {};
  if (!localUsers.some((user) => localPartKey(user) === name)) {
    const [setting, value] =
      account === undefined && luserRelay !== undefined
        ? ["luserRelay", luserRelay]
        : mailHub !== undefined
          ? ["mailHub", mailHub]
          : ["localRelay", localRelay];
    const outcome = value === undefined ? undefined : sendToHub(expansion, setting, value, name, way);
    if (outcome?.kind === "done") return undefined;
    if (outcome?.kind === "local" && localPartKey(outcome.name) !== name && !way.path.includes("hub")) {
      const next = { name: localPartKey(outcome.name), domain: "" };
      return expandName(expansion, next, { ...way, path: [...way.path, "hub"] });
    }
  }
  if (account !== undefined) {
    return expandForward(expansion, account, detailOf(parts, local, account), way);
  }
  const root = { name: "root", domain: "" };
  const rootTakes = () => findAlias(parts, root) !== undefined || findAccount(parts, root) !== undefined;
  if (MUST_EXIST.has(name) && rootTakes()) {
    const { given, ...rest } = way;
    const controlling = given === undefined ? way.written : `<${given}>`;
    const path = [...way.path, `alias ${name}`];
    return expandName(expansion, root, { ...rest, written: "root", controlling, path });
  }
  expansion.fail(way, 550, "5.1.1", "User unknown");
  return undefined;
}

/** The alias of a name: one for this domain, then, where no user of the domain has the name, one for every domain of ours. */
function findAlias(parts: RecipientParts, local: LocalName): Alias | undefined {
  const { name, domain } = local;
  const special = domain === "" ? undefined : findForms(parts, name, `@${domain}`);
  if (special !== undefined) return special;
  return findDomainAccount(parts, local) === undefined ? findForms(parts, name, "") : undefined;
}

/** `u+d`, then `u+*`, then `u`, unless an account is named more exactly. */
function findForms(parts: RecipientParts, name: string, at: string): Alias | undefined {
  const whole = parts.aliases.get(name + at);
  if (whole !== undefined) return { name: name + at, targets: whole };
  const plus = name.indexOf("+");
  const isExact = plus <= 0 || parts.local?.preservePlusDetail === true;
  if (isExact || parts.accounts.find(name + at) !== undefined) return undefined;
  for (const shorter of [`${name.slice(0, plus)}+*${at}`, name.slice(0, plus) + at]) {
    const targets = parts.aliases.get(shorter);
    if (targets !== undefined) return { name: shorter, targets };
  }
  return undefined;
}

/** What follows the `+`, when the account is that of the name before it. */
function detailOf(parts: RecipientParts, { name }: LocalName, account: Account): string | undefined {
  const plus = name.indexOf("+");
  if (plus <= 0 || plus === name.length - 1 || parts.local?.preservePlusDetail === true) return undefined;
  const { name: user } = localNameOf(account.name);
  return user === name ? undefined : name.slice(plus + 1);
}
