/**
 * The values of Sendmail's options: times, truths, numbers, lists, paths (op.me section 5.6).
 */
import type { Read } from "../units.ts";

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** A unit that a bare number has. */
export type TimeUnit = "s" | "m" | "h" | "d" | "w";

/** Reads `1h30m`, or a number of `unit`, into milliseconds. */
export function readInterval(text: string, unit: TimeUnit): Read<number> {
  const expected = "a time such as 30s, 20m, 4h, 5d or 1h30m";
  const parts = [...text.trim().matchAll(/(\d+)([a-zA-Z]?)/g)];
  if (parts.length === 0 || parts.map((p) => p[0]).join("") !== text.trim()) return { ok: false, expected };
  let ms = 0;
  for (const [, digits, letter] of parts) {
    const size = UNITS[letter === "" ? unit : letter!.toLowerCase()];
    if (size === undefined) return { ok: false, expected };
    ms += Number(digits) * size;
  }
  return Number.isSafeInteger(ms) ? { ok: true, value: ms } : { ok: false, expected };
}

/** Nothing and whatever begins with t or y is true (conf.c's atobool). */
export function readTruth(text: string): boolean {
  return text.trim() === "" || /^\s*[ty]/i.test(text);
}

/** Reads a whole number. */
export function readCount(text: string): Read<number> {
  const value = Number(text.trim());
  return /^\s*\d+\s*$/.test(text) && Number.isSafeInteger(value)
    ? { ok: true, value }
    : { ok: false, expected: "a whole number" };
}

/** The words between commas and blanks. */
export function readWords(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

/** A path of a `.cf` as the settings hold it: below the site root. */
export function belowRoot(path: string): string {
  return path.replace(/^\/+/, "");
}

/** The file of an `F` line or of confCW_FILE: `-o`, the path, perhaps a scan format after a blank. */
export function readClassFile(
  text: string,
):
  | { readonly ok: true; readonly path: string; readonly optional: boolean }
  | { readonly ok: false; readonly reason: string } {
  const match = /^\s*(-o)?\s*(\S+)(?:\s+(.*))?$/.exec(text);
  if (match === null) return { ok: false, reason: "a file's name is missing" };
  const [, optional, path = ""] = match;
  if (path.startsWith("|")) return { ok: false, reason: "names that a program prints are not read" };
  if (/^@|^[a-z]+:|@/i.test(path))
    return { ok: false, reason: "names from LDAP or another map are not read" };
  return { ok: true, path, optional: optional !== undefined };
}

/** A map's path without its `.db`. */
export function mapPath(path: string): string {
  return belowRoot(path.replace(/\.(?:db|cdb|pag|dir)$/, ""));
}
