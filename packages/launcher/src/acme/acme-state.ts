/**
 * What is remembered of certificates by ACME, in `var/lib/mailhost/acme`: which were ours, what became of the last attempt, when
 * the next may be made; and the account's key at each authority.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { replaceFile } from "@mailhost/common/atomic-file";
import { giveFolder } from "@mailhost/common/daemon/own-file";
import { errnoOf, UserError } from "@mailhost/common/errors";
import type { AcmeSettings } from "@mailhost/common/settings/roaming-settings";
import type { Site } from "@mailhost/common/site";
import { EX_NOPERM } from "@mailhost/common/sysexits";
import { newKey } from "./authority.ts";
import type { Owner } from "./certificate-files.ts";

/** A failed attempt, and those in a row before it. */
export interface Failure {
  /** ms since 1970. */
  readonly at: number;
  readonly error: string;
  /** In a row, this one counted. */
  readonly count: number;
  /** Not before then (ms since 1970). */
  readonly nextAt: number;
  /** The authority said so: other settings change nothing about it. */
  readonly byAuthority: boolean;
  /** The settings that it failed with, as {@link settingsMark} has them. */
  readonly settings: string;
}

/** The whole file. */
export interface AcmeState {
  /** SHA-256 fingerprints of certificates that we got, the newest last. */
  readonly ours: readonly string[];
  /** When the last was got (ms since 1970). */
  readonly obtainedAt?: number;
  /** Absent when the last attempt went well. */
  readonly failure?: Failure;
}

/** Fingerprints kept. */
const REMEMBERED = 20;

const EMPTY: AcmeState = { ours: [] };

/** `var/lib/mailhost/acme`. */
export function acmeFolder(site: Site): string {
  return join(site.stateDir, "acme");
}

/** `var/lib/mailhost/acme/state.json`. */
export function stateFile(site: Site): string {
  return join(acmeFolder(site), "state.json");
}

/** Stands for the settings that an attempt's success may depend on. */
export function settingsMark({ acme }: { readonly acme: AcmeSettings }): string {
  const { domains, email, directory, listen, caFile, agreeToTerms } = acme;
  const text = JSON.stringify([domains, email, directory, listen, caFile, agreeToTerms]);
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/**
 * What is remembered; nothing where the file is missing or damaged, and then no certificate is known to be ours.
 *
 * @throws UserError with EX_NOPERM when we may not read it
 */
export function readState(site: Site): AcmeState {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(stateFile(site), "utf8"));
  } catch (error) {
    if (errnoOf(error) === "ENOENT" || error instanceof SyntaxError) return EMPTY;
    if (errnoOf(error) === "EACCES")
      throw new UserError(
        `${stateFile(site)}: permission denied; ask as root, or as whom the host runs as`,
        EX_NOPERM,
        {
          cause: error,
        },
      );
    throw error;
  }
  return understood(value);
}

function understood(value: unknown): AcmeState {
  if (typeof value !== "object" || value === null) return EMPTY;
  const { ours, obtainedAt, failure } = value as Partial<Record<keyof AcmeState, unknown>>;
  return {
    ours: Array.isArray(ours) ? ours.filter((one): one is string => typeof one === "string") : [],
    ...(typeof obtainedAt === "number" ? { obtainedAt } : {}),
    ...(isFailure(failure) ? { failure } : {}),
  };
}

function isFailure(value: unknown): value is Failure {
  if (typeof value !== "object" || value === null) return false;
  const { at, error, count, nextAt, byAuthority, settings } = value as Record<keyof Failure, unknown>;
  return (
    [at, count, nextAt].every(Number.isFinite) &&
    typeof error === "string" &&
    typeof byAuthority === "boolean" &&
    typeof settings === "string"
  );
}

/** Remembers; on stable storage when it resolves. */
export async function writeState(site: Site, state: AcmeState, owner: Owner | undefined): Promise<void> {
  makeFolder(acmeFolder(site), owner);
  const kept = { ...state, ours: state.ours.slice(-REMEMBERED) };
  await replaceFile(stateFile(site), `${JSON.stringify(kept, undefined, 2)}\n`, {
    mode: 0o600,
    ...(owner === undefined ? {} : { owner }),
  });
}

/** Root makes it for whoever the host runs as, in whose folder it is: what leads elsewhere is not written to. */
function makeFolder(folder: string, owner: Owner | undefined): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (owner !== undefined && process.getuid?.() === 0) giveFolder(folder, owner);
}

/** Where the account's key for an authority lies; each has its own. */
export function accountKeyFile(site: Site, directory: string): string {
  const mark = createHash("sha256").update(directory).digest("hex").slice(0, 8);
  const host = new URL(directory).host.replaceAll(/[^\w.-]/g, "_");
  return join(acmeFolder(site), `${host}-${mark}`, "account.key");
}

/** The account's key, PEM; made at the first call and kept with mode 0600. */
export async function accountKey(site: Site, directory: string, owner: Owner | undefined): Promise<string> {
  const file = accountKeyFile(site, directory);
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
  }
  const key = newKey();
  makeFolder(acmeFolder(site), owner);
  makeFolder(dirname(file), owner);
  await replaceFile(file, key, { mode: 0o600, ...(owner === undefined ? {} : { owner }) });
  return key;
}
