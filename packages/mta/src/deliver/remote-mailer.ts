/**
 * The mailer for other hosts: finds the route of each recipient, sends one copy to each destination, and leaves alone the
 * destinations that do not answer.
 */
import type { Clock } from "@mailhost/common/clock";
import { messageOf, type SmtpReply } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import type { Resolver } from "../dns/resolver.ts";
import type { QueueRecipient } from "../queue/queue-entry.ts";
import { findRoute, type Route, type RouteParts } from "../route/route.ts";
import { findAuthInfo } from "./auth-info.ts";
import type { HostStatus } from "./host-status.ts";
import type { Attempt, Mailer } from "./mailer.ts";
import type { Outcome } from "./outcome.ts";
import { attemptRemote, type RemoteResult } from "./remote-attempt.ts";
import { RemoteConnections, type Slot } from "./remote-connections.ts";
import { type ConnectionParts, fullName, type SmtpConnection } from "./smtp-connection.ts";
import { smtpTimeouts } from "./smtp-timeouts.ts";

/** What the mailer is made of. */
export interface RemoteMailerParts {
  readonly settings: Settings;
  readonly resolver: Resolver;
  readonly hosts: HostStatus;
  /** Hosts by domain, names and passwords; absent: none. */
  readonly tables?: Pick<SiteTables, "mailertable" | "authinfo" | "access">;
  /** As in {@link findRoute}. */
  readonly isOurName: (name: string) => boolean;
  readonly isOurAddress: (ip: string, port: number) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** The recipients of one message at one destination, from one envelope sender. */
interface Group {
  readonly route: Extract<Route, { kind: "hosts" }>;
  readonly sender: string;
  readonly recipients: QueueRecipient[];
}

/** Makes the mailer. Its recipients are those with a target of the kind `remote`. */
export function createRemoteMailer(parts: RemoteMailerParts): Mailer {
  return new RemoteMailer(parts);
}

class RemoteMailer implements Mailer {
  readonly name = "esmtp";
  readonly #parts: RemoteMailerParts;
  readonly #connections: RemoteConnections;
  readonly #connectionParts: ConnectionParts;
  readonly #routeParts: RouteParts;
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(parts: RemoteMailerParts) {
    const { settings, tables, clock, log } = parts;
    this.#parts = parts;
    this.#connections = new RemoteConnections(settings.relay.maxConnectionsPerDestination, clock);
    this.#routeParts = routePartsOf(parts);
    this.#connectionParts = {
      hostname: settings.hostname,
      startTls: settings.relay.startTls,
      timeouts: smtpTimeouts(settings),
      ...(tables === undefined ? {} : { authInfo: (peer) => findAuthInfo(peer, tables) }),
      allowPlaintextAuth: settings.relay.allowPlaintextAuth,
      clock,
      log,
    };
  }

  deliver(attempt: Attempt): Promise<Outcome[]> {
    const delivery = this.#deliver(attempt).finally(() => this.#underWay.delete(delivery));
    this.#underWay.add(delivery);
    return delivery;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#underWay);
    await this.#connections.close();
  }

