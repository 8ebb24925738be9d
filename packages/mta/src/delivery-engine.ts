/**
 * Everything that takes mail out of the queue: resolver, mailers, runner, built from one version of the settings. When
 * the settings change, the old engine finishes what it has begun while a new one goes on with the rest.
 */
import type { Accounts } from "@mailhost/common/accounts/accounts";
import type { Clock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import { mailboxLimits } from "@mailhost/common/quota/mailbox-limits";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { createHereMailer } from "./deliver/here-mailer.ts";
import { openHostStatus } from "./deliver/host-status.ts";
import { startMailboxThread } from "./deliver/mailbox-thread.ts";
import { createRemoteMailer } from "./deliver/remote-mailer.ts";
import { type RepeatParts, withoutRepeats } from "./deliver/without-repeats.ts";
import type { Resolver } from "./dns/resolver.ts";
import { createResolver } from "./dns/system-resolver.ts";
import type { Overload } from "./overload/overload.ts";
import type { ResolveLate } from "./queue/late-recipients.ts";
import type { OpenQueue } from "./queue/open-queue.ts";
import type { ResolveAddress } from "./queue/reporting.ts";
import { type Runner, startRunner } from "./queue/runner.ts";
import { createRewriting } from "./rewrite/rewriting.ts";
import { isInMailertable } from "./route/route.ts";

/** What an engine is built from. */
export interface EngineParts {
  readonly site: Site;
  readonly settings: Settings;
  readonly accounts: Accounts;
  readonly tables: SiteTables;
  readonly queue: OpenQueue;
  /** Told how long deliveries on this host take. */
  readonly overload: Pick<Overload, "watchMailer">;
  /** Where reports go: their recipients may be ours, or aliases. */
  readonly resolve: ResolveAddress;
  readonly resolveLate: ResolveLate;
  readonly isOurName: (name: string) => boolean;
  readonly isOurAddress: (ip: string, port: number) => boolean;
  /** What an earlier process delivered, and where this one notes what it does. */
  readonly repeats: Pick<RepeatParts, "before" | "notes">;
  /** As in the runner's parts. */
  readonly isTaken: (id: string) => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** A running engine. */
export interface DeliveryEngine {
  readonly resolver: Resolver;
  readonly runner: Runner;
  /** The host stops: programs that get mail are not waited for to their time limit. */
  hurry(): void;
  /** Another engine goes on: attempts under way finish and are recorded, however long that takes. */
  retire(): Promise<void>;
  /** The host stops. Attempts under way finish; then connections are closed. */
  stop(): Promise<void>;
}

/** Starts delivering. */
export function startEngine(parts: EngineParts): DeliveryEngine {
  const { site, settings, accounts, queue, clock, log } = parts;
  const resolver = createResolver(settings.dns, clock);
  const { interval } = settings.queue;
  const hosts = openHostStatus(queue.hosts, { interval, remember: settings.timeouts.hostStatus, clock });
  const here = createHereMailer({
    settings,
    site,
    accounts,
    lockTimeout: settings.lockTimeout,
    quota: {
      ...settings.quota,
      limitOf: mailboxLimits(settings.quota, parts.tables.quotas),
      isCertain: () => parts.tables.quotas.faults().length === 0,
      hostname: settings.hostname,
    },
    openWriter: () => startMailboxThread({ site, clock, log }),
    ...(queue.isReceiving === undefined ? {} : { isComing: queue.isReceiving }),
    clock,
    log,
  });
  const elsewhere = createRemoteMailer({
    settings,
    resolver,
    hosts,
    tables: parts.tables,
    isOurName: parts.isOurName,
    isOurAddress: parts.isOurAddress,
    clock,
    log,
  });
  const repeats = { ...parts.repeats, log };
  const local = withoutRepeats(here, { ...repeats, notesMailboxes: settings.local.mailer === "mbox" });
  const remote = withoutRepeats(elsewhere, { ...repeats, notesMailboxes: false });
  const runner = startRunner({
    store: queue.store,
    local: parts.overload.watchMailer(local),
    remote,
    rewriting: createRewriting({ settings, tables: parts.tables, isOurName: parts.isOurName, clock }),
    settings,
    clock,
    log,
    hostname: settings.hostname,
    maxRemote: settings.queue.maxRunners,
    resolve: parts.resolve,
    resolveLate: parts.resolveLate,
    isTaken: parts.isTaken,
    isRouted: (domain) => isInMailertable(domain, parts.tables.mailertable, parts.isOurName),
  });
  const close = () => Promise.all([local.close(), remote.close()]);
  return {
    resolver,
    runner,
    hurry: () => local.hurry?.(),
    async retire() {
      await runner.retire();
      await close();
    },
    async stop() {
      await runner.stop();
      await close();
    },
  };
}

/** True when two versions of the settings differ in something that an engine was built from. */
export function engineDiffers(a: Settings, b: Settings): boolean {
  const built = (s: Settings) =>
    JSON.stringify([
      s.hostname,
      s.relay,
      s.queue,
      s.dns,
      s.accounts,
      s.system,
      s.ldap,
      s.lockTimeout,
      s.rewrite,
      s.routing,
      s.domains,
      s.local,
      s.quota,
      s.timeouts,
      s.smtp.privacy,
    ]);
  return built(a) !== built(b);
}
