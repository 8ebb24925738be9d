/**
 * `mailhost start`: the host in the foreground, from the settings to the last session.
 *
 * The order matters and is all here: locks before anything is touched, half-done mailbox changes mended before a port
 * is bound, ports bound before privileges are dropped, the ready line after both daemons accept.
 */
import type { Server } from "node:net";
import { type PasswordHelper, startPasswordHelper } from "@mailhost/common/accounts/password-helper-process";
import { settingsWithoutRoot } from "@mailhost/common/accounts/system-passwords";
import { systemClock } from "@mailhost/common/clock";
import type { BoundPort } from "@mailhost/common/daemon/bound-port";
import { becomeIdentity, type Identity, wantedIdentity } from "@mailhost/common/daemon/identity";
import { makeOwnFile } from "@mailhost/common/daemon/own-file";
import type { PidFile } from "@mailhost/common/daemon/pid-file";
import { openReopeningLog, type ReopeningLog } from "@mailhost/common/daemon/reopening-log";
import { STOP_LIMIT } from "@mailhost/common/daemon/stop-times";
import { messageOf } from "@mailhost/common/errors";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import { type LoadedSettings, loadSettingsWithNotes } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { EX_OK } from "@mailhost/common/sysexits";
import { requireKnownCiphers } from "@mailhost/common/tls/context-options";
import { policyWarnings } from "@mailhost/mta/policy/warnings";
import { type HostRenewal, prepareRenewal } from "../acme/host-renewal.ts";
import type { Terminal } from "../terminal.ts";
import { type HostCertificates, openCertificates } from "./certificates.ts";
import { openControlSocket } from "./control-server.ts";
import { engineOptions } from "./engine-options.ts";
import { checkFolders, handOverState, prepareFolders, prepareRunFolder } from "./folders.ts";
import { lockDaemon, lockInstance } from "./instance-locks.ts";
import type { ChildPlan } from "./managed-child.ts";
import { bindPorts, readyLine } from "./ports.ts";
import { requireReadableTables } from "./readable-tables.ts";
import { logSettingsNotes } from "./settings-notes.ts";
import { type Supervisor, superviseChildren } from "./supervisor.ts";

/** The programs of the two daemons; tests pass others. */
export interface DaemonEntries {
  /** Absolute paths. */
  readonly mta: string;
  readonly pop3: string;
}

/** What is open while the host runs. */
interface Host {
  readonly site: Site;
  readonly log: ReopeningLog;
  readonly ports: readonly BoundPort[];
  readonly pidFiles: readonly PidFile[];
  readonly supervisor: Supervisor;
  readonly certificates: HostCertificates;
  readonly renewal: HostRenewal;
  readonly change: SettingsChange;
  readonly passwords: PasswordHelper | undefined;
  settings: Settings;
}

/** What a command line says in place of the settings, at each reading of them. */
export type SettingsChange = (settings: Settings) => Settings;

const asTheyAre: SettingsChange = (settings) => settings;

/** Time that the daemons' own limit gets before the launcher's (ms). */
const STOP_MARGIN = 2000;

/**
 * Runs the host until SIGTERM or SIGINT.
 *
 * @param change what the command line says in place of the settings
 * @returns the exit code
 * @throws UserError when it cannot start; nothing of it is left running then
 */
export async function startHost(
  givenSite: Site,
  entries: DaemonEntries,
  terminal: Pick<Terminal, "out" | "err">,
  change: SettingsChange = asTheyAre,
): Promise<number> {
  const loaded = loadSettingsWithNotes(givenSite);
  const uid = process.getuid?.() ?? 0;
  const changed: SettingsChange =
    uid === 0 ? change : (given) => settingsWithoutRoot(givenSite, change(given));
  const settings = changed(loaded.settings);
  requireKnownCiphers(loaded.source ?? givenSite.settingsFile, settings.tls);
  const site = placeMailboxes(givenSite, settings);
  const identity = wantedIdentity(site, settings.run, uid);
  prepareRunFolder(site, identity);
  const instance = lockInstance(site);
  const pidFiles = [instance];
  try {
    prepareFolders(site, identity, uid);
    const { traceFile } = settings.pop3;
    if (traceFile !== "") makeOwnFile(sitePath(site, traceFile), 0o600, identity);
    const log = openReopeningLog(site, "mailhost", settings);
    logSettingsNotes(loaded, log);
    try {
      return await runHost({ site, settings, identity, entries, log, pidFiles, terminal, change: changed });
    } catch (error) {
      log.write("error", `cannot start: ${messageOf(error)}`);
      throw error;
    } finally {
      await log.close();
    }
  } finally {
    for (const file of pidFiles) file.release();
  }
}

