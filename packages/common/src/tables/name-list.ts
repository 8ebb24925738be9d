/**
 * Tables that are plain lists: `local-host-names` (class w) and `relay-domains` (class R).
 *
 * Names stand one or several to a line; `#` begins a comment anywhere. A trailing dot is taken off.
 */
import { domainKey } from "../address.ts";
import { ConfigError } from "../errors.ts";
import { normalizeIp } from "../ip-address.ts";
import { ipv6Prefix } from "./address-keys.ts";
import { type ParsedTable, textLines } from "./map-text.ts";

/** A word as a key, or what is wrong with it. */
type ReadName = { readonly key: string } | { readonly reason: string };

/**
 * Reads `local-host-names`: names under which mail is delivered here, and address literals such as `[202.99.11.1]`.
 */
export function parseLocalHostNames(text: string, file: string): ParsedTable {
  return parseNameList(text, file, "", readHostName);
}

/**
 * Reads `relay-domains`: domains to and from which mail is relayed, and addresses and networks whose hosts may relay.
 * Networks are written as whole octets (`202.99.11`) or groups (`IPv6:2001:db8`). Every value is `RELAY`.
 */
export function parseRelayDomains(text: string, file: string): ParsedTable {
  return parseNameList(text, file, "RELAY", readDomainOrNetwork);
}

/** Reads `trusted-users`: login names, whose case matters. */
export function parseUserNames(text: string, file: string): ParsedTable {
  return parseNameList(text, file, "", (word) =>
    /^[^\s:/@]+$/.test(word) ? { key: word } : { reason: `${word}: not a user's name` },
  );
}

function parseNameList(
  text: string,
  file: string,
  value: string,
  read: (word: string) => ReadName,
): ParsedTable {
  const table: ParsedTable = { entries: new Map(), faults: [], duplicates: [] };
  textLines(text).forEach((line, index) => {
    for (const word of line.replace(/#.*/, "").split(/\s+/)) {
      if (word === "") continue;
      const name = read(word);
      if ("reason" in name) table.faults.push(new ConfigError(file, index + 1, name.reason));
      else table.entries.set(name.key, value);
    }
  });
  return table;
}

function readHostName(word: string): ReadName {
  const literal = /^\[(.+)\]$/.exec(word);
  if (literal !== null) {
    const ip = normalizeIp(literal[1]!);
    if (ip === undefined) return { reason: `${word}: no address in the brackets` };
    return { key: `[${ip.includes(":") ? "ipv6:" : ""}${ip}]` };
  }
  return isDomainName(word) ? { key: domainKey(word) } : { reason: `${word}: not a host name` };
}

function readDomainOrNetwork(word: string): ReadName {
  if (/\/\d+$/.test(word)) {
    return { reason: `${word}: write the network as whole octets, such as 202.99.11, not with a mask` };
  }
  const octets = word.replace(/\.$/, "");
  if (/^\d+(\.\d+){0,3}$/.test(octets)) {
    return octets.split(".").every((o) => Number(o) <= 255)
      ? { key: octets }
      : { reason: `${word}: an octet above 255` };
  }
  const bare = word.replace(/^\[(.*)\]$/, "$1");
  const tagged = /^ipv6:/i.test(bare);
  if (tagged || bare.includes(":")) {
    const prefix = ipv6Prefix(tagged ? bare.slice(5) : bare);
    return prefix === undefined
      ? { reason: `${word}: not an IPv6 address or network of whole groups` }
      : { key: `ipv6:${prefix}` };
  }
  const ip = normalizeIp(bare);
  if (ip !== undefined) return { key: ip };
  if (word.startsWith(".")) {
    return { reason: `${word}: write ${word.slice(1)}, which covers its sub-domains` };
  }
  return isDomainName(word)
    ? { key: domainKey(word) }
    : { reason: `${word}: not a domain, address or network` };
}

/** Labels without the characters that mark an address, a list or a path; letters of any script (RFC 6531). */
function isDomainName(word: string): boolean {
  return /^[^\s@/:,;"'<>()[\]\\|.]+(\.[^\s@/:,;"'<>()[\]\\|.]+)*\.?$/.test(word);
}
