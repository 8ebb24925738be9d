/**
 * The mta process: SMTP in, the queue, delivery. Here, and only here, its parts are put together.
 *
 * A message's way: inbound/smtp-listener -> inbound/smtp-session -> inbound/mail-from, rcpt-to, data -> queue store
 * (the `250` is sent) -> queue/runner -> deliver/local-mailer or deliver/remote-mailer.
 */
import { AccountsUnavailable, openAccounts } from "@mailhost/common/accounts/accounts";
import { openPopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { domainKey } from "@mailhost/common/address";
import { containerGateways, machineFacts } from "@mailhost/common/container-gateway";
import type { Daemon, DaemonParts } from "@mailhost/common/daemon/child";
import { sessionsWithin } from "@mailhost/common/daemon/stop-times";
import { type DracExclusion, dracExclusion } from "@mailhost/common/drac/drac-exclusion";
import { type DracTable, openDracTable } from "@mailhost/common/drac/drac-table";
import { messageOf } from "@mailhost/common/errors";
import { openFileWatch } from "@mailhost/common/fs/file-watch";
import { banExemption } from "@mailhost/common/login/ban-exemption";
import { openLoginGuard } from "@mailhost/common/login/open-login-guard";
import { openAppendNotes } from "@mailhost/common/mbox/append-notes";
import { mailboxSize } from "@mailhost/common/quota/mailbox-size";
import type { Settings } from "@mailhost/common/settings/settings";
import { sitePath } from "@mailhost/common/site";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { type ServedCertificates, serveCertificates } from "@mailhost/common/tls/served-certificates";
import { deliveredBefore } from "./deliver/without-repeats.ts";
import { type DeliveryEngine, engineDiffers, startEngine } from "./delivery-engine.ts";
import { startDrac } from "./drac/drac-rpc.ts";
import { openClientNames } from "./inbound/client-names.ts";
import { openConnectionLimits } from "./inbound/connection-limits.ts";
import { type InboundParts, recipientParts } from "./inbound/inbound-parts.ts";
import { openMachineLoad, thisMachine } from "./inbound/machine-load.ts";
import { type PortKind, SmtpListener } from "./inbound/smtp-listener.ts";
import { interval, isLogged } from "./log/message-log.ts";
import { countingLog, openStatistics, type Statistics } from "./log/statistics.ts";
import { openOverload } from "./overload/overload.ts";
import { type BoundAddress, isBoundHere } from "./own-addresses.ts";
import { findLocalDomain, interfaceAddresses } from "./policy/local-domains.ts";
import { policyWarnings } from "./policy/warnings.ts";
import { openQueue } from "./queue/open-queue.ts";
import { watchForPanic } from "./queue/panic-watch.ts";
import { readSelection } from "./queue/selection.ts";
import { KnownAbsences, nodeAbsenceFiles } from "./recipients/known-absences.ts";
import { openListFiles } from "./recipients/list-files.ts";
import { recipientFor } from "./recipients/list-owner.ts";
import { resolveRecipient } from "./recipients/resolve.ts";
import { acceptSubmission } from "./submit/accept-submission.ts";
import { openAwaitedDrops } from "./submit/awaited-drops.ts";
import { type CollectorParts, startDropCollector } from "./submit/drop-collector.ts";
import { localUser } from "./submit/local-user.ts";
import { resolveWritten } from "./submit/written-address.ts";

/** How long the list of our interfaces' addresses is taken as it is (ms). */
const INTERFACES_KEPT = 60_000;

const KINDS: readonly PortKind[] = ["smtp", "submission", "smtps"];

/** Starts the mta on the listeners it was given; resolves when it accepts connections on all of them. */
export async function start(parts: DaemonParts): Promise<Daemon> {
  const { site, clock } = parts;
  let settings = parts.settings;
  const statistics = statisticsOf(parts);
  const log = statistics === undefined ? parts.log : countingLog(parts.log, statistics);
  const watch = openFileWatch({ clock, log });
  const absences = new KnownAbsences({ clock, fs: nodeAbsenceFiles });
  const tables = openSiteTables(site, { log, settings, watch });
  const accountsOf = (from: Settings) =>
    openAccounts(site, from, {
      onFault: (fault) => log.write("error", `${fault.message}; it changes nothing`),
      clock,
      lasting: true,
      watch,
    });
  let accounts = accountsOf(settings);
  const queue = await openQueue(site, { clock, log, daemon: true });
  const panic = watchForPanic(queue.store, clock, (reason) => {
    throw new Error(`SYSERR(queue): ${queue.folder}: ${reason}; a new process opens it again`);
  });
  const repeats = {
    before: await deliveredBefore(site, queue.store),
    notes: openAppendNotes(site, "handed-over", log),
  };
  const ownAddresses = cachedInterfaces(() => clock.now());
  const bound: BoundAddress[] = [];

  const overload = openOverload({ clock, log });
  const engineParts = () => ({
    overload,
    site,
    settings,
    accounts,
    tables,
    queue,
    repeats,
    resolve: async (address: string) => {
      const parts = recipientParts(inbound);
      const resolved = await resolveRecipient(address, parts);
      if (resolved.kind === "targets") return resolved.recipients;
      if (resolved.reply.code >= 500) return [];
      // A report cannot wait for somebody's home to come back: it stays in the mailbox.
      const { lists: _, ...withoutLists } = parts;
      const kept = await resolveRecipient(address, withoutLists);
      if (kept.kind === "targets") return kept.recipients;
      // Nobody can say now who it is for: the report waits in the queue.
      if (kept.reply.code < 500) throw new AccountsUnavailable(kept.reply.text);
      return [];
    },
    resolveLate: async (address: string, sender: string) => {
      const resolved = await resolveWritten(address, { site, settings, tables, lists: inbound.lists });
      return resolved.kind === "refused"
        ? resolved
        : { ...resolved, recipients: resolved.recipients.map((one) => recipientFor(one, sender)) };
    },
    isOurName: (name: string) =>
      findLocalDomain(domainKey(name), settings.hostname, tables.localHostNames, ownAddresses) !== undefined,
    isOurAddress: (ip: string, port: number) => isBoundHere(ip, port, bound, ownAddresses()),
    isTaken: (id: string) => [...leaving.keys()].some((old) => old.runner.isUnderWay(id)),
    clock,
    log,
  });
  /** Engines of settings that have gone, which finish what they have begun; it may take minutes. */
  const leaving = new Map<DeliveryEngine, Promise<void>>();
  let engine: DeliveryEngine = startEngine(engineParts());

  /** The new engine goes on at once and leaves to the old one what is under way there: nothing is delivered twice. */
  const swapEngine = () => {
    const old = engine;
    engine = startEngine(engineParts());
    const stopped = old
      .retire()
      .catch((error: unknown) => log.write("error", `mta: delivery did not end well: ${messageOf(error)}`))
      .finally(() => leaving.delete(old));
    leaving.set(old, stopped);
  };

  const gateways = new Set(containerGateways(machineFacts));
  const exclusion = dracExclusion({ settings: () => settings, tables, gateways });
  let drac = openDrac(parts, settings, exclusion);
  const exemption = banExemption({ settings: () => settings, tables, gateways });
  const guard = openLoginGuard(site, { settings: () => settings, exemption, clock, log });

  const inbound: InboundParts = {
    settings: () => settings,
    tables,
    accounts: () => accounts,
    mailboxSize: (name) => mailboxSize(site, name),
    popauth: openPopauthSecrets(site, { onFault: (fault) => log.write("error", fault.message), watch }),
    drac: () => drac,
    store: overload.watchStore(queue.store),
    submitted: (entry) => engine.runner.submitted(entry),
    runQueue: (selection) => engine.runner.runAll(selection),
    etrnTimes: new Map(),
    load: openMachineLoad({
      machine: thisMachine,
      settings: () => settings,
      queueFolder: queue.folder,
      clock,
      log,
    }),
    overload,
    names: openClientNames(() => engine.resolver, clock),
    resolver: () => engine.resolver,
    limits: openConnectionLimits(
      () => ({
        total: settings.smtp.maxConnections,
        perClient: settings.smtp.maxConnectionsPerClient,
      }),
      () => clock.now(),
    ),
    ownAddresses,
    lists: openListFiles({ clock, absences }),
    gateways,
    guard,
    log,
    clock,
  };
  const drop: CollectorParts = {
    dir: site.dropDir,
    store: queue.store,
    accept: (submission) =>
      acceptSubmission(
        { book: { site, settings, tables, lists: inbound.lists }, store: queue.store, log, clock },
        submission,
      ),
    submitted: (entry) => engine.runner.submitted(entry),
    userOf: (uid) => localUser(uid),
    maxSize: () => settings.smtp.maxMessageSize,
    log,
    clock,
  };
  const awaited = openAwaitedDrops(drop);
  const drops = startDropCollector({ ...drop, awaited });
  let certificates = parts.certificates;
  const served = serveCertificates(certificates, settings.tls, { clock });
  const rpc = await startDrac(parts.listeners, {
    settings: () => settings,
    table: () => drac,
    exclusion,
    log,
    clock,
  });
  const listeners = await openListeners(parts, inbound, bound, served);
  log.write("info", `starting daemon (mailhost): SMTP+queueing@${interval(settings.queue.interval)}`);
  const warn = () => {
    for (const warning of policyWarnings(settings.policy)) log.write("warn", warning);
  };
  warn();

  return {
    async reload(changed) {
      served.replace(certificates, changed.tls);
      const before = settings;
      settings = changed;
      warn();
      if (JSON.stringify(before.drac) !== JSON.stringify(changed.drac)) {
        // The new one first: opened beside the old one, it waits for nobody.
        const old = drac;
        drac = openDrac(parts, changed, exclusion);
        await old?.close();
      }
      if (engineDiffers(before, changed)) {
        const leavingAccounts = accounts;
        accounts = accountsOf(changed);
        await leavingAccounts.close();
        try {
          swapEngine();
        } catch (error) {
          log.write("error", `mta: delivery goes on with the old settings: ${messageOf(error)}`);
        }
      }
      for (const listener of listeners) listener.update(changed);
    },
    takeCertificates(changed) {
      served.replace(changed, settings.tls);
      certificates = changed;
    },
    wake() {
      engine.runner.wake();
      drops.notice();
    },
    runQueue: (selection) => engine.runner.runAll(readSelection(selection)),
    submission: (order) => awaited.take(order),
    async underWay() {
      await queue
        .settle()
        .catch((error: unknown) => log.write("error", `SYSERR(queue): ${messageOf(error)}`));
      return [engine, ...leaving.keys()].flatMap(({ runner }) => runner.underWay());
    },
    async stop(within) {
      if (isLogged(log, 10)) log.write("info", "stopping daemon, reason=signal");
      for (const running of [engine, ...leaving.keys()]) running.hurry();
      await Promise.all([
        ...listeners.map((listener) => listener.stop(sessionsWithin(within))),
        drops.close(),
        awaited.close(),
        rpc?.stop(),
      ]);
      await Promise.all([engine.stop(), ...[...leaving.keys()].map((old) => old.stop())]);
      await Promise.all(leaving.values());
      repeats.notes.close();
      panic.close();
      await queue.store.close();
      await drac?.close();
      await accounts.close();
      guard.close();
      await tables.close();
      watch.close();
      absences.close();
      await statistics?.close();
      served.close();
      overload.close();
    },
  };
}

/** Counters for mailstats, where the settings name a file for them. */
function statisticsOf({ site, settings, clock, log }: DaemonParts): Statistics | undefined {
  const { statistics: file } = settings.log;
  return file === "" ? undefined : openStatistics(sitePath(site, file), { clock, log });
}

function openDrac(parts: DaemonParts, settings: Settings, exclusion: DracExclusion): DracTable | undefined {
  if (!settings.drac.enabled) return undefined;
  const { site, clock, log } = parts;
  return openDracTable(site, { lifetime: settings.drac.lifetime, clock, log, exclusion });
}

/** Listens on every inherited descriptor; `bound` is told where that is. */
async function openListeners(
  parts: DaemonParts,
  inbound: InboundParts,
  bound: BoundAddress[],
  certificates: ServedCertificates,
): Promise<SmtpListener[]> {
  const listeners: SmtpListener[] = [];
  for (const kind of KINDS) {
    const descriptors = parts.listeners[kind] ?? [];
    if (kind === "smtps" && !certificates.any()) {
      if (descriptors.length > 0) {
        parts.log.write("warn", `smtps: not served, there is no certificate (${parts.settings.tls.cert})`);
      }
      continue;
    }
    for (const fd of descriptors) {
      const listener = new SmtpListener(kind, inbound, certificates);
      await listener.open({ fd });
      const where = listener.server.address();
      if (where !== null && typeof where === "object") bound.push(where);
      listeners.push(listener);
    }
  }
  return listeners;
}

/** The addresses of this host's interfaces, asked of the system once a minute. */
function cachedInterfaces(now: () => number): () => ReadonlySet<string> {
  let known = interfaceAddresses();
  let until = now() + INTERFACES_KEPT;
  return () => {
    if (now() >= until) {
      known = interfaceAddresses();
      until = now() + INTERFACES_KEPT;
    }
    return known;
  };
}
