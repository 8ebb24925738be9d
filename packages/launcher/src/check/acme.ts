/**
 * What `mailhost check` says of certificates by ACME: how to get a real one, how the last attempt went, and whether the names lead here.
 */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { Identity } from "@mailhost/common/daemon/identity";
import { messageOf, UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_NOPERM } from "@mailhost/common/sysexits";
import { isAbsent, type Resolver } from "@mailhost/mta/dns/resolver";
import { settingsMark } from "../acme/acme-state.ts";
import { NO_AGREEMENT, pairPaths, type Standing, standing } from "../acme/get-certificate.ts";
import { cannotWrite, isOurs } from "../acme/host-renewal.ts";
import { wantedNames } from "../acme/names.ts";
import { describe } from "../acme/renewal.ts";
import type { Finding } from "./finding.ts";
import { isPrivate } from "./private-address.ts";

/** What the check asks besides files. */
export interface AcmeSurroundings {
  /** Who the host runs as. */
  readonly identity: Identity;
  readonly resolver: Pick<Resolver, "a" | "aaaa">;
  /** Addresses of this machine's interfaces. */
  readonly ownAddresses: readonly string[];
  /** Whether an address, in any form, is one of them. */
  readonly isOwn: (address: string) => boolean;
  /** The file that the settings were read from; absent: all defaults. */
  readonly source?: string | undefined;
  /** ms since 1970. */
  readonly now: number;
}

/** Findings on certificates by ACME. */
export async function checkAcme(
  site: Site,
  settings: Settings,
  around: AcmeSurroundings,
): Promise<Finding[]> {
  let now: Standing;
  try {
    now = await standing(site, settings, around.now);
  } catch (error) {
    if (error instanceof UserError && error.exitCode === EX_NOPERM)
      return settings.acme.domains.length === 0 ? [] : [finding("warning", error.message)];
    if (error instanceof UserError) return [finding("error", error.message)];
    throw error;
  }
  if (settings.acme.domains.length === 0)
    return now.origin === "none" || now.origin === "self-made"
      ? [finding("ok", threeSteps(site, settings, around.source))]
      : [];
  return [
    ...checkStanding(now, settings, around.now),
    ...checkNames(settings),
    ...checkFolders(site, settings, around.identity),
    ...(await checkAddresses(wantedNames(settings), around)),
  ];
}

function finding(level: Finding["level"], text: string): Finding {
  return { level, about: "acme", text };
}

function threeSteps(site: Site, { hostname }: Settings, source: string | undefined): string {
  const at = site.root === "/" ? "" : ` --root ${site.root}`;
  return `a real certificate takes three steps: (1) ${saying(site, hostname, source)}; (2) let port 80 of ${hostname} reach this host; (3) \`mailhost certificate get${at}\`. The host renews it by itself`;
}

/** Beside a sendmail.cf no mailhost.yaml is to be made: it would rule, and nothing of the other would hold any more. */
function saying(site: Site, hostname: string, source: string | undefined): string {
  if (source === undefined || source === site.settingsFile)
    return `in ${site.settingsFile} say acme: { domains: [${hostname}], email: you@your.domain, agreeToTerms: true }`;
  const setting = (name: string, value: string) => `MAILHOST_SETTING(\`acme.${name}', \`${value}')dnl`;
  const lines = [
    setting("domains", `[${hostname}]`),
    setting("email", "you@your.domain"),
    setting("agreeToTerms", "true"),
  ];
  return `in the .mc of ${source} say ${lines.join(" ")}, each on a line, and build it anew`;
}

function checkStanding({ found, origin, due, state }: Standing, settings: Settings, now: number): Finding[] {
  if (!settings.acme.agreeToTerms) return [finding("warning", NO_AGREEMENT)];
  if (origin === "foreign" && due.due) {
    const why = found.kind === "broken" ? found.why : due.why;
    return [
      finding(
        "warning",
        `${why}, and what is there was not got here: it is left alone; \`mailhost certificate get --force\` replaces it`,
      ),
    ];
  }
  const { failure } = state;
  if (failure !== undefined && due.due) {
    const count = failure.count === 1 ? "" : ` (${failure.count} times in a row)`;
    const next =
      failure.settings !== settingsMark(settings) && !failure.byAuthority
        ? "with the settings as they are now it is tried at the next start, or at `mailhost certificate get`"
        : `next try at ${new Date(Math.max(failure.nextAt, now)).toISOString()}`;
    return [
      finding(
        "warning",
        `no certificate on ${new Date(failure.at).toISOString()}${count}: ${failure.error}; ${next}`,
      ),
    ];
  }
  if (due.due)
    return [finding("warning", `${due.why}; \`mailhost certificate get\`, or the running host, gets one`)];
  return [finding("ok", `${describe({ found })}; renewed on ${new Date(due.at).toISOString().slice(0, 10)}`)];
}

/** Mail programs ask for the host's own name. */
function checkNames(settings: Settings): Finding[] {
  const { hostname } = settings;
  if (wantedNames(settings).includes(hostname.toLowerCase())) return [];
  return [
    finding("warning", `acme.domains does not name ${hostname}, which this host calls itself by: add it`),
  ];
}

function checkFolders(site: Site, settings: Settings, identity: Identity): Finding[] {
  const { key, cert } = pairPaths(site, settings);
  if (identity.uid === 0) return [];
  return [...new Set([dirname(key), dirname(cert)])].flatMap((folder) => {
    const given = process.getuid?.() === 0 && isOurs(site, folder);
    if (given || !existsSync(folder) || statSync(folder).uid === identity.uid) return [];
    return [finding("warning", cannotWrite(folder, identity))];
  });
}

async function checkAddresses(names: readonly string[], around: AcmeSurroundings): Promise<Finding[]> {
  const found = await Promise.all(names.map((name) => checkName(name, around)));
  return found.flat();
}

async function checkName(
  name: string,
  { resolver, ownAddresses, isOwn }: AcmeSurroundings,
): Promise<Finding[]> {
  let addresses: string[];
  try {
    addresses = (await Promise.all([resolver.a(name), resolver.aaaa(name)])).flat();
  } catch (error) {
    if (!isAbsent(error)) return [finding("warning", `${name} can not be looked up: ${messageOf(error)}`)];
    addresses = [];
  }
  if (addresses.length === 0)
    return [
      finding("warning", `${name} has no address in the DNS: publish an A record that leads to this host`),
    ];
  const elsewhere = addresses.filter((address) => !isOwn(address));
  if (elsewhere.length === 0) return [];
  const where = elsewhere.join(", ");
  if (elsewhere.length === addresses.length && ownAddresses.every(isPrivate))
    return [finding("ok", `${name} leads to ${where}: a router there must pass port 80 on to this host`)];
  return [
    finding(
      "warning",
      `${name} leads to ${where}, which is no address of this host: the authority asks there; correct its A and AAAA records, or have port 80 passed on from there`,
    ),
  ];
}
