/**
 * The one memory of failed logins of both servers and all of their processes, and what follows from it: slow answers, then
 * a ban with an end.
 *
 * - A wrong password is answered after 1 s, the next of the address after 2, 4, 8 and 16 s, each further one after 16 s.
 * - So many different names and passwords of an address (IPv6: a /64) within bans.window ban it, twice as long each time.
 * - A name that many strangers fail at is answered as slowly to every further stranger. Who once logged in to it is no
 *   stranger, and a right password waits for nothing.
 * - A right password forgives its own name at its address: who has one account does not guess others' by it.
 */
import { isIPv6 } from "node:net";
import type { Clock } from "../clock.ts";
import { ipv6Groups, normalizeIp } from "../ip-address.ts";
import type { Log } from "../log/log.ts";
import type { Settings } from "../settings/settings.ts";
import type { Site } from "../site.ts";
import { type AddressRecord, emptyRecord, MOST_FAILURES, type RememberedFailure } from "./address-record.ts";
import type { BanExemption } from "./ban-exemption.ts";
import { openFailureFile } from "./failure-file.ts";
import type { Ban, LoginAttempt, LoginGuard } from "./login-guard.ts";
import { type LoginMemory, loginMemory } from "./login-memory.ts";
import { EMPTY_NAME } from "./name-record.ts";

/** Delay of the first failure and the longest, ms. */
const FIRST = 1000;
const LONGEST = 16_000;

/** Failures of strangers at a name, within bans.window, that are not answered more slowly for it. */
const FREE_AT_NAME = 10;

/** The guard of a process, and what `mailhost bans` does by it. */
export interface SiteLoginGuard extends LoginGuard {
  /** Bans in force, soonest to end first. */
  list(): Ban[];
  /** Bans an address (IPv6: its /64) from now on for `ms`. */
  ban(ip: string, ms: number): Ban;
  /** Ends the bans of addresses that `which` is true of, and forgets their failures. Returns what was lifted. */
  lift(which: (ban: Ban) => boolean): Ban[];
  close(): void;
}

/** What a guard is made of. */
export interface GuardParts {
  readonly settings: () => Settings;
  readonly exemption: BanExemption;
  readonly clock: Clock;
  readonly log: Log;
}

/** Opens the guard of a site. */
export function openLoginGuard(site: Site, parts: GuardParts): SiteLoginGuard {
  return loginGuard(
    loginMemory(openFailureFile(site, parts), () => parts.clock.now()),
    parts,
  );
}

