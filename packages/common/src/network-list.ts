/**
 * Lists of networks as settings have them: addresses, `192.0.2` as in access, `192.0.2.0/24` and `2001:db8::/32` with any prefix.
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { ipv6Groups, normalizeIp } from "./ip-address.ts";

/** Addresses of some networks. */
export interface NetworkList {
  /** Whether an address, in any spelling, is in one of them. */
  has(ip: string): boolean;
}

/** A network: its first address and the bits that all of it share. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
}

/** Reads one network; undefined for what is none. */
export function readNetwork(written: string): Network | undefined {
  const text = written.trim().replace(/^ipv6:/i, "");
  const slash = text.indexOf("/");
  if (slash >= 0) return withPrefix(text.slice(0, slash), text.slice(slash + 1));
  if (isIPv4(text)) return { address: text, prefix: 32 };
  const whole = isIPv6(text) && !/^[0-9a-f:]+::$/i.test(text) ? normalizeIp(text) : undefined;
  if (whole !== undefined) return { address: whole, prefix: isIPv4(whole) ? 32 : 128 };
  return leadingOctets(text) ?? leadingGroups(text);
}

/** A list of them; an entry that is no network matches nothing (the settings' reader names it). */
export function networkList(entries: readonly string[]): NetworkList {
  const list = new BlockList();
  for (const entry of entries) {
    const network = readNetwork(entry);
    if (network === undefined) continue;
    list.addSubnet(network.address, network.prefix, isIPv4(network.address) ? "ipv4" : "ipv6");
  }
  return {
    has(ip) {
      const address = normalizeIp(ip);
      return address !== undefined && list.check(address, isIPv4(address) ? "ipv4" : "ipv6");
    },
  };
}

function withPrefix(host: string, bits: string): Network | undefined {
  if (!/^\d{1,3}$/.test(bits)) return undefined;
  const prefix = Number(bits);
  if (isIPv4(host)) return prefix <= 32 ? { address: host, prefix } : undefined;
  const octets = leadingOctets(host);
  if (octets !== undefined) return prefix <= 32 ? { address: octets.address, prefix } : undefined;
  const address = ipv6Groups(host)?.join(":");
  return address !== undefined && prefix <= 128 ? { address, prefix } : undefined;
}

/** `192.0.2`, as in access. */
function leadingOctets(text: string): Network | undefined {
  const octets = text.replace(/\.$/, "").split(".");
  if (octets.length > 3 || !octets.every((one) => /^\d{1,3}$/.test(one) && Number(one) < 256))
    return undefined;
  const address = [...octets.map(Number), 0, 0, 0].slice(0, 4).join(".");
  return { address, prefix: octets.length * 8 };
}

/** `2001:db8`, `2001:db8::`: whole groups, as in access. */
function leadingGroups(text: string): Network | undefined {
  const groups = text.replace(/:{1,2}$/, "").split(":");
  if (groups.length < 2 || groups.length > 7 || !groups.every((one) => /^[0-9a-f]{1,4}$/i.test(one))) {
    return undefined;
  }
  const address = [...groups, ...Array<string>(7).fill("0")].slice(0, 8).join(":");
  return { address, prefix: groups.length * 16 };
}
