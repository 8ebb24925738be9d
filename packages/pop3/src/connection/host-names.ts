/**
 * The names of clients' hosts, for log lines (Qpopper's reverse-lookup).
 *
 * An address's name counts only when the name has that address, as in Qpopper: whoever runs the reverse zone of his network
 * could else appear under any name. Names are remembered, and no client waits for one longer than {@link PATIENCE}.
 */
import { lookup, Resolver } from "node:dns/promises";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { normalizeIp } from "@mailhost/common/ip-address";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import { formatListenAddress } from "@mailhost/common/settings/units";

/** A client's host as log lines call it. */
export interface HostName {
  /** The name; its address while none is known, and where there is none. */
  readonly current: string;
  /** Resolves when the name is found, or is not waited for any more. Never rejects. */
  readonly settled: Promise<void>;
}

/** Finds names. */
export interface HostNames {
  /** The host of an address, as normalizeIp spells it. The search begins with the first call. */
  of(ip: string): HostName;
}

/** The two questions that are asked. Both reject when there is no answer. */
export interface NameService {
  names(ip: string): Promise<readonly string[]>;
  addresses(name: string): Promise<readonly string[]>;
}

/** How long a session waits for its client's name, ms. */
export const PATIENCE = 3000;
/** How long a name is remembered, and that there is none, ms. */
const KEEP_NAME = 10 * 60_000;
const KEEP_NONE = 60_000;
/** Hosts remembered; the oldest go first. */
const HOSTS = 10_000;
/** Names of one address that are tried. */
const NAMES_TRIED = 4;

interface Remembered {
  readonly host: HostName;
  /** Infinite while the search is under way. */
  until: number;
}

/** Opens the search for names. */
export function openHostNames({
  service,
  clock,
}: {
  readonly service: () => NameService;
  readonly clock: Clock;
}): HostNames {
  const hosts = new Map<string, Remembered>();
  return {
    of(ip) {
      const known = hosts.get(ip);
      if (known !== undefined && known.until > clock.now()) return known.host;
      hosts.delete(ip);
      if (hosts.size >= HOSTS) hosts.delete(hosts.keys().next().value!);
      const host = { current: ip, settled: Promise.resolve() };
      const remembered = { host, until: Number.POSITIVE_INFINITY };
      const found = nameOf(ip, service()).then((name) => {
        if (name !== undefined) host.current = name;
        remembered.until = clock.now() + (name === undefined ? KEEP_NONE : KEEP_NAME);
      });
      host.settled = Promise.race([found, afterwards(clock, found)]);
      hosts.set(ip, remembered);
      return host;
    },
  };
}

/** Resolves after {@link PATIENCE}; the timer goes once `found` has come. */
function afterwards(clock: Clock, found: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(PATIENCE, resolve);
    void found.then(() => timer.cancel());
  });
}

/** The first name of an address that has the address. Never rejects. */
async function nameOf(ip: string, service: NameService): Promise<string | undefined> {
  const names = await service.names(ip).catch(() => []);
  for (const given of names.slice(0, NAMES_TRIED)) {
    const name = given.replace(/\.$/, "").toLowerCase();
    if (!/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*$/.test(name) || name.length > 253) continue;
    const addresses = await service.addresses(name).catch(() => []);
    if (addresses.some((address) => normalizeIp(address) === ip)) return name;
  }
  return undefined;
}

/**
 * The name servers of the settings; where these name none, the system's and its hosts file.
 *
 * Servers that are not given by their addresses are told in the log, and the system's are asked.
 */
export function nameService(settings: Settings["dns"], log: Log): NameService {
  const resolver = new Resolver({ timeout: settings.timeout, tries: 1 });
  const servers = settings.servers.map(formatListenAddress);
  try {
    if (servers.length > 0) resolver.setServers(servers);
  } catch (error) {
    log.write("warn", `dns.servers: ${messageOf(error)}; the system's name servers are asked`);
  }
  return {
    names: (ip) => resolver.reverse(ip),
    async addresses(name) {
      if (servers.length === 0) return (await lookup(name, { all: true })).map(({ address }) => address);
      const both = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
      for (const answer of both) {
        if (answer.status === "rejected" && errnoOf(answer.reason) === undefined) throw answer.reason;
      }
      return both.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    },
  };
}
