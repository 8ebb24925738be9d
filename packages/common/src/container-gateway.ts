/**
 * Recognises the gateway of the container that we run in.
 *
 * A container engine that forwards ports by a proxy hides every client behind its gateway's address. A network rule that
 * covers the gateway would then make an open relay of us. So connections from the gateway never relay by network
 * rule, and say so in the log and in `mailhost trace`.
 */
import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";

/** What is read of the machine; tests pass their own. */
export interface ContainerFacts {
  /** True when a file is there. */
  exists(path: string): boolean;
  /** The text of a file, or undefined. */
  read(path: string): string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The machine we run on. */
export const machineFacts: ContainerFacts = {
  exists: existsSync,
  read(path) {
    try {
      return readFileSync(path, "utf8");
    } catch {
      // No such file on this kind of system: there is no gateway to be known.
      return undefined;
    }
  },
  get environment() {
    return process.env;
  },
};

/**
 * Addresses of the container's default gateways; none outside of a container.
 *
 * MAILHOST_GATEWAY in the environment (addresses, comma-separated; empty: none) says it outright, for engines that leave no mark.
 */
export function containerGateways(facts: ContainerFacts): string[] {
  const named = facts.environment.MAILHOST_GATEWAY;
  if (named !== undefined)
    return named
      .split(",")
      .map((ip) => ip.trim().toLowerCase())
      .filter((ip) => isIP(ip) !== 0);
  const contained = facts.exists("/.dockerenv") || facts.exists("/run/.containerenv");
  if (!contained) return [];
  return defaultRoutes(facts.read("/proc/net/route") ?? "");
}

/** The gateways of the default routes in the text of `/proc/net/route`: little-endian hexadecimal, destination 0. */
export function defaultRoutes(table: string): string[] {
  const gateways: string[] = [];
  for (const line of table.split("\n").slice(1)) {
    const [, destination, gateway] = line.trim().split(/\s+/);
    if (destination !== "00000000" || !/^[0-9A-F]{8}$/i.test(gateway ?? "") || gateway === "00000000")
      continue;
    const octets = [6, 4, 2, 0].map((at) => Number.parseInt(gateway!.slice(at, at + 2), 16));
    gateways.push(octets.join("."));
  }
  return gateways;
}
