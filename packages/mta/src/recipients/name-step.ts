/**
 * A local name: aliases, then a hub, then accounts, then the `.forward` of whoever has it.
 */
import type { Account } from "@mailhost/common/accounts/accounts";
import { localPartKey } from "@mailhost/common/address";
import { type AliasTarget, printTarget } from "@mailhost/common/tables/alias-targets";
import type { Expansion, Way } from "./expansion.ts";
import { expandForward } from "./forward-step.ts";
import { sendToHub } from "./hub-step.ts";
import { findListSender, ownsItself } from "./list-owner.ts";
import { bareName, senderUser } from "./local-sender.ts";
import { findAccount, type RecipientParts } from "./recipient-parts.ts";
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
 * @param name as names are looked up: lower case, unquoted
 * @param way.final true for `\name`, which is delivered there and looked up no further
 */
export async function expandName(
  expansion: Expansion,
  name: string,
  way: Way & { readonly final?: boolean },
): Promise<void> {
  if (!expansion.mayGoOn(way)) return;
  const { parts } = expansion;
  if (way.final === true) {
    const account = findAccount(parts, name);
    if (account === undefined) expansion.fail(way, 550, "5.1.1", "User unknown");
    else expansion.addMailbox(account, way, detailOf(parts, name, account));
    return;
  }
  const alias = findAlias(parts, name);
  if (alias === undefined) await expandUser(expansion, name, way);
  else if (way.path.includes(`alias ${alias.name}`)) endCycle(expansion, alias.name, name, way);
  else await expandAlias(expansion, alias, way);
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
function endCycle(expansion: Expansion, alias: string, name: string, way: Way): void {
  const { parts } = expansion;
  const circle = way.path
    .slice(way.path.indexOf(`alias ${alias}`))
    .filter((step) => /^(?:alias|forward) /.test(step))
    .map((step) => step.replace(/^\w+ |\+\*$/g, ""));
  for (const candidate of [name, ...circle]) {
    const account = findAccount(parts, candidate);
    if (account === undefined) continue;
    expansion.addSelf(account, way, detailOf(parts, candidate, account));
    return;
  }
  // `selfish: selfish` names nobody; a longer circle is the administrator's slip.
  if (circle.length === 1) expansion.fail(way, 550, "5.1.1", "User unknown");
  else expansion.breakLoop();
}

/** A name that is no alias. */
async function expandUser(expansion: Expansion, name: string, way: Way): Promise<void> {
  const { parts } = expansion;
  const account = findAccount(parts, name);
  const { luserRelay, mailHub, localRelay, localUsers = [] } = parts.routing ?? {};
  if (!localUsers.some((user) => localPartKey(user) === name)) {
    const [setting, value] =
      account === undefined && luserRelay !== undefined
        ? ["luserRelay", luserRelay]
        : mailHub !== undefined
          ? ["mailHub", mailHub]
          : ["localRelay", localRelay];
    const outcome = value === undefined ? undefined : sendToHub(expansion, setting, value, name, way);
    if (outcome?.kind === "done") return;
    if (outcome?.kind === "local" && localPartKey(outcome.name) !== name && !way.path.includes("hub")) {
      await expandName(expansion, localPartKey(outcome.name), { ...way, path: [...way.path, "hub"] });
      return;
    }
  }
  if (account !== undefined) {
    await expandForward(expansion, account, detailOf(parts, name, account), way);
    return;
  }
  const rootTakes = findAlias(parts, "root") !== undefined || findAccount(parts, "root") !== undefined;
  if (MUST_EXIST.has(name) && rootTakes) {
    const { given, ...rest } = way;
    const controlling = given === undefined ? way.written : `<${given}>`;
    const path = [...way.path, `alias ${name}`];
    await expandName(expansion, "root", { ...rest, written: "root", controlling, path });
  } else {
    expansion.fail(way, 550, "5.1.1", "User unknown");
  }
}

/** The alias of a name: `u+d`, then `u+*`, then `u`, unless an account is named more exactly. */
function findAlias(parts: RecipientParts, name: string): Alias | undefined {
  const whole = parts.aliases.get(name);
  if (whole !== undefined) return { name, targets: whole };
  const plus = name.indexOf("+");
  if (plus <= 0 || parts.local?.preservePlusDetail === true || parts.accounts.find(name) !== undefined)
    return undefined;
  for (const shorter of [`${name.slice(0, plus)}+*`, name.slice(0, plus)]) {
    const targets = parts.aliases.get(shorter);
    if (targets !== undefined) return { name: shorter, targets };
  }
  return undefined;
}

/** What follows the `+`, when the account is that of the name before it. */
function detailOf(parts: RecipientParts, name: string, account: Account): string | undefined {
  if (account.name === name || parts.local?.preservePlusDetail === true) return undefined;
  const plus = name.indexOf("+");
  return plus > 0 && plus < name.length - 1 ? name.slice(plus + 1) : undefined;
}
