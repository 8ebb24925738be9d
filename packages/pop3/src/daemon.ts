/**
 * The pop3 process. Here, and only here, its parts are put together.
 *
 * A client's way: listener -> session -> verbs/login (-> DRAC) -> maildrop/open -> verbs/retrieve -> protocol/message-encoder;
 * QUIT -> maildrop/update.
 */
import { lstat } from "node:fs/promises";
import { openAccounts, type SiteAccounts } from "@mailhost/common/accounts/accounts";
import { openPopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { containerGateways, machineFacts } from "@mailhost/common/container-gateway";
import type { Daemon, DaemonParts } from "@mailhost/common/daemon/child";
import { openFilesFault, openFilesLimit } from "@mailhost/common/daemon/open-files";
import { sessionsWithin } from "@mailhost/common/daemon/stop-times";
import { type DracExclusion, dracExclusion } from "@mailhost/common/drac/drac-exclusion";
import { type DracTable, openDracTable } from "@mailhost/common/drac/drac-table";
import { errnoOf } from "@mailhost/common/errors";
import { type FileWatch, lookAlways, openFileWatch } from "@mailhost/common/fs/file-watch";
import { openAdmission } from "@mailhost/common/login/admission";
import { banExemption } from "@mailhost/common/login/ban-exemption";
import { openLoginGuard } from "@mailhost/common/login/open-login-guard";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import type { Settings } from "@mailhost/common/settings/settings";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { serveCertificates } from "@mailhost/common/tls/served-certificates";
import { nameService, openHostNames } from "./connection/host-names.ts";
import { openTraceFiles } from "./connection/trace-files.ts";
import { Listener } from "./listener.ts";
import { BackgroundMoves } from "./maildrop/background-moves.ts";
import { openIndexStore } from "./maildrop/index-store.ts";
import { openPreparations } from "./maildrop/preparations.ts";
import { sweepEveryHour } from "./maildrop/removed-messages.ts";
import type { Services } from "./services.ts";
import { openMailCommand } from "./transmit/mail-command.ts";

/** Starts the POP3 server on the listeners it was given; resolves when it accepts connections on all of them. */
export async function start(parts: DaemonParts): Promise<Daemon> {
  const server = openServer(parts);
  const { listener } = server;
  for (const fd of parts.listeners.pop3 ?? []) await listener.listen("pop3", { fd });
  const secure = parts.listeners.pop3s ?? [];
  if (server.hasTls()) for (const fd of secure) await listener.listen("pop3s", { fd });
  else if (secure.length > 0)
    parts.log.write("warn", `pop3s: not served, there is no certificate (${parts.settings.tls.cert})`);
  const tooFew = openFilesFault(parts.settings.pop3.maxConnections, openFilesLimit());
  if (tooFew !== undefined) parts.log.write("warn", tooFew);
  server.sweepIndexes();
  return server;
}

/** The server with all its parts. It listens nowhere yet. */
export interface Pop3Server extends Daemon {
  readonly listener: Listener;
  /** Whether there is a certificate. */
  readonly hasTls: () => boolean;
  /** Begins to drop the indexes of mailboxes that are gone. */
  readonly sweepIndexes: () => void;
}

/** Puts the server together, for {@link start} and for `popper`, which is given its one connection. */
export function openServer(
  parts: Omit<DaemonParts, "listeners"> & { readonly oneSession?: boolean },
): Pop3Server {
  const { site, log, clock } = parts;
  let settings = parts.settings;
  let certificates = parts.certificates;
  const served = serveCertificates(certificates, settings.tls, { clock });
  // One session is over before a watch would pay.
  const watch = parts.oneSession === true ? lookAlways : openFileWatch({ clock, log });
  let accounts = open(parts, settings, watch);
  const tables = openSiteTables(site, { log, settings: parts.settings, watch });
  const store = openIndexStore(site, { log, clock });
  const moves = new BackgroundMoves({ clock, log });
  const sweeper = sweepEveryHour(site, () => settings.pop3.keepRemoved, {
    clock,
    log,
    first: parts.oneSession === true ? "when due" : "now",
  });
  const traces = openTraceFiles(site, { log, clock });
  let names = nameService(settings.dns, log);
  const preparations = openPreparations({
    site,
    settings: () => settings,
    accounts: () => accounts,
    log,
    clock,
  });
  const gateways = new Set(containerGateways(machineFacts));
  const exclusion = dracExclusion({ settings: () => settings, tables, gateways });
  let drac = openDrac(parts, settings, exclusion);
  const exemption = banExemption({ settings: () => settings, tables, gateways });
  const guard = openLoginGuard(site, { settings: () => settings, exemption, clock, log });
  const services: Services = {
    site,
    settings: () => settings,
    accounts: () => accounts,
    popauth: openPopauthSecrets(site, { onFault: (fault) => log.write("error", fault.message), watch }),
    admission: openAdmission({ site, settings: () => settings, log, watch }),
    gateways,
    drac: () => drac,
    hasTls: served.any,
    tables,
    store,
    moves,
    preparations: () => preparations.current(),
    guard,
    hostNames: openHostNames({ service: () => names, clock }),
    traces,
    mailCommand: openMailCommand(site, clock),
    log,
    clock,
  };
  const listener = new Listener(services, served);
  let swept = Promise.resolve();
  return {
    listener,
    hasTls: services.hasTls,
    sweepIndexes() {
      swept = store.sweep((name) => isThere(mailboxPaths(site, name).mbox));
    },
    async reload(changed) {
      // What can fail comes first: after a failure the old settings hold.
      served.replace(certificates, changed.tls);
      const newAccounts = open(parts, changed, watch);
      const before = settings;
      settings = changed;
      const leaving = accounts;
      accounts = newAccounts;
      await leaving.close();
      names = nameService(changed.dns, log);
      if (JSON.stringify(before.drac) === JSON.stringify(changed.drac)) return;
      // The new one first: opened beside the old one, it waits for nobody.
      const old = drac;
      drac = openDrac(parts, changed, exclusion);
      await old?.close();
    },
    takeCertificates(changed) {
      served.replace(changed, settings.tls);
      certificates = changed;
    },
    async stop(within) {
      await listener.stop(sessionsWithin(within));
      served.close();
      await moves.stop();
      await sweeper.stop();
      await traces.close();
      await swept;
      await store.close();
      await preparations.close();
      await drac?.close();
      await accounts.close();
      guard.close();
      await tables.close();
      watch.close();
    },
  };
}

/** Whether a mailbox is there; one that can not be looked at is taken to be. */
async function isThere(mbox: string): Promise<boolean> {
  try {
    await lstat(mbox);
    return true;
  } catch (error) {
    return errnoOf(error) !== "ENOENT";
  }
}

function open(
  { site, log, clock }: Omit<DaemonParts, "listeners">,
  settings: Settings,
  watch: FileWatch,
): SiteAccounts {
  return openAccounts(site, settings, {
    onFault: (fault) => log.write("warn", fault.message),
    clock,
    lasting: true,
    watch,
  });
}

function openDrac(
  { site, clock, log }: Omit<DaemonParts, "listeners">,
  settings: Settings,
  exclusion: DracExclusion,
): DracTable | undefined {
  if (!settings.drac.enabled) return undefined;
  return openDracTable(site, { lifetime: settings.drac.lifetime, clock, log, exclusion });
}