interface RunParts {
  readonly site: Site;
  readonly settings: Settings;
  readonly identity: Identity | undefined;
  readonly entries: DaemonEntries;
  readonly log: ReopeningLog;
  /** Taken locks; those of the daemons are added. */
  readonly pidFiles: PidFile[];
  readonly terminal: Pick<Terminal, "out" | "err">;
  readonly change: SettingsChange;
}

async function runHost(parts: RunParts): Promise<number> {
  const { site, settings, identity, log, terminal } = parts;
  const mta = await lockDaemon(site, "mta", { clock: systemClock, log });
  parts.pidFiles.push(mta);
  const pop3 = await lockDaemon(site, "pop3", { clock: systemClock, log });
  parts.pidFiles.push(pop3);
  await recoverMailboxes(site, settings, log);
  if (identity !== undefined) handOverState(site, identity);
  const tell = (line: string) => terminal.err(line);
  const renewal = await prepareRenewal({
    ...{ site, settings, identity, log },
    installed: () => void host.certificates.refresh(host.settings.tls),
    settingsNow: () => parts.change(loadSettingsWithNotes(site).settings),
  });
  const certificates = await openCertificates({ site, settings, identity, log, tell });
  const ports = await bindPorts(settings, certificates.any()).catch((error: unknown) => {
    certificates.close();
    throw error;
  });
  const plan = (name: "mta" | "pop3", pidFile: PidFile): ChildPlan => ({
    name,
    entry: parts.entries[name],
    listeners: listenersFor(name, ports),
    pidFile,
    execArgv: engineOptions(name),
  });
  const supervisor = superviseChildren([plan("mta", mta), plan("pop3", pop3)], {
    root: site.root,
    settings,
    certificates: certificates.current,
    clock: systemClock,
    log,
    execArgv: process.execArgv,
  });
  const passwords = await startPasswordHelper({
    site,
    settings,
    identity,
    clock: systemClock,
    log,
    execArgv: process.execArgv,
  });
  const host: Host = {
    site,
    log,
    ports,
    pidFiles: parts.pidFiles,
    supervisor,
    certificates,
    renewal,
    settings,
    change: parts.change,
    passwords,
  };
  const signals = catchSignals(host);
  let control: Server | undefined;
  try {
    control = await openControlSocket(site, identity, controlCommands(host));
    if (identity !== undefined) takeIdentity(identity, parts);
    checkFolders(site);
    requireReadableTables(site, settings);
    // A signal during the start ends it too.
    const ended = await Promise.race([
      supervisor.start().then(() => false),
      signals.stopped.then(() => true),
    ]);
    if (!ended) {
      certificates.follow((changed) => supervisor.takeCertificates(changed));
      renewal.start();
      const line = readyLine(ports);
      log.write("info", line);
      terminal.out(line);
      for (const warning of policyWarnings(host.settings.policy)) terminal.err(`mailhost: ${warning}`);
      await signals.stopped;
    }
    log.write("info", "stopping: sessions may finish");
    await supervisor.stop(STOP_LIMIT + STOP_MARGIN);
    log.write("info", "stopped");
    return EX_OK;
  } finally {
    signals.release();
    passwords?.stop();
    certificates.close();
    await renewal.stop();
    control?.close();
    for (const port of ports) port.close();
  }
}

/** The descriptors of one daemon's ports, by kind. */
function listenersFor(name: "mta" | "pop3", ports: readonly BoundPort[]): Record<string, number[]> {
  const listeners: Record<string, number[]> = {};
  for (const { kind, fd } of ports) {
    const owner = kind === "pop3" || kind === "pop3s" ? "pop3" : "mta";
    if (owner === name) (listeners[kind] ??= []).push(fd);
  }
  return listeners;
}

