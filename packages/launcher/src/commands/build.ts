/**
 * `mailhost build config.mc`: what Sendmail's m4 files do with a `config.mc`, without them. Gives a `sendmail.cf` that mailhost
 * reads, or with `--explain` the settings that come out.
 */
import { readFileSync } from "node:fs";
import { replaceFile } from "@mailhost/common/atomic-file";
import { errnoOf, UserError } from "@mailhost/common/errors";
import { printSettings } from "@mailhost/common/settings/print-settings";
import { settingsFromCf, surroundings } from "@mailhost/common/settings/sendmail/load-cf";
import { readMcFile } from "@mailhost/common/settings/sendmail/load-mc";
import type { Note, Origin } from "@mailhost/common/settings/sendmail/model";
import { type SettingsReading, settingsFrom } from "@mailhost/common/settings/sendmail/settings-from";
import { writeCf } from "@mailhost/common/settings/sendmail/write-cf";
import type { Site } from "@mailhost/common/site";
import { EX_CANTCREAT, EX_NOINPUT, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { noteText } from "../check/note-text.ts";
import type { Terminal } from "../terminal.ts";

/** What was asked for. */
export interface BuildRequest {
  /** The `config.mc`; `--explain` takes a `sendmail.cf` too. Absent: the site's own sendmail.cf. */
  readonly file?: string;
  /** Where the `sendmail.cf` goes; absent: standard output. */
  readonly output?: string;
  readonly explain?: boolean;
  readonly json?: boolean;
}

/**
 * Reads, warns on standard error, prints.
 *
 * @returns 0; warnings do not change it
 * @throws ConfigError when the configuration cannot be used; UserError for wrong usage and files that cannot be read or written
 */
export async function buildCommand(site: Site, request: BuildRequest, terminal: Terminal): Promise<number> {
  const { explain = false, json = false, output } = request;
  const file = request.file ?? site.sendmailCf;
  const isCf = /\.cf$/.test(file);
  if (isCf && !explain && !json) {
    throw new UserError(
      request.file === undefined
        ? "name the config.mc to build from, or give --explain to see what sendmail.cf says"
        : `${file}: is built already; name its .mc, or give --explain to see what it says`,
      EX_USAGE,
    );
  }
  if (isCf) {
    print(settingsFromCf(site, readText(file), file), json, terminal);
    return EX_OK;
  }
  const config = readMcFile(site, file);
  const reading = settingsFrom(config, surroundings(site));
  if (explain || json) {
    print(reading, json, terminal);
    return EX_OK;
  }
  warn(reading.notes, terminal);
  const text = writeCf(config, file);
  if (output === undefined) terminal.out(text.trimEnd());
  else await writeTo(output, text);
  return EX_OK;
}

async function writeTo(output: string, text: string): Promise<void> {
  try {
    await replaceFile(output, text);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new UserError(`${output}: cannot be written: ${errnoOf(error)}`, EX_CANTCREAT);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    throw new UserError(`${file}: cannot be read: ${errnoOf(error)}`, EX_NOINPUT);
  }
}

/** The settings as a mailhost.yaml, or as JSON with origins and notes. */
function print(reading: SettingsReading, json: boolean, terminal: Terminal): void {
  if (json) {
    const origins = Object.fromEntries([...reading.origins].map(([path, origin]) => [path, placeOf(origin)]));
    terminal.out(JSON.stringify({ settings: reading.settings, origins, notes: reading.notes }));
    return;
  }
  warn(reading.notes, terminal);
  terminal.out(printSettings(reading.values, (path) => placeOf(reading.origins.get(path))).trimEnd());
}

function placeOf(origin: Origin | undefined): string {
  if (origin === undefined) return "default";
  return origin.line === 0 ? "as Sendmail's m4 files have it" : `${origin.file}:${origin.line}`;
}

function warn(notes: readonly Note[], terminal: Terminal): void {
  for (const note of notes) terminal.err(`warning: ${noteText(note)}`);
}
