/**
 * The certificates of a host that starts: the first one is made where there is none, all are read while we may still be root.
 */
import { systemClock } from "@mailhost/common/clock";
import type { Identity } from "@mailhost/common/daemon/identity";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { type FollowedCertificates, followCertificates } from "@mailhost/common/tls/followed-certificates";
import { pemPaths } from "@mailhost/common/tls/pem-files";
import { reasonOf } from "./folders.ts";
import { keyReaderFor } from "./key-reader.ts";
import { listenersOf, NEED_TLS } from "./ports.ts";

/** What {@link openCertificates} needs. */
export interface CertificateParts {
  readonly site: Site;
  readonly settings: Settings;
  /** Whom we are about to become. */
  readonly identity: Identity | undefined;
  readonly log: Log;
  /** The person at the terminal is told of a certificate that was made. */
  readonly tell: (line: string) => void;
}

/** Certificates, and what there is to end with them. */
export interface HostCertificates extends FollowedCertificates {
  /** Whether there is any now, and so TLS. */
  any(): boolean;
}

/**
 * Reads them, and makes the first when there is none and `tls.selfSigned` says so.
 *
 * @throws ConfigError when the main one is there and cannot be used
 */
export async function openCertificates(parts: CertificateParts): Promise<HostCertificates> {
  const { site, settings, identity, log } = parts;
  const { tls } = settings;
  if (tls.selfSigned) await makeFirst(parts);
  const reader = keyReaderFor(pemPaths(site, tls), identity, log);
  try {
    const followed = await followCertificates({
      site,
      tls,
      log,
      clock: systemClock,
      ...(reader && { reader }),
    });
    const any = () => followed.current().length > 0;
    if (!any()) tellOfNone(parts);
    return {
      ...followed,
      any,
      close() {
        followed.close();
        reader?.close();
      },
    };
  } catch (error) {
    reader?.close();
    throw error;
  }
}

async function makeFirst({ site, settings, identity, log, tell }: CertificateParts): Promise<void> {
  const [paths] = pemPaths(site, settings.tls);
  if (paths === undefined) return;
  try {
    // Loaded where it is needed; most starts find a certificate.
    const { makeSelfSigned } = await import("@mailhost/common/tls/self-signed");
    const { hostname } = settings;
    if (!(await makeSelfSigned({ ...paths, hostname, now: systemClock.now(), owner: identity }))) return;
    const text = `there was no certificate: made a self-signed one for ${hostname} in ${paths.certFile}`;
    const advice = "mail programs will warn about it; `mailhost check` says how to get a real one";
    log.write("warn", `tls: ${text}; ${advice}`);
    tell(`mailhost: ${text}`);
    tell(`mailhost: ${advice}`);
  } catch (error) {
    log.write(
      "warn",
      `tls: no self-signed certificate could be made in ${paths.certFile}: ${reasonOf(error)}`,
    );
  }
}

function tellOfNone({ site, settings, log }: CertificateParts): void {
  const kinds = [...NEED_TLS].filter((kind) => listenersOf(settings, kind).length > 0);
  const [main] = pemPaths(site, settings.tls);
  if (kinds.length > 0 && main !== undefined)
    log.write("info", `no ${kinds.join(", ")}: there is no ${main.certFile}, no ${main.keyFile}`);
}
