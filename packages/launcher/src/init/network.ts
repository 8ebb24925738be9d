/**
 * The company's network as `access` writes it: whole octets of an IPv4 address, whole groups of an IPv6 address.
 *
 * `202.99.11` covers 202.99.11.0 to 202.99.11.255. A CIDR prefix is turned into that form where it can be.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Read } from "@mailhost/common/settings/units";

const EXPECTED =
  "the network part of your LAN, such as 202.99.11 (that is 202.99.11.0/24), 10.1 (10.1.0.0/16) or 2001:db8:1";

/** Reads a network; the value is its key in `access`. */
export function readNetwork(text: string): Read<string> {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const length = slash < 0 ? undefined : Number(text.slice(slash + 1));
  if (length !== undefined && !/^\d{1,3}$/.test(text.slice(slash + 1)))
    return { ok: false, expected: EXPECTED };
  return address.includes(":") ? readIPv6(address, length) : readIPv4(address, length);
}

function readIPv4(address: string, length: number | undefined): Read<string> {
  if (!/^\d{1,3}(\.\d{1,3}){0,3}$/.test(address)) return { ok: false, expected: EXPECTED };
  const octets = address.split(".").map(Number);
  if (octets.some((o) => o > 255)) return { ok: false, expected: `${EXPECTED}; an octet is 0 to 255` };
  if (octets[0] === 0) return { ok: false, expected: `${EXPECTED}; 0 would be everybody or nobody` };
  if (length === undefined) return { ok: true, value: octets.join(".") };
  if (!isIPv4(address)) return { ok: false, expected: `all four octets before /${length}` };
  return fromPrefix(
    octets,
    length,
    8,
    ".",
    (kept) => `${[...kept, 0, 0, 0].slice(0, 4).join(".")}/${length}`,
  );
}

function readIPv6(address: string, length: number | undefined): Read<string> {
  const whole = isIPv6(address);
  const groups = whole ? expandIPv6(address) : groupsOfPrefix(address);
  if (groups === undefined || groups.every((g) => g === 0)) return { ok: false, expected: EXPECTED };
  const text = (kept: readonly number[]) => `IPv6:${kept.map((g) => g.toString(16)).join(":")}`;
  if (length === undefined) return { ok: true, value: text(groups) };
  if (!whole) return { ok: false, expected: `a whole address before /${length}, such as 2001:db8:1::/48` };
  const read = fromPrefix(
    groups,
    length,
    16,
    ":",
    (kept) => `${kept.map((g) => g.toString(16)).join(":")}::/${length}`,
  );
  return read.ok ? { ok: true, value: text(groups.slice(0, length / 16)) } : read;
}

/** The groups of `2001:db8:1`, a leading part with no `::` in it. */
function groupsOfPrefix(text: string): number[] | undefined {
  const parts = text.replace(/:$/, "").split(":");
  return parts.length < 8 && parts.every((p) => /^[0-9a-f]{1,4}$/i.test(p))
    ? parts.map((p) => Number.parseInt(p, 16))
    : undefined;
}

function expandIPv6(address: string): number[] | undefined {
  if (address.includes(".") || address.includes("%")) return undefined;
  const [left = "", right] = address.split("::");
  const parse = (part: string) => (part === "" ? [] : part.split(":").map((g) => Number.parseInt(g, 16)));
  const head = parse(left);
  const tail = parse(right ?? "");
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** Keeps the whole parts of a prefix; one that ends inside a part, or leaves bits behind it, is refused. */
function fromPrefix(
  parts: readonly number[],
  length: number,
  width: number,
  separator: string,
  print: (kept: readonly number[]) => string,
): Read<string> {
  if (length === 0 || length > parts.length * width || length % width !== 0) {
    const most = parts.length * width;
    const fitting = Array.from({ length: most / width }, (_, i) => `/${(i + 1) * width}`).join(", ");
    return {
      ok: false,
      expected: `a prefix of ${fitting}, because access matches whole parts only; name each network inside /${length}`,
    };
  }
  const kept = parts.slice(0, length / width);
  if (parts.slice(kept.length).some((p) => p !== 0)) {
    return { ok: false, expected: `nothing behind the /${length} prefix; did you mean ${print(kept)}?` };
  }
  return { ok: true, value: kept.join(separator) };
}

/** True for the networks that anybody may use at home (RFC 1918, RFC 6598, loopback) and for IPv6 prefixes. */
export function isPrivateOrNarrow(key: string): boolean {
  if (key.startsWith("IPv6:")) return key.split(":").length > 2;
  return key.includes(".") || key === "10" || key === "127";
}
