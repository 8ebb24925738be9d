/**
 * Settings for commands that programs wait for: as the last command read them, while nothing that they were read from has
 * changed. Reading YAML or a sendmail.cf takes longer than to queue a message.
 *
 * What is remembered is `var/lib/mailhost/settings.cache`. It counts when every file in etc/mail that settings come from is
 * as it was, by number, size and time of change, on the same host with the same program, and when nobody but its
 * owner, who is we or root, may write it. Whatever is wrong with it, the files themselves are read.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Site } from "../site.ts";
import type { Settings } from "./settings.ts";

/** A file changed less than this ago may change again within the same tick of the file system's clock (ms). */
const TICK = 1000;

interface Remembered {
  readonly key: string;
  /** The Qpopper files that were read too, each with its mark; they may be anywhere. */
  readonly also: Readonly<Record<string, string>>;
  readonly settings: Settings;
}

/**
 * The settings of a site.
 *
 * @throws ConfigError as loadSettings
 */
export async function rememberedSettings(site: Site): Promise<Settings> {
  const file = join(site.stateDir, "settings.cache");
  const key = keyOf(site);
  const known = key === undefined ? undefined : readRemembered(file);
  if (known !== undefined && known.key === key && isAsItWas(known.also)) return known.settings;
  const { loadSettingsWithNotes } = await import("./load.ts");
  const { settings, source, qpopperFiles } = loadSettingsWithNotes(site);
  const also = marksOf(qpopperFiles);
  if (key !== undefined && also !== undefined && isWhole(site, source))
    await remember(file, { key, also, settings });
  return settings;
}

/** What the settings were read from, in one text; undefined while something has just changed. */
function keyOf(site: Site): string | undefined {
  const marks: string[] = [hostname(), process.version, site.settingsFile];
  const program = fileURLToPath(new URL(import.meta.url));
  const names = listed(site.etcMail).map((name) => join(site.etcMail, name));
  for (const path of [program, ...names.filter((name) => !name.endsWith(".db")), site.settingsFile]) {
    const mark = markOf(path);
    if (mark === "changing") return undefined;
    if (mark !== "no file") marks.push(`${path} ${mark}`);
  }
  return marks.join("\n");
}

/** What tells one state of a file from another. */
function markOf(path: string): string {
  const at = statSync(path, { throwIfNoEntry: false, bigint: true });
  if (at === undefined || !at.isFile()) return "no file";
  if (Date.now() - Number(at.ctimeMs) < TICK) return "changing";
  return `${at.ino} ${at.size} ${at.mtimeNs} ${at.ctimeNs}`;
}

function marksOf(paths: readonly string[]): Record<string, string> | undefined {
  const marks = Object.fromEntries(paths.map((path) => [path, markOf(path)]));
  return Object.values(marks).includes("changing") ? undefined : marks;
}

function isAsItWas(also: Remembered["also"]): boolean {
  try {
    return Object.entries(also).every(([path, mark]) => markOf(path) === mark);
  } catch {
    return false;
  }
}

function listed(dir: string): string[] {
  try {
    return readdirSync(dir).sort();
  } catch {
    return [];
  }
}

/** False for a sendmail.cf that names files elsewhere: their changes would not be seen. */
function isWhole(site: Site, source: string | undefined): boolean {
  if (source === undefined || source === site.settingsFile) return true;
  const text = readFileSync(source, "latin1");
  return [...text.matchAll(/^F.*?(\/\S+)/gm)].every(([, path]) => /^\/etc\/mail\/[^/]+$/.test(path ?? ""));
}

function readRemembered(file: string): Remembered | undefined {
  let fd: number | undefined;
  try {
    // What is looked at is what is read: the folder is the daemon's, and another file may come into its place.
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const { uid, mode, nlink } = fstatSync(fd);
    if ((uid !== 0 && uid !== process.geteuid?.()) || (mode & 0o022) !== 0 || nlink !== 1) return undefined;
    return JSON.parse(readFileSync(fd, "utf8")) as Remembered;
  } catch {
    // There is none, or none for us.
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

async function remember(file: string, remembered: Remembered): Promise<void> {
  try {
    const { replaceFile } = await import("../atomic-file.ts");
    await replaceFile(file, JSON.stringify(remembered), { mode: 0o640, models: [] });
  } catch {
    // Not everybody may write there: the next one who may will do it.
  }
}
