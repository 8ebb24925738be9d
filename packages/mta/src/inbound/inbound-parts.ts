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

/** The tables as the decision on relaying sees them. */
export function policyFacts(
  parts: Pick<InboundParts, "settings" | "tables" | "drac" | "ownAddresses" | "gateways">,
): PolicyFacts {
  return hostPolicyFacts({
    settings: parts.settings(),
    tables: parts.tables,
    ownAddresses: () => parts.ownAddresses(),
    drac: (ip) => parts.drac()?.permits(ip),
    isGateway: (ip) => parts.gateways.has(ip),
  });
}

/** The tables as recipients are resolved by. */
export function recipientParts(
  parts: Pick<InboundParts, "settings" | "tables" | "accounts" | "ownAddresses"> &
    Partial<Pick<InboundParts, "lists" | "log">>,
): RecipientParts {
  return siteRecipientParts(parts);
}

/** The same, and what makes an address an account's own. */
export function ownershipParts(
  parts: Pick<InboundParts, "settings" | "tables" | "accounts" | "ownAddresses"> &
    Partial<Pick<InboundParts, "lists" | "log">>,
): OwnershipParts {
  const { tables } = parts;
  const { senders, genericstable } = tables;
  return { ...recipientParts(parts), senders, genericstable, rewrite: parts.settings().rewrite };
}
