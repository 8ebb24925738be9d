/**
 * A site's Qpopper configuration file on disk.
 */
import { readFileSync, statSync } from "node:fs";
import { errnoOf } from "../../errors.ts";
import { type Site, sitePath } from "../../site.ts";
import { type FileRead, type Origin, QpopperConfiguration } from "./configuration.ts";

/** Largest file, octets. */
const MAX_FILE = 1024 * 1024;

/** A configuration of a site, in which nothing is said yet, and the files that it has read. */
export function openQpopperConfiguration(site: Site): {
  readonly configuration: QpopperConfiguration;
  /** Full names, each once. */
  readonly files: ReadonlySet<string>;
} {
  const files = new Set<string>();
  // As in a sendmail.cf, paths in the file hang below the site root.
  const configuration = new QpopperConfiguration((path, nested) => {
    const file = sitePath(site, nested ? belowRoot(path) : path);
    files.add(file);
    return readText(file);
  }, belowRoot);
  return { configuration, files };
}

function readText(file: string): FileRead {
  try {
    const at = statSync(file);
    if (!at.isFile()) return { ok: false, file, reason: "it is no file" };
    if (at.size > MAX_FILE) return { ok: false, file, reason: "it is too large for a configuration" };
    return { ok: true, file, text: readFileSync(file, "utf8") };
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    return { ok: false, file, reason: errno === "ENOENT" ? "there is no such file" : errno };
  }
}

/** A path of the file as settings hold it. */
export function belowRoot(path: string): string {
  return path.replace(/^\/+/, "");
}

/** Options that hold in Qpopper and not here where a configuration is silent, and what holds. */
const SILENT: readonly (readonly [option: string, ours: string])[] = [
  ["update-on-abort", "update-on-abort is off (RFC 1939: without QUIT nothing is deleted)"],
  ["update-status-headers", "update-status-headers is off"],
  ["timeout", "timeout is pop3.timeout"],
  ["reverse-lookup", "reverse-lookup is off"],
  ["statistics", "statistics is on"],
];

/**
 * Adds what only the whole configuration shows: a certificate's file that holds the key too, and, in one note, which of
 * mailhost's own defaults hold because nothing else was said.
 */
export function completeConfiguration(configuration: QpopperConfiguration, origin: Origin): void {
  const { settings, said } = configuration;
  const cert = settings.get("tls.cert");
  if (cert !== undefined && !settings.has("tls.key")) settings.set("tls.key", cert);
  const silent = SILENT.filter(([option]) => !said.has(option)).map(([, ours]) => ours);
  if (silent.length === 0) return;
  configuration.note(
    origin,
    `where nothing is said, mailhost's defaults hold and not Qpopper's: ${silent.join("; ")}`,
    "harmless",
  );
}