  async #deliver(attempt: Attempt): Promise<Outcome[]> {
    const [only, second] = attempt.recipients;
    if (only !== undefined && second === undefined) return [await this.#deliverOnly(only, attempt)];
    const routes = await findRoutes(attempt.recipients, this.#routeParts);
    const outcomes = new Map<QueueRecipient, Outcome>();
    const groups = new Map<string, Group>();
    const places = new Map(attempt.recipients.map((recipient, i) => [recipient, i]));
    for (const recipient of attempt.recipients) {
      const route = routes.get(destinationKey(recipient))!;
      if (route.kind !== "hosts") {
        outcomes.set(recipient, unroutable(recipient, route));
        continue;
      }
      const sender = recipient.sender ?? attempt.entry.sender;
      const key = JSON.stringify([route.key, route.mailer, route.user, sender]);
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { route, sender, recipients: [recipient] });
      else group.recipients.push(recipient);
    }
    await Promise.all(
      [...groups.values()].map(async (group) => {
        await this.#tryGroup(group, attempt, (recipient, outcome) => {
          outcomes.set(recipient, outcome);
          attempt.known?.(places.get(recipient)!, outcome);
        });
      }),
    );
    return attempt.recipients.map((recipient) => outcomes.get(recipient)!);
  }

  /** As {@link #deliver}, for a message with one recipient, which is how nearly all mail goes. */
  async #deliverOnly(recipient: QueueRecipient, attempt: Attempt): Promise<Outcome> {
    const route = await routeOf(recipient, this.#routeParts);
    if (route.kind !== "hosts") return unroutable(recipient, route);
    const sender = recipient.sender ?? attempt.entry.sender;
    let known: Outcome | undefined;
    await this.#tryGroup({ route, sender, recipients: [recipient] }, attempt, (_, outcome) => {
      known = outcome;
      attempt.known?.(0, outcome);
    });
    return known!;
  }

  /** Never rejects; tells the outcome of each recipient once. */
  async #tryGroup(group: Group, attempt: Attempt, tell: Tell): Promise<void> {
    const { mailer = this.name } = group.route;
    const told = new Set<QueueRecipient>();
    const tellOnce: Tell = (recipient, outcome) => {
      if (told.has(recipient)) return;
      told.add(recipient);
      tell(recipient, madeBy(mailer, outcome));
    };
    const results = await this.#deliverGroup(group, attempt, tellOnce).catch((error: unknown) => {
      this.#parts.log.write("error", `${attempt.entry.id}: remote delivery: ${messageOf(error)}`);
      return outcomesFor(group, internalError(error));
    });
    for (const [recipient, outcome] of results) tellOnce(recipient, outcome);
  }

  /**
   * Waits for a slot, unless the destination is left alone, and sends.
   *
   * @param tell told of deliveries at once: they are noted before anything waits for the disk, and not repeated after a kill
   */
  async #deliverGroup(group: Group, whole: Attempt, tell: Tell): Promise<Map<QueueRecipient, Outcome>> {
    const { key, hosts, user } = group.route;
    if (user !== undefined) return this.#deliverToUser(group, user, whole, tell);
    const attempt = { ...whole, entry: { ...whole.entry, sender: group.sender } };
    const begun = this.#parts.clock.now();
    // Forced attempts ignore a wait from before, but not a failure since: they too share one call.
    const reasonToWait = (slot?: Slot) =>
      attempt.forced ? slot?.failureSince(begun) : this.#parts.hosts.waiting(key);
    const early = reasonToWait();
    if (early !== undefined) return waitingOutcomes(group, early);
    const slot = await this.#connections.acquire(key);
    let open: SmtpConnection | undefined;
    try {
      const reason = slot.connection === undefined ? reasonToWait(slot) : undefined;
      if (reason !== undefined) return waitingOutcomes(group, reason);
      const result = await attemptRemote({
        attempt,
        recipients: group.recipients,
        hosts,
        open: slot.connection,
        parts: this.#connectionParts,
        answered: () => slot.answered(),
      });
      open = result.connection;
      for (const [recipient, outcome] of result.outcomes)
        if (outcome.kind === "delivered") tell(recipient, outcome);
      const retryAt = await this.#remember(key, slot, result);
      if (retryAt === undefined) return result.outcomes;
      return mapOutcomes(result.outcomes, (outcome) =>
        outcome.kind === "deferred" ? { ...outcome, retryAt } : outcome,
      );
    } finally {
      slot.release(open);
    }
  }

  /** `mailer:user@host` of a table: the recipients there are that one. */
  async #deliverToUser(
    group: Group,
    user: string,
    whole: Attempt,
    tell: Tell,
  ): Promise<Map<QueueRecipient, Outcome>> {
    const { user: _, ...route } = group.route;
    const address = `${user}@${route.hosts[0]!.name}`;
    const renamed = new Map(group.recipients.map((recipient) => [{ ...recipient, address }, recipient]));
    const results = await this.#deliverGroup(
      { ...group, route, recipients: [...renamed.keys()] },
      whole,
      (there, outcome) => tell(renamed.get(there)!, outcome),
    );
    return new Map([...results].map(([there, outcome]) => [renamed.get(there)!, outcome]));
  }

  /** Notes in the host status what a call said of the destination; a fault there must not undo a delivery. */
  async #remember(key: string, slot: Slot, result: RemoteResult): Promise<number | undefined> {
    const { hosts, log } = this.#parts;
    try {
      if (result.unreachable === undefined) await hosts.succeeded(key);
      else {
        const until = await hosts.failed(key, result.unreachable.reply);
        slot.failed(result.unreachable.reply, until);
        return until;
      }
    } catch (error) {
      log.write("error", `host status of ${key}: ${messageOf(error)}`);
    }
    return undefined;
  }
}

