/**
 * Short ways for the tests of the readers: text in, settings or faults out.
 */

import { cfSettings } from "../../../src/settings/sendmail/cf-settings.ts";
import { readMc } from "../../../src/settings/sendmail/mc.ts";
import {
  type SettingsReading,
  type Surroundings,
  settingsFrom,
} from "../../../src/settings/sendmail/settings-from.ts";
import { writeCf } from "../../../src/settings/sendmail/write-cf.ts";
import type { Settings } from "../../../src/settings/settings.ts";

/** Files that a test's configuration names. */
export type TestFiles = Readonly<Record<string, string>>;

function around(files: TestFiles): Surroundings {
  return {
    machine: { hostname: "host.example.com", processors: 2 },
    readLines: (path) => files[path]?.split("\n"),
  };
}

const reader = (files: TestFiles) => ({
  read: (path: string) => (files[path] === undefined ? undefined : { text: files[path], file: path }),
});

/** The settings of a `config.mc`. */
export function fromMc(text: string, files: TestFiles = {}): SettingsReading {
  return settingsFrom(readMc(text, "config.mc", reader(files)), around(files));
}

/** The settings of the `sendmail.cf` that `mailhost build` makes of a `config.mc`. */
export function fromBuilt(text: string, files: TestFiles = {}): SettingsReading {
  const cf = writeCf(readMc(text, "config.mc", reader(files)), "config.mc");
  return cfSettings(cf, "sendmail.cf", around(files));
}

/** The settings of a `sendmail.cf`. */
export function fromCf(text: string, files: TestFiles = {}): SettingsReading {
  return cfSettings(text, "sendmail.cf", around(files));
}

/** The settings alone of a `config.mc` that has what every one has. */
export function settingsOf(lines: string, files: TestFiles = {}): Settings {
  return fromMc(`OSTYPE(\`linux')\n${lines}\nMAILER(\`smtp')\n`, files).settings;
}

/** The notes, `line: text`. */
export function notesOf({ notes }: SettingsReading): string[] {
  return notes.map(({ line, text }) => `${line}: ${text}`);
}
