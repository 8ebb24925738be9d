/**
 * One attempt: looks at the certificate that is there, gets a new one when there is cause to, puts it in its place, and remembers
 * what became of it. The command and the running host do the same, here.
 */
import { mkdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { giveFolder } from "@mailhost/common/daemon/own-file";
import { messageOf, UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { EX_CONFIG, EX_NOINPUT, EX_NOPERM } from "@mailhost/common/sysexits";
import { AcmeError } from "./acme-error.ts";
import { type AcmeState, accountKey, readState, settingsMark, writeState } from "./acme-state.ts";
import { type CertificateRequest, type Issued, obtainCertificate } from "./authority.ts";
import {
  fingerprintOf,
  finishInstall,
  installPair,
  type Owner,
  type PairFound,
  type PairPaths,
  readPair,
} from "./certificate-files.ts";
import type { ChallengeAnswers } from "./challenge-server.ts";
import { certificateDue, type Due } from "./due.ts";
import { wantedNames } from "./names.ts";
import { retryDelay } from "./retry-delay.ts";

/** The settings that matter. */
export type CertificateSettings = Pick<Settings, "acme" | "tls" | "hostname">;

/** What an attempt needs. */
export interface AttemptParts {
  readonly site: Site;
  readonly settings: CertificateSettings;
  readonly answers: ChallengeAnswers;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Whose the files are to be, when root makes them. */
  readonly owner: Owner | undefined;
  /** 0 to 1, for the spreading of retries. */
  readonly random: () => number;
  /** The conversation; tests pass another. */
  readonly obtain?: (request: CertificateRequest) => Promise<Issued>;
}

/** How things stand. */
export interface Standing {
  readonly found: PairFound;
  /**
   * - `none`: there is nothing that could be used
   * - `self-made`: the first start's
   * - `acme`: got by ourselves
   * - `foreign`: somebody put it there; it is left alone
   */
  readonly origin: "none" | "self-made" | "acme" | "foreign";
  readonly due: Due;
  readonly state: AcmeState;
}

/** Absolute paths of the host's pair. */
export function pairPaths(site: Site, { tls }: Pick<Settings, "tls">): PairPaths {
  return { key: sitePath(site, tls.key), cert: sitePath(site, tls.cert) };
}

/**
 * How things stand with the host's certificate.
 *
 * @throws UserError for names that can have none
 */
export async function standing(site: Site, settings: CertificateSettings, now: number): Promise<Standing> {
  const found = await readPair(pairPaths(site, settings));
  const state = readState(site);
  const origin = originOf(found, state);
  const certificate = found.kind === "pair" && origin !== "self-made" ? found.certificate : undefined;
  const wanted = { names: wantedNames(settings), renewBefore: settings.acme.renewBefore };
  return { found, origin, due: certificateDue(certificate, wanted, now), state };
}

function originOf(found: PairFound, state: AcmeState): Standing["origin"] {
  if (found.kind === "missing") return "none";
  // A key that we can not read, or a pair that somebody is about to complete, is not ours to throw away.
  if (found.kind === "broken") return "foreign";
  if (state.ours.includes(found.fingerprint)) return "acme";
  return found.selfMade ? "self-made" : "foreign";
}

/**
 * Gets a certificate and installs it. What became of it is remembered, also when it fails.
 *
 * @param force replace a certificate that is not ours
 * @returns the new certificate
 * @throws AcmeError, or UserError for what stands in the way on this host
 */
export async function getCertificate(parts: AttemptParts, force: boolean): Promise<Standing> {
  const { site, settings, clock, owner } = parts;
  const request = requestOf(parts);
  const before = await standing(site, settings, clock.now());
  if (before.origin === "foreign" && !force) throw foreign(before.found, site, settings);
  try {
    const obtain = parts.obtain ?? obtainCertificate;
    const issued = await obtain({
      ...request,
      accountKey: await accountKey(site, settings.acme.directory, owner),
    });
    // Known to be ours before it is there: a certificate that nobody remembers getting would never be renewed.
    const ours = [...before.state.ours, fingerprintOf(issued.chain)];
    await writeState(site, { ...before.state, ours }, owner);
    const paths = pairPaths(site, settings);
    makeFolders(paths, owner);
    await installPair(paths, issued, { owner });
    await writeState(site, { ours, obtainedAt: clock.now() }, owner);
  } catch (error) {
    const told = asUserError(error);
    await remember(parts, told);
    throw told;
  }
  return standing(site, settings, clock.now());
}

function makeFolders({ key, cert }: PairPaths, owner: Owner | undefined): void {
  for (const folder of [dirname(key), dirname(cert)]) {
    const made = mkdirSync(folder, { recursive: true, mode: 0o755 });
    if (made !== undefined && owner !== undefined) giveFolder(folder, owner);
  }
}

/** Finishes what a killed process had begun. Returns whether there is a new pair now. */
export function finishBegun(site: Site, settings: CertificateSettings): Promise<boolean> {
  return finishInstall(pairPaths(site, settings));
}

/** @throws UserError when the settings do not let anybody be asked */
function requestOf({
  settings,
  site,
  answers,
  clock,
  signal,
}: AttemptParts): Omit<CertificateRequest, "accountKey"> {
  const { acme } = settings;
  const names = wantedNames(settings);
  if (names.length === 0)
    throw new UserError(
      `acme.domains is empty: name the hosts that the certificate is for in the settings, such as [${settings.hostname}] (\`mailhost check\` says where)`,
      EX_CONFIG,
    );
  if (!acme.agreeToTerms) throw new UserError(NO_AGREEMENT, EX_CONFIG);
  checkDirectory(acme.directory);
  const ca = acme.caFile === "" ? undefined : readCa(sitePath(site, acme.caFile));
  return { directory: acme.directory, email: acme.email, names, ca, answers, clock, signal };
}

/** What is said when the terms are not agreed to. */
export const NO_AGREEMENT =
  "acme.agreeToTerms: no certificate is asked for before you agree to the authority's terms of service: read them (the authority's web site; Let's Encrypt: letsencrypt.org/repository) and say true";

function checkDirectory(directory: string): void {
  let url: URL | undefined;
  try {
    url = new URL(directory);
  } catch {
    // Said below.
  }
  const near = url !== undefined && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (url?.protocol === "https:" || (url?.protocol === "http:" && near)) return;
  throw new UserError(`acme.directory: ${directory} is no address that begins with https://`, EX_CONFIG);
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new UserError(`acme.caFile: ${messageOf(error)}`, EX_NOINPUT, { cause: error });
  }
}

function foreign(found: PairFound, site: Site, settings: CertificateSettings): UserError {
  const { cert } = pairPaths(site, settings);
  const what =
    found.kind === "pair"
      ? `${cert} is a certificate of ${found.issuer || "somebody"} that was not got here`
      : found.kind === "broken"
        ? found.why
        : cert;
  return new UserError(
    `${what}: it is left alone; \`mailhost certificate get --force\` replaces it, and keeps it as .old`,
    EX_NOPERM,
  );
}

/** What an authority may have us wait, ms: limits are of a week at most, and a slip of it is not to end the renewal for good. */
const LONGEST_RETRY = 31 * 86_400_000;

const DENIED = new Set(["EACCES", "EPERM", "EROFS"]);

/** What a file system refuses is an administrator's to mend, too. */
function asUserError(error: unknown): UserError {
  if (error instanceof UserError) return error;
  const { code, path } = error as NodeJS.ErrnoException;
  if (code === undefined) return new AcmeError("trouble", messageOf(error), { cause: error });
  const user = process.getuid?.() === 0 ? "root" : `user ${process.getuid?.()}`;
  const step = DENIED.has(code) ? `; ${user} must be able to write in its folder` : "";
  return new UserError(
    `${path ?? "the certificate"} can not be written: ${messageOf(error)}${step}`,
    EX_NOPERM,
    {
      cause: error,
    },
  );
}

async function remember(
  { site, settings, clock, owner, random }: AttemptParts,
  error: UserError,
): Promise<void> {
  const state = readState(site);
  const now = clock.now();
  const count = (state.failure?.count ?? 0) + 1;
  const told = error instanceof AcmeError ? error.retryAt : undefined;
  const retryAt = told === undefined ? undefined : Math.min(told, now + LONGEST_RETRY);
  const nextAt = Math.round(Math.max(now + retryDelay(count, random()), retryAt ?? 0));
  const failure = {
    at: now,
    error: error.message,
    count,
    nextAt,
    byAuthority: error instanceof AcmeError && (error.fault === "rate-limited" || retryAt !== undefined),
    settings: settingsMark(settings),
  };
  await writeState(site, { ...state, failure }, owner);
}
