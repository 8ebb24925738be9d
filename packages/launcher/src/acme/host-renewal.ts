/**
 * Certificates by ACME of a running host: what has to be done while it is still root, and the renewal after that.
 *
 * Port 80 and the folder of the certificates are root's; the conversation with the authority, a large library that speaks to the
 * world, is not to be. So ports below 1024 are bound before root is given up, and `etc/mail/tls` is given to whoever the host
 * becomes. A folder elsewhere stays whose it is, and the log says what to do.
 */
import { lstatSync, mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "@mailhost/common/clock";
import { addressesOf, type BoundPort, bindPort } from "@mailhost/common/daemon/bound-port";
import type { ControlAnswer } from "@mailhost/common/daemon/control";
import type { Identity } from "@mailhost/common/daemon/identity";
import { giveFolder } from "@mailhost/common/daemon/own-file";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { acmeFolder } from "./acme-state.ts";
import { type ChallengeServer, challengeServer } from "./challenge-server.ts";
import { finishBegun, pairPaths } from "./get-certificate.ts";
import { certificateRenewal, type Outcome } from "./renewal.ts";

/** What {@link prepareRenewal} needs. */
export interface HostRenewalParts {
  readonly site: Site;
  readonly settings: Settings;
  /** Whom we are about to become; undefined: we stay who we are. */
  readonly identity: Identity | undefined;
  readonly log: Log;
  /** Called when a new certificate is in its place. */
  readonly installed: () => void;
  /** The settings as the files have them now, for an attempt on demand. */
  readonly settingsNow: () => Settings;
}

/** The certificates of a running host. */
export interface HostRenewal {
  /** Begins to look after them. */
  start(): void;
  reload(settings: Settings): void;
  /** `certificate` on the control socket: `get` begins an attempt, `progress` tells of it. */
  control(line: Readonly<Record<string, unknown>>): ControlAnswer;
  stop(): Promise<void>;
}

/** Ports below this are root's. */
const FIRST_FREE_PORT = 1024;

/** Does what takes root, and finishes what a killed process had begun. What goes wrong is logged: mail does not wait for it. */
export async function prepareRenewal(parts: HostRenewalParts): Promise<HostRenewal> {
  const { site, settings, identity, log } = parts;
  let held: BoundPort[] = [];
  if (settings.acme.domains.length > 0) {
    try {
      if (await finishBegun(site, settings)) log.write("info", "acme: a new certificate is put in its place");
    } catch (error) {
      log.write("error", `acme: the certificate's files can not be looked at: ${messageOf(error)}`);
    }
    if (identity !== undefined) {
      handOverFolders(parts, identity);
      held = await holdPorts(settings, log);
    }
  }
  return lookAfter(parts, held);
}

function lookAfter(parts: HostRenewalParts, held: readonly BoundPort[]): HostRenewal {
  let server: ChallengeServer = challengeServer(parts.settings.acme.listen, held);
  const renewal = certificateRenewal({
    site: parts.site,
    settings: parts.settings,
    log: parts.log,
    clock: systemClock,
    owner: parts.identity,
    random: Math.random,
    installed: parts.installed,
    answers: { add: (token, text) => server.add(token, text), remove: (token) => server.remove(token) },
  });
  let outcome: Outcome | undefined;
  const take = (settings: Settings) => {
    if (held.length === 0 && !renewal.busy()) {
      void server.close();
      server = challengeServer(settings.acme.listen);
    }
  };
  return {
    start: () => void renewal.look(),
    reload(settings) {
      take(settings);
      void renewal.reload(settings);
    },
    control({ action, force }) {
      if (action === "progress")
        return { ok: true, busy: renewal.busy(), ...(outcome === undefined ? {} : { outcome }) };
      if (action !== "get") return { ok: false, error: "certificate needs an action: get or progress" };
      outcome = undefined;
      const settings = parts.settingsNow();
      take(settings);
      renewal.use(settings);
      void renewal.get(force === true).then((now) => {
        outcome = now;
      });
      return { ok: true };
    },
    async stop() {
      renewal.stop();
      await server.close();
    },
  };
}

/** Gives the folder of the certificates to whoever we become, if it is ours to give: `etc/mail/tls`, or one that we make. */
export function handOverFolders(
  { site, settings, log }: Pick<HostRenewalParts, "site" | "settings" | "log">,
  identity: Identity,
): void {
  const { key, cert } = pairPaths(site, settings);
  for (const folder of new Set([dirname(key), dirname(cert), acmeFolder(site)])) {
    try {
      const made = mkdirSync(folder, { recursive: true, mode: 0o755 }) !== undefined;
      // A link was made by somebody: an administrator, or whoever may write beside it.
      const isLink = lstatSync(folder).isSymbolicLink();
      if (!isLink && (made || isOurs(site, folder))) giveFolder(folder, identity);
      else if (statSync(folder).uid !== identity.uid)
        log.write("warn", `acme: ${cannotWrite(folder, identity)}`);
    } catch (error) {
      log.write("error", `acme: ${folder} can not be given to ${identity.user}: ${messageOf(error)}`);
    }
  }
}

/** Folders that hold nothing but our own files. */
export function isOurs(site: Site, folder: string): boolean {
  return folder === join(site.etcMail, "tls") || folder === acmeFolder(site);
}

/** What is said of a folder that new certificates can not be put into. */
export function cannotWrite(folder: string, { user }: Identity): string {
  return `${folder} is not ${user}'s, who the host runs as: new certificates can not be put there; chown ${user} it, leave tls.cert and tls.key in etc/mail/tls, or run \`mailhost certificate renew\` as root every day`;
}

async function holdPorts({ acme }: Settings, log: Log): Promise<BoundPort[]> {
  const held: BoundPort[] = [];
  try {
    const addresses = await Promise.all(acme.listen.map((address) => addressesOf(address, "acme.listen")));
    for (const address of addresses.flat())
      if (address.port > 0 && address.port < FIRST_FREE_PORT)
        held.push(bindPort("smtp", address, "acme.listen"));
  } catch (error) {
    for (const port of held) port.close();
    log.write(
      "error",
      `acme: ${messageOf(error)}; a web server there can pass /.well-known/acme-challenge/ on to a port of its own`,
    );
    return [];
  }
  return held;
}
