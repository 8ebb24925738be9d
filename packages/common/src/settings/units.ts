/**
 * The values that settings are written in: durations, sizes, addresses to listen on.
 *
 * Each reader takes the text and returns the value, or a sentence that says what would be right.
 */
import { isIPv6 } from "node:net";
import type { ListenAddress } from "./settings.ts";

/** Outcome of reading a value: the value, or what was expected instead. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly expected: string };

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

const SIZE_UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

const DURATION_EXPECTED = "a duration such as 30s, 20m, 4h, 5d or 1h30m (units ms, s, m, h, d, w)";
const SIZE_EXPECTED = "a size in bytes or with KiB, MiB or GiB, such as 25MiB";
const ADDRESS_EXPECTED = 'host:port, such as "0.0.0.0:25", "[::]:25" or "mail.example.com:587"';

/** Reads `1h30m` into milliseconds. A bare number is refused: 20 of what? */
export function readDuration(text: string): Read<number> {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|[smhdw])/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join("") !== text) {
    return { ok: false, expected: DURATION_EXPECTED };
  }
  const ms = parts.reduce((sum, p) => sum + Number(p[1]) * (DURATION_UNITS[p[2]!] ?? 0), 0);
  return Number.isSafeInteger(Math.round(ms))
    ? { ok: true, value: Math.round(ms) }
    : { ok: false, expected: DURATION_EXPECTED };
}

/** Reads `25MiB` into octets. */
export function readSize(text: string): Read<number> {
  const match = /^(\d+(?:\.\d+)?)\s*(KiB|MiB|GiB)?$/.exec(text);
  const octets = match === null ? Number.NaN : Math.round(Number(match[1]) * SIZE_UNITS[match[2] ?? ""]!);
  return Number.isSafeInteger(octets) ? { ok: true, value: octets } : { ok: false, expected: SIZE_EXPECTED };
}

/** Reads `host:port`; an IPv6 address stands in brackets. */
export function readListenAddress(text: string): Read<ListenAddress> {
  const match = /^(?:\[([^\]]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535 || (match[1] !== undefined && !isIPv6(match[1]))) {
    return { ok: false, expected: ADDRESS_EXPECTED };
  }
  return { ok: true, value: { host: (match[1] ?? match[2])!, port } };
}

/** Prints an address the way {@link readListenAddress} reads it. */
export function formatListenAddress(address: ListenAddress): string {
  return isIPv6(address.host) ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Prints milliseconds as the shortest duration text: `1h30m`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return "0s";
  let rest = ms;
  let text = "";
  for (const [unit, size] of Object.entries(DURATION_UNITS).sort((a, b) => b[1] - a[1])) {
    const n = Math.floor(rest / size);
    if (n > 0) text += `${n}${unit}`;
    rest -= n * size;
  }
  return text;
}
