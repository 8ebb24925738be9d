/**
 * What an SMTP session needs of the rest of the daemon, in one object: built once by daemon.ts, by hand in tests.
 */
import type { Accounts } from "@mailhost/common/accounts/accounts";
import type { PopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import type { Clock } from "@mailhost/common/clock";
import type { DracTable } from "@mailhost/common/drac/drac-table";
import type { Log } from "@mailhost/common/log/log";
import type { LoginGuard } from "@mailhost/common/login/login-guard";
import type { Settings } from "@mailhost/common/settings/settings";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import type { Resolver } from "../dns/resolver.ts";
import type { Overload } from "../overload/overload.ts";
import { hostPolicyFacts } from "../policy/host-facts.ts";
import type { PolicyFacts } from "../policy/policy-facts.ts";
import type { QueueEntry } from "../queue/queue-entry.ts";
import type { QueueStore } from "../queue/queue-store.ts";
import type { QueueSelection } from "../queue/selection.ts";
import type { ListFiles } from "../recipients/list-files.ts";
import type { RecipientParts } from "../recipients/resolve.ts";
import type { OwnershipParts } from "../recipients/sender-ownership.ts";
import { siteRecipientParts } from "../recipients/site-recipients.ts";
import type { ClientNames } from "./client-names.ts";
import type { ConnectionLimits } from "./connection-limits.ts";
import type { EtrnTimes } from "./etrn.ts";
import type { MachineLoad } from "./machine-load.ts";

/** The surroundings of a session. */
export interface InboundParts {
  /** The settings of the moment: a reload changes what this returns. */
  readonly settings: () => Settings;
  readonly tables: SiteTables;
  readonly accounts: () => Accounts;
  /** The secrets of CRAM-MD5. Absent: nobody can log in here at all (`sendmail -bs`). */
  readonly popauth?: PopauthSecrets;
  /** Keeps those out who guess passwords; absent: nothing does. */
  readonly guard?: LoginGuard;
  /** Octets of a mailbox; absent: limits are left to the delivery. */
  mailboxSize?(name: string): Promise<number>;
  /** Undefined when POP before SMTP is switched off. */
  drac(): DracTable | undefined;
  readonly store: Pick<QueueStore, "receive" | "newId">;
  /** Runs what a selection is for, past its turn (ETRN); absent where nothing runs the queue. */
  runQueue?(selection: QueueSelection): void;
  /** Absent: the machine is idle and has room. */
  readonly load?: MachineLoad;
  /** Refuses what is too much; absent: nothing is. */
  readonly overload?: Overload;
  /** When ETRN last ran the queue, by node. */
  readonly etrnTimes?: EtrnTimes;
  /** Told of each message that has just become durable. */
  submitted(entry: QueueEntry): void;
  readonly names: ClientNames;
  /** The DNS, for what policy asks of it. */
  readonly resolver: () => Resolver;
  readonly limits: ConnectionLimits;
  /** Addresses of this host, for literals such as `user@[192.0.2.1]`. */
  ownAddresses(): ReadonlySet<string>;
  /** Addresses of the container's gateways, see common container-gateway.ts. */
  readonly gateways: ReadonlySet<string>;
  /** Reads `.forward` and `:include:` files. */
  readonly lists?: ListFiles;
  readonly log: Log;
  readonly clock: Clock;
}

type PolicyParts = Pick<InboundParts, "settings" | "tables" | "drac" | "ownAddresses" | "gateways">;

/** The facts by the settings that they were made of: tables look for themselves whether they have changed. */
const madeFacts = new WeakMap<PolicyParts, { readonly settings: Settings; readonly facts: PolicyFacts }>();

/** The tables as the decision on relaying sees them. */
export function policyFacts(parts: PolicyParts): PolicyFacts {
  const settings = parts.settings();
  const made = madeFacts.get(parts);
  if (made?.settings === settings) return made.facts;
  const facts = makeFacts(parts, settings);
  madeFacts.set(parts, { settings, facts });
  return facts;
}

function makeFacts(parts: PolicyParts, settings: Settings): PolicyFacts {
  return hostPolicyFacts({
    settings,
    tables: parts.tables,
    ownAddresses: () => parts.ownAddresses(),
    drac: (ip) => parts.drac()?.permits(ip),
    isGateway: (ip) => parts.gateways.has(ip),
  });
}

type ResolvingParts = Pick<InboundParts, "settings" | "tables" | "accounts" | "ownAddresses"> &
  Partial<Pick<InboundParts, "lists" | "log">>;

const madeParts = new WeakMap<
  ResolvingParts,
  { readonly settings: Settings; readonly accounts: Accounts; readonly made: RecipientParts }
>();

/** The tables as recipients are resolved by. */
export function recipientParts(parts: ResolvingParts): RecipientParts {
  const settings = parts.settings();
  const accounts = parts.accounts();
  const known = madeParts.get(parts);
  if (known?.settings === settings && known.accounts === accounts) return known.made;
  const made = siteRecipientParts({
    settings: () => settings,
    tables: parts.tables,
    accounts: () => accounts,
    ownAddresses: () => parts.ownAddresses(),
    ...(parts.lists === undefined ? {} : { lists: parts.lists }),
    ...(parts.log === undefined ? {} : { log: parts.log }),
  });
  // Without list files of its own each call gets new ones.
  if (parts.lists !== undefined) madeParts.set(parts, { settings, accounts, made });
  return made;
}

/** The same, and what makes an address an account's own. */
export function ownershipParts(parts: ResolvingParts): OwnershipParts {
  const { tables } = parts;
  const { senders, genericstable } = tables;
  return { ...recipientParts(parts), senders, genericstable, rewrite: parts.settings().rewrite };
}