/** Takes the outcome of one recipient. */
type Tell = (recipient: QueueRecipient, outcome: Outcome) => void;

/** What routes are found by. */
function routePartsOf({
  resolver,
  isOurName,
  isOurAddress,
  tables,
  settings,
}: RemoteMailerParts): RouteParts {
  const { fallbackMx } = settings.routing;
  return {
    resolver,
    relay: settings.relay,
    isOurName,
    isOurAddress,
    ...(tables === undefined ? {} : { mailertable: tables.mailertable }),
    ...(fallbackMx === undefined ? {} : { fallbackMx }),
  };
}

/** The route of each destination among the recipients. */
async function findRoutes(
  recipients: readonly QueueRecipient[],
  parts: RouteParts,
): Promise<Map<string, Route>> {
  const wanted = new Map(recipients.map((recipient) => [destinationKey(recipient), recipient]));
  const routes = [...wanted].map(
    async ([key, recipient]): Promise<[string, Route]> => [key, await routeOf(recipient, parts)],
  );
  return new Map(await Promise.all(routes));
}

/** The route of a recipient. Never rejects. */
async function routeOf({ target }: QueueRecipient, parts: RouteParts): Promise<Route> {
  try {
    if (target.kind !== "remote") throw new Error("not a recipient at another host");
    const { via } = target;
    const destination = { domain: target.domain.toLowerCase(), ...(via === undefined ? {} : { via }) };
    return await findRoute(destination, parts);
  } catch (error) {
    return { kind: "deferred", reply: internalError(error) };
  }
}

function unroutable(recipient: QueueRecipient, route: Exclude<Route, { kind: "hosts" }>): Outcome {
  return { kind: route.kind, relay: domainOf(recipient), reply: route.reply };
}

function domainOf(recipient: QueueRecipient): string {
  return recipient.target.kind === "remote" ? recipient.target.domain.toLowerCase() : "";
}

function destinationKey(recipient: QueueRecipient): string {
  const via = recipient.target.kind === "remote" ? recipient.target.via : undefined;
  return JSON.stringify([via, domainOf(recipient)]);
}

/** The outcome with the mailer that it came by. A delivery is what nearly all are: `...` gives each a hidden class of its own. */
function madeBy(mailer: string, outcome: Outcome): Outcome {
  if (outcome.kind !== "delivered") return { ...outcome, mailer };
  const { kind, relay, reply, dsnRelayed } = outcome;
  return { kind, mailer, relay, reply, dsnRelayed };
}

function waitingOutcomes(
  group: Group,
  reason: { readonly until: number; readonly reply: SmtpReply },
): Map<QueueRecipient, Outcome> {
  return mapOutcomes(outcomesFor(group, reason.reply), (outcome) => ({ ...outcome, retryAt: reason.until }));
}

function outcomesFor(group: Group, reply: SmtpReply): Map<QueueRecipient, Outcome> {
  const relay = fullName(group.route.hosts[0]?.name ?? "");
  return new Map(group.recipients.map((recipient) => [recipient, { kind: "deferred", relay, reply }]));
}

function mapOutcomes(
  outcomes: ReadonlyMap<QueueRecipient, Outcome>,
  change: (outcome: Outcome) => Outcome,
): Map<QueueRecipient, Outcome> {
  return new Map([...outcomes].map(([recipient, outcome]) => [recipient, change(outcome)]));
}

function internalError(error: unknown): SmtpReply {
  return { code: 451, enhanced: "4.3.0", text: `internal error: ${messageOf(error)}` };
}