async function recoverMailboxes(site: Site, settings: Settings, log: ReopeningLog): Promise<void> {
  const { recoverAllMailboxes } = await import("@mailhost/common/mbox/recover");
  const mended = await recoverAllMailboxes(site, { clock: systemClock, log });
  if (mended > 0) log.write("warn", `${mended} mailboxes with a half-done change were mended`);
  const { recoverTempDrops } = await import("@mailhost/common/mbox/recover-temp-drops");
  const { openAccounts } = await import("@mailhost/common/accounts/accounts");
  const accounts = openAccounts(site, settings);
  await recoverTempDrops(site, { clock: systemClock, log, uidOf: (name) => accounts.find(name)?.uid });
}

function takeIdentity(identity: Identity, parts: RunParts): void {
  becomeIdentity(identity);
  parts.log.write("info", `running as ${identity.user} (uid ${identity.uid}, gid ${identity.gid})`);
}

/** SIGTERM and SIGINT end the host, a second one at once; SIGHUP reloads. */
function catchSignals(host: Host): { readonly stopped: Promise<void>; release(): void } {
  // Sockets and children come and go; the host stays until it is told to end.
  const alive = setInterval(() => undefined, 1 << 30);
  let told = false;
  let tell: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const onStop = () => {
    if (told) host.supervisor.kill();
    told = true;
    tell();
  };
  const onHangUp = () => void reload(host);
  process.on("SIGTERM", onStop).on("SIGINT", onStop).on("SIGHUP", onHangUp);
  return {
    stopped,
    release() {
      clearInterval(alive);
      process.off("SIGTERM", onStop).off("SIGINT", onStop).off("SIGHUP", onHangUp);
    },
  };
}

/** Reads the settings again; broken ones are named in the log and the old stay in force. Returns the fault, if any. */
function reload(host: Host): string | undefined {
  let loaded: LoadedSettings;
  try {
    loaded = loadSettingsWithNotes(host.site);
    requireKnownCiphers(loaded.source ?? host.site.settingsFile, loaded.settings.tls);
  } catch (error) {
    host.log.write("error", `settings not reloaded, the old ones stay: ${messageOf(error)}`);
    return messageOf(error);
  }
  const next = host.change(loaded.settings);
  const listeners = (s: Settings) =>
    JSON.stringify([
      s.smtp.listen,
      s.smtp.submission,
      s.smtp.smtps,
      s.pop3.listen,
      s.pop3.pop3s,
      s.drac.rpcListen,
    ]);
  if (listeners(next) !== listeners(host.settings)) {
    host.log.write("warn", "other listeners need a restart of mailhost; the ports stay as they are");
  }
  host.settings = next;
  host.log.reopen(next);
  host.supervisor.reload(next);
  host.passwords?.reload();
  void host.certificates.refresh(next.tls);
  host.renewal.reload(next);
  logSettingsNotes(loaded, host.log);
  host.log.write("info", "settings reloaded");
  return undefined;
}

function controlCommands(host: Host): Parameters<typeof openControlSocket>[2] {
  return {
    wake: () => {
      host.supervisor.wake();
      return { ok: true };
    },
    "run-queue": ({ selection }) => {
      host.supervisor.runQueue(selection);
      return { ok: true };
    },
    submission: async ({ drop, errorsTo }) => {
      if (typeof drop !== "string" || (errorsTo !== "caller" && errorsTo !== "sender"))
        return { ok: false, error: "submission needs drop and errorsTo" };
      const result = await host.supervisor.submission({ drop, errorsTo });
      return result === undefined ? { ok: false, error: "the mta does not answer" } : { ok: true, ...result };
    },
    "under-way": async () => ({ ok: true, ids: await host.supervisor.underWay() }),
    reload: () => {
      const fault = reload(host);
      return fault === undefined ? { ok: true } : { ok: false, error: fault };
    },
    certificate: (line) => host.renewal.control(line),
    status: () => ({
      ok: true,
      pid: process.pid,
      listening: readyLine(host.ports).replace("mailhost ready", "").trim(),
      daemons: host.supervisor.status(),
    }),
  };
}
