/**
 * Certificates that follow their files: whatever writes new ones (an ACME client, an administrator, a link that is moved on), the
 * servers have them within seconds. A file that cannot be used leaves the last good one in force, and is named in the log.
 */
import type { Clock, Timer } from "../clock.ts";
import { ConfigError, messageOf } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { TlsSettings } from "../settings/roaming-settings.ts";
import type { Site } from "../site.ts";
import { type Certificate, dateFault, dayOf, isFault, judgePem } from "./certificate.ts";
import { markOfPemFiles, type PemFiles, type PemPaths, pemPaths, readPemFiles } from "./pem-files.ts";

/** How often the files are looked at, ms. */
const LOOK_EVERY = 2000;
/** How often it is said that a certificate is about to expire, ms. */
const REMIND_EVERY = 24 * 60 * 60_000;

/** Who reads the files: ourselves, or a process that may. */
export interface PemReader {
  mark(paths: readonly PemPaths[]): Promise<string>;
  read(paths: readonly PemPaths[]): Promise<readonly PemFiles[]>;
}

/** Reads as whoever we are. */
export const ownReader: PemReader = {
  mark: async (paths) => markOfPemFiles(paths),
  read: async (paths) => readPemFiles(paths),
};

/** The certificates in force. */
export interface FollowedCertificates {
  readonly current: () => readonly Certificate[];
  /** Begins to look whether files change; `changed` is told of new certificates. */
  follow(changed: (certificates: readonly Certificate[]) => void): void;
  /** Reads all files now, with the settings' present paths. Never rejects. */
  refresh(tls: TlsSettings): Promise<void>;
  close(): void;
}

/** What {@link followCertificates} needs. */
export interface FollowParts {
  readonly site: Site;
  readonly tls: TlsSettings;
  readonly log: Log;
  readonly clock: Clock;
  readonly reader?: PemReader;
}

/**
 * Reads the certificates for the first time.
 *
 * @throws ConfigError when the main one is there and cannot be used; a further one is named in the log
 */
export async function followCertificates(parts: FollowParts): Promise<FollowedCertificates> {
  const { site, log, clock, reader = ownReader } = parts;
  let paths = pemPaths(site, parts.tls);
  /** The last good certificate of each pair, by the file's name. */
  let good = new Map<string, Certificate>();
  let mark = "";
  let reminder: Timer | undefined;
  let timer: Timer | undefined;
  let closed = false;
  let unreadable = false;
  let changed: (certificates: readonly Certificate[]) => void = () => undefined;
  const current = () => paths.flatMap(({ certFile }) => good.get(certFile) ?? []);

  const read = async (first: boolean): Promise<void> => {
    mark = await reader.mark(paths);
    const before = JSON.stringify(current());
    const next = new Map<string, Certificate>();
    const files = await reader.read(paths);
    for (const [at, each] of files.entries()) {
      const judged = judgePem(each);
      const last = good.get(each.certFile);
      if (judged !== undefined && !isFault(judged)) {
        next.set(each.certFile, judged);
        if (JSON.stringify(judged) !== JSON.stringify(last))
          announce(judged, { log, now: clock.now(), first });
        continue;
      }
      if (judged !== undefined && first && at === 0) throw new ConfigError(judged.file, 0, judged.reason);
      if (last !== undefined) next.set(each.certFile, last);
      const fault = judged === undefined ? absence(each, at, last) : `${judged.file}: ${judged.reason}`;
      if (fault !== undefined)
        log.write(
          "error",
          `tls: ${fault}${last === undefined ? "" : "; the last good certificate stays in use"}`,
        );
    }
    good = next;
    if (!first && JSON.stringify(current()) !== before) changed(current());
  };

  /** A pair is written one file after the other: it is read when it has been left alone for a moment. */
  const look = async (before: string): Promise<void> => {
    let now = before;
    try {
      now = await reader.mark(paths);
      unreadable = false;
      if (now !== mark && now === before) await read(false);
    } catch (error) {
      if (!unreadable) log.write("error", `tls: the certificates cannot be looked at: ${messageOf(error)}`);
      unreadable = true;
    }
    if (!closed) timer = clock.after(LOOK_EVERY, () => void look(now));
  };

  const remind = () => {
    for (const one of current()) {
      const fault = dateFault(one, clock.now());
      if (fault !== undefined) log.write("warn", `tls: ${fault}`);
    }
    if (!closed) reminder = clock.after(REMIND_EVERY, remind);
  };

  await read(true);
  return {
    current,
    follow(tell) {
      changed = tell;
      void look(mark);
      reminder = clock.after(REMIND_EVERY, remind);
    },
    async refresh(tls) {
      paths = pemPaths(site, tls);
      try {
        await read(false);
      } catch (error) {
        log.write("error", `tls: the certificates cannot be read: ${messageOf(error)}`);
      }
    },
    close() {
      closed = true;
      timer?.cancel();
      reminder?.cancel();
    },
  };
}

/** What there is to say of a pair that is not there; the main one may be missing from the beginning. */
function absence(files: PemFiles, at: number, last: Certificate | undefined): string | undefined {
  return last === undefined && at === 0 ? undefined : `${files.certFile}: there is no such certificate`;
}

function announce(
  one: Certificate,
  { log, now, first }: { readonly log: Log; readonly now: number; readonly first: boolean },
): void {
  const by = one.selfSigned ? ", self-signed" : "";
  const what = first ? "certificate" : "new certificate in use";
  log.write(
    "info",
    `tls: ${one.certFile}: ${what} for ${one.names.join(", ")}, until ${dayOf(one.validTo)}${by}`,
  );
  for (const oddity of one.oddities) log.write("warn", `tls: ${oddity}`);
  const fault = dateFault(one, now);
  if (fault !== undefined) log.write("warn", `tls: ${fault}`);
}
