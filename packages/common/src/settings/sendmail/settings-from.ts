/**
 * From a Sendmail configuration to mailhost's settings: one mapping, whatever file the configuration was read from.
 */
import { assemble } from "../assemble.ts";
import { nearest } from "../nearest.ts";
import { OPTIONS } from "../options.ts";
import { readOptionText } from "../read-option.ts";
import type { Settings } from "../settings.ts";
import { applyAuthentication } from "./authentication.ts";
import { applyClasses, type ReadLines } from "./classes.ts";
import { ConfigFaults } from "./config-faults.ts";
import { applyDaemonOptions } from "./daemon-options.ts";
import { type Draft, draftOf } from "./draft.ts";
import { FEATURES } from "./features.ts";
import { applyMacros } from "./macros.ts";
import { applyMailers } from "./mailers.ts";
import { applyMaps } from "./maps.ts";
import type { Note, Origin, SendmailConfig } from "./model.ts";
import { optionNamed } from "./options.ts";
import { type Machine, sendmailDefaults } from "./sendmail-defaults.ts";

/** What a configuration needs from around it. */
export interface Surroundings {
  readonly machine: Machine;
  /** The words of a file that a class names (`F` lines), path as given; undefined: no such file. */
  readonly readLines: ReadLines;
}

/** What came out. */
export interface SettingsReading {
  readonly settings: Settings;
  /** Every setting by path, as in mailhost.yaml. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Where a setting was said; those that are not here are Sendmail's defaults. */
  readonly origins: ReadonlyMap<string, Origin>;
  /** What is not carried over or deserves a look, in the order of the file. */
  readonly notes: readonly Note[];
}

/**
 * The settings that a configuration means.
 *
 * @throws ConfigFaults with all that is wrong
 */
export function settingsFrom(config: SendmailConfig, around: Surroundings): SettingsReading {
  const draft = draftOf(sendmailDefaults(around.machine));
  applyOptions(config, draft);
  applyDaemonOptions(config.options.get("DaemonPortOptions") ?? [], draft);
  applyAuthentication(config, draft);
  applyMaps(config, draft);
  applyClasses(config, draft, around.readLines);
  applyMailers(config, draft);
  applyFeatures(config, draft);
  applyMacros(config, draft, around.machine.hostname);
  applyOwn(config, draft);
  if (draft.faults.length > 0) throw new ConfigFaults(draft.faults);
  const notes = [...config.notes, ...draft.notes].toSorted(
    (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line,
  );
  return { settings: assemble(draft.values), values: draft.values, origins: draft.origins, notes };
}

function applyOptions(config: SendmailConfig, draft: Draft): void {
  for (const [name, given] of config.options) {
    const effect = optionNamed(name)?.effect;
    const last = given.at(-1);
    if (effect !== undefined && last !== undefined) effect(last, draft);
  }
  const statistics = config.options.get("StatusFile")?.at(-1);
  if (statistics !== undefined && statistics.value.trim() !== "") {
    // Sendmail's own file has another form and must not be overwritten.
    const { path, default: usual } = OPTIONS.find((option) => option.path === "log.statistics")!;
    draft.set(path, usual(), statistics.origin);
  }
  for (const [option, path] of [
    ["ServerCertFile", "tls.cert"],
    ["ServerKeyFile", "tls.key"],
  ] as const) {
    const given = config.options.get(option)?.at(-1);
    if (given !== undefined && given.value.trim() !== "") {
      draft.set(path, given.value.trim().replace(/^\/+/, ""), given.origin);
    }
  }
}

function applyFeatures(config: SendmailConfig, draft: Draft): void {
  for (const [name, calls] of config.features) {
    const meaning = Object.hasOwn(FEATURES, name) ? FEATURES[name] : undefined;
    for (const call of calls) {
      if (typeof meaning === "function") meaning(call, draft);
      else if (meaning !== undefined) draft.note(call.origin, `FEATURE(${name}): ${meaning}`);
    }
  }
}

/** MAILHOST_SETTING: what Sendmail has no words for. */
function applyOwn(config: SendmailConfig, draft: Draft): void {
  for (const [path, { value, origin }] of config.own) {
    const option = OPTIONS.find((o) => o.path === path);
    if (option === undefined) {
      const guess = nearest(
        path,
        OPTIONS.map((o) => o.path),
      );
      draft.fault(origin, `${path}: unknown setting${guess === undefined ? "" : `; did you mean ${guess}?`}`);
      continue;
    }
    const read = readOptionText(option, value);
    if (read.ok) draft.set(path, read.value, origin);
    else draft.fault(origin, `${path}: expected ${read.expected}, found ${JSON.stringify(value)}`);
  }
}
