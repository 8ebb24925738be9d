/**
 * A site's `sendmail.cf` on disk, read with the files that it names.
 */
import { readFileSync, statSync } from "node:fs";
import { availableParallelism, hostname } from "node:os";
import { ConfigError, errnoOf } from "../../errors.ts";
import { type Site, sitePath } from "../../site.ts";
import { cfSettings } from "./cf-settings.ts";
import { belowRoot } from "./option-values.ts";
import type { Machine } from "./sendmail-defaults.ts";
import type { SettingsReading, Surroundings } from "./settings-from.ts";

/** Largest file that a configuration may name: lists of domains, included parts (octets). */
const MAX_FILE = 4 * 1024 * 1024;

/**
 * The settings in the text of a `sendmail.cf`.
 *
 * @param file its name, for messages
 * @throws ConfigFaults in Sendmail's words, `554 5.0.0 FILE: line N: …`
 */
export function settingsFromCf(site: Site, text: string, file: string): SettingsReading {
  return cfSettings(text, file, surroundings(site));
}

/** What a configuration is judged by on this machine. */
export function surroundings(site: Site): Surroundings {
  return {
    machine: thisMachine(),
    readLines: (path) => readText(sitePath(site, belowRoot(path)))?.split(/\r?\n/),
  };
}

function thisMachine(): Machine {
  return { hostname: fullName(hostname(), readText("/etc/hosts") ?? ""), processors: availableParallelism() };
}

/** A machine's name with its domain, which Sendmail takes from the hosts file where the name itself has none. */
export function fullName(name: string, hosts: string): string {
  if (name.includes(".")) return name;
  for (const line of hosts.split("\n")) {
    const [, ...names] = line.replace(/#.*/, "").trim().split(/\s+/);
    const full = names.find((other) => other.startsWith(`${name}.`));
    if (names.includes(name) && full !== undefined) return full;
  }
  return name;
}

/** A text file; undefined: there is none. @throws ConfigError when it cannot be read */
export function readText(file: string): string | undefined {
  try {
    const at = statSync(file, { throwIfNoEntry: false });
    if (at === undefined || !at.isFile()) return undefined;
    if (at.size > MAX_FILE) throw new ConfigError(file, 0, "too large to be part of a configuration");
    return readFileSync(file, "utf8");
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    if (errno === undefined) throw error;
    throw new ConfigError(file, 0, `cannot be read: ${errno}`);
  }
}
