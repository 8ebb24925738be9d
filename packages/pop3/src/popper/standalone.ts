/**
 * popper as a server of its own: it binds, gives up root as the launcher does, and serves all sessions in one process.
 * SIGHUP reads the settings again, SIGTERM lets sessions finish.
 */
import { ownPasswordHelper } from "@mailhost/common/accounts/password-helper-process";
import { systemClock } from "@mailhost/common/clock";
import { addressesOf, type BoundPort, bindPort, LISTENER_KEYS } from "@mailhost/common/daemon/bound-port";
import { sendControl } from "@mailhost/common/daemon/control";
import { becomeIdentity, wantedIdentity } from "@mailhost/common/daemon/identity";
import { openReopeningLog } from "@mailhost/common/daemon/reopening-log";
import { STOP_LIMIT } from "@mailhost/common/daemon/stop-times";
import { messageOf, UserError } from "@mailhost/common/errors";
import { placeMailboxes } from "@mailhost/common/mbox/mailbox-layout";
import type { ListenAddress, Settings } from "@mailhost/common/settings/settings";
import { formatListenAddress } from "@mailhost/common/settings/units";
import type { Site } from "@mailhost/common/site";
import { EX_OK, EX_UNAVAILABLE } from "@mailhost/common/sysexits";
import { followCertificates } from "@mailhost/common/tls/followed-certificates";
import { start } from "../daemon.ts";
import type { PortKind } from "../listener.ts";
import { makePopperFolders } from "./folders.ts";

/** What is served. */
export interface StandaloneOrder {
  readonly site: Site;
  readonly settings: Settings;
  /** Where to listen; absent: where the settings say. */
  readonly address?: ListenAddress;
  /** A descriptor that listens already. */
  readonly fd?: number;
  readonly kind: PortKind;
  /** Reads the settings again. */
  readonly again: () => Promise<Settings>;
  readonly say: (line: string) => void;
}

/**
 * Serves until SIGTERM or SIGINT.
 *
 * @returns the exit code
 * @throws UserError when it cannot start
 */
export async function serveAll(order: StandaloneOrder): Promise<number> {
  const { settings, kind, say } = order;
  const identity = wantedIdentity(order.site, settings.run, process.getuid?.() ?? 0);
  makePopperFolders(order.site, settings, identity);
  const log = openReopeningLog(order.site, "popper", settings);
  const certificates = await followCertificates({
    site: order.site,
    tls: settings.tls,
    log,
    clock: systemClock,
  });
  const ports = order.fd === undefined ? await bindAll(order, certificates.current().length > 0) : [];
  const passwords = await ownPasswordHelper({
    site: order.site,
    settings,
    identity,
    clock: systemClock,
    log,
    execArgv: process.execArgv,
  });
  if (identity !== undefined) becomeIdentity(identity);
  const site = placeMailboxes(passwords.site, settings);
  const listeners: Record<string, number[]> = order.fd === undefined ? {} : { [kind]: [order.fd] };
  for (const port of ports) (listeners[port.kind] ??= []).push(port.fd);
  try {
    const daemon = await start({
      site,
      settings,
      listeners,
      certificates: certificates.current(),
      log,
      clock: systemClock,
    });
    certificates.follow((changed) => daemon.takeCertificates?.(changed));
    const alive = setInterval(() => undefined, 1 << 30);
    process.on("SIGXFSZ", () => undefined);
    process.on("SIGHUP", () => {
      void order
        .again()
        .then(async (next) => {
          log.reopen(next);
          passwords.helper?.reload();
          await daemon.reload?.(next);
          await certificates.refresh(next.tls);
          log.write("info", "settings reloaded");
        })
        .catch((error: unknown) =>
          log.write("error", `settings not reloaded, the old ones stay: ${messageOf(error)}`),
        );
    });
    const stopped = new Promise<void>((resolve) => {
      process.once("SIGTERM", resolve).once("SIGINT", resolve);
    });
    const where = ports.map(({ kind: of, address }) => `${of}=${formatListenAddress(address)}`);
    const line = [
      "popper ready",
      ...(order.fd === undefined ? where : [`${kind}=descriptor ${order.fd}`]),
    ].join(" ");
    log.write("info", line);
    say(line);
    await stopped;
    clearInterval(alive);
    log.write("info", "stopping: sessions may finish");
    await daemon.stop(STOP_LIMIT);
    return EX_OK;
  } finally {
    passwords.helper?.stop();
    certificates.close();
    for (const port of ports) port.close();
    await log.close();
  }
}

/** Binds what was asked for, or nothing. */
async function bindAll(
  { site, settings, address, kind }: StandaloneOrder,
  withTls: boolean,
): Promise<BoundPort[]> {
  const wanted: (readonly [PortKind, ListenAddress])[] =
    address === undefined
      ? [
          ...settings.pop3.listen.map((at) => ["pop3", at] as const),
          ...(withTls ? settings.pop3.pop3s.map((at) => ["pop3s", at] as const) : []),
        ]
      : [[kind, address]];
  const ports: BoundPort[] = [];
  try {
    for (const [of, at] of wanted) {
      for (const each of await addressesOf(at, LISTENER_KEYS[of])) ports.push(bindPort(of, each));
    }
    return ports;
  } catch (error) {
    for (const port of ports) port.close();
    throw (await servedAlready(site, error)) ?? error;
  }
}

/** A port that is taken by the site's own host. */
async function servedAlready(site: Site, error: unknown): Promise<UserError | undefined> {
  if (!(error instanceof UserError) || error.exitCode !== EX_UNAVAILABLE) return undefined;
  const status = await sendControl(site, "status").catch(() => undefined);
  if (status?.ok !== true) return undefined;
  return new UserError(
    `${error.message}\npopper: mailhost start runs here (process ${String(status.pid)}) and serves POP3 itself (${String(status.listening)}); let it, or set pop3.listen and pop3.pop3s to [] for a popper of your own`,
    EX_UNAVAILABLE,
  );
}