/** A guard over a memory. */
export function loginGuard(memory: LoginMemory, parts: GuardParts): SiteLoginGuard {
  const { settings, exemption, clock, log } = parts;

  /** What of a record still counts. */
  const current = (record: AddressRecord): AddressRecord => {
    const { window, longest } = settings().bans;
    const now = clock.now();
    const failures = record.failures.filter(({ at }) => now - at < window);
    // Who was good for as long as the longest ban begins with the shortest again.
    const bans = record.bans > 0 && now - record.until >= longest ? 0 : record.bans;
    return { ...record, failures, bans };
  };

  const recordOf = (network: string) => current(memory.address(network) ?? emptyRecord(network));

  /** Bans if there are too many failures; the record as it is to be kept. */
  const judged = (record: AddressRecord, ip: string): AddressRecord => {
    const { enabled, failures: most, time, longest } = settings().bans;
    const count = record.failures.length;
    if (!enabled || count < Math.min(most, MOST_FAILURES) || exemption(ip) !== undefined) return record;
    const since = clock.now();
    // What was under way when the ban came does not lengthen it.
    if (record.until > since) return record;
    const until = since + Math.min(longest, time * 2 ** Math.min(record.bans, 30));
    const banned = { ...record, failures: [], since, until, banFailures: count, bans: record.bans + 1 };
    log.write("warn", banLine(banOf(banned)));
    return banned;
  };

  /** Failures of strangers at a name, less those that time has taken away. */
  const levelAt = ({ touched, level }: { readonly touched: number; readonly level: number }) =>
    Math.max(0, level - (Math.max(0, clock.now() - touched) * FREE_AT_NAME) / settings().bans.window);

  /** Counts a failure at a name; the number that its answer is slowed down by. */
  const failedAtName = (name: string, network: string): number => {
    if (name === "") return 0;
    const record = memory.name(name) ?? EMPTY_NAME;
    const mark = memory.mark32(network);
    if (mark !== undefined && record.known.includes(mark)) return 0;
    const level = Math.min(levelAt(record) + 1, 1_000_000);
    memory.putName(name, { ...record, level, touched: clock.now() });
    return Math.max(0, Math.floor(level) - FREE_AT_NAME);
  };

  return {
    banned(ip) {
      if (!settings().bans.enabled) return undefined;
      const record = memory.address(networkOf(ip));
      return record !== undefined && record.until > clock.now() && exemption(ip) === undefined
        ? banOf(record)
        : undefined;
    },
    standing({ ip, name }) {
      const network = networkOf(ip);
      const mark = memory.mark32(network);
      if (mark !== undefined && memory.name(nameKey(name))?.known.includes(mark) === true) return "known";
      return recordOf(network).failures.length > 0 ? "failed" : "clean";
    },
    failed(attempt, onConnection) {
      const network = networkOf(attempt.ip);
      const name = nameKey(attempt.name);
      const strangers = failedAtName(name, network);
      const record = remembered(recordOf(network), attempt, memory, clock.now());
      memory.putAddress(judged(record, attempt.ip));
      const count = record.failures.reduce((sum, { times }) => sum + times, 0);
      return delayFor(Math.max(count, onConnection, strangers));
    },
    succeeded({ ip, name: given }) {
      const network = networkOf(ip);
      const name = nameKey(given);
      const record = memory.address(network);
      const mark = memory.mark32(`name ${name}`);
      if (record?.failures.some((one) => one.name === mark) === true) {
        const failures = record.failures.filter((one) => one.name !== mark);
        memory.putAddress({ ...record, failures, touched: clock.now() });
      }
      const known = memory.name(name) ?? EMPTY_NAME;
      const address = memory.mark32(network);
      if (name === "" || (address !== undefined && known.known.includes(address))) return;
      // The first write makes the file, and with it the key of the mark.
      if (address === undefined) memory.putName(name, known);
      const mine = memory.mark32(network);
      if (mine !== undefined) memory.putName(name, { ...known, known: [...known.known, mine] });
    },
    list() {
      const now = clock.now();
      return Array.from(memory.addresses())
        .filter(({ until }) => until > now)
        .map(banOf)
        .sort((a, b) => a.until - b.until);
    },
    ban(ip, ms) {
      const record = recordOf(networkOf(ip));
      const since = clock.now();
      const banned = {
        ...record,
        touched: since,
        since,
        until: since + ms,
        banFailures: record.failures.length,
        bans: record.bans + 1,
      };
      memory.putAddress(banned);
      return banOf(banned);
    },
    lift(which) {
      const lifted = this.list().filter(which);
      for (const { network } of lifted) memory.dropAddress(network.replace(/\/64$/, ""));
      return lifted;
    },
    close: () => memory.close(),
  };
}

/** How long the answer to so many failures waits, ms. */
function delayFor(failures: number): number {
  return Math.min(LONGEST, FIRST * 2 ** Math.min(Math.max(failures, 1) - 1, 10));
}

/** The record with one failure more. A name and password that were wrong before are the same failure once more. */
function remembered(
  record: AddressRecord,
  { name: given, password }: LoginAttempt,
  memory: LoginMemory,
  now: number,
): AddressRecord {
  const name = nameKey(given);
  // The first failure of all makes the file, and with it the key that names are marked by.
  if (memory.mark32("") === undefined) memory.putAddress(record);
  const mark = memory.mark32(`name ${name}`) ?? 0;
  const proof = password === undefined ? undefined : memory.mark16(`password ${name}\0${password}`);
  const same =
    proof === undefined
      ? undefined
      : record.failures.find((one) => one.name === mark && one.password === proof);
  const failure: RememberedFailure = {
    at: now,
    name: mark,
    password: proof ?? 0,
    times: (same?.times ?? 0) + 1,
  };
  const failures = [...record.failures.filter((one) => one !== same), failure].slice(-MOST_FAILURES);
  return { ...record, failures, touched: now, lastName: given };
}

function banOf({ network, since, until, banFailures, bans, lastName }: AddressRecord): Ban {
  return {
    network: isIPv6(network) ? `${network}/64` : network,
    since,
    until,
    failures: banFailures,
    times: bans,
    name: lastName,
  };
}

/** The line of a ban in the log. */
function banLine({ network, until, failures, times, name }: Ban): string {
  const end = new Date(until).toISOString().replace(/\.\d+Z$/, "Z");
  return `[AUTH] ban of ${network} until ${end}: ${failures} failed logins, the last to ${name} (ban ${times})`;
}

/** Somebody with one IPv6 address has the other 2^64 of its network too. */
export function networkOf(given: string): string {
  const ip = normalizeIp(given) ?? given;
  const groups = ipv6Groups(ip);
  return groups === undefined ? ip : [...groups.slice(0, 4), "0", "0", "0", "0"].join(":");
}

/** Names are told apart as accounts are. */
function nameKey(name: string): string {
  return name.toLowerCase();
}
