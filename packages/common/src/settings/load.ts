/**
 * Reads `etc/mail/mailhost.yaml` into {@link Settings}, checked against the table of options; where there is none,
 * `etc/mail/sendmail.cf`. The Qpopper configuration file that either names is read too; what they say themselves rules.
 *
 * All faults of a file are collected, each with its line, so that one run shows them all.
 */
import { existsSync, readFileSync } from "node:fs";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { ConfigError, errnoOf, messageOf } from "../errors.ts";
import type { Site } from "../site.ts";
import { assemble } from "./assemble.ts";
import { nearest } from "./nearest.ts";
import { OPTIONS } from "./options.ts";
import { layQpopperFile } from "./qpopper/qpopper-layer.ts";
import { readOption } from "./read-option.ts";
import { settingsFromCf } from "./sendmail/load-cf.ts";
import type { Note } from "./sendmail/model.ts";
import type { Settings } from "./settings.ts";

/** Something that a postmaster should know of his settings. */
export interface LoadNote extends Note {
  /** Nothing need be done. */
  readonly harmless?: true;
}

/** The settings of a site, and what is to be said of them. */
export interface LoadedSettings {
  readonly settings: Settings;
  /** The file that they are from; undefined: there is none, and all are defaults. */
  readonly source: string | undefined;
  /** What a `sendmail.cf` or a Qpopper file says and is not carried over, or works otherwise than it may seem. */
  readonly notes: readonly LoadNote[];
  /** The Qpopper configuration file that `pop3.configFile` names, and those within it; full names. */
  readonly qpopperFiles: readonly string[];
  /** A `sendmail.cf` that is there as well, and does not count. */
  readonly ignored: string | undefined;
}

/**
 * The settings of a site: those of mailhost.yaml, else those of sendmail.cf, else the defaults.
 *
 * @throws ConfigError naming file, line, key and what would be right; further faults follow on lines of their own
 */
export function loadSettings(site: Site): Settings {
  return loadSettingsWithNotes(site).settings;
}

/**
 * As {@link loadSettings}, with what a postmaster should know about them.
 *
 * @throws ConfigError as {@link loadSettings}
 */
export function loadSettingsWithNotes(site: Site): LoadedSettings {
  const file = site.settingsFile;
  const text = readIfThere(file);
  const cf = existsSync(site.sendmailCf) ? site.sendmailCf : undefined;
  if (text !== undefined) {
    const { values, lines } = readYaml(text, file);
    const given = new Map([...lines].map(([path, line]) => [path, { file, line }]));
    const { notes, files } = layQpopperFile(site, values, given);
    return { settings: assemble(values), source: file, notes, ignored: cf, qpopperFiles: files };
  }
  const sendmail = cf === undefined ? undefined : readIfThere(cf);
  if (cf !== undefined && sendmail !== undefined) {
    const reading = settingsFromCf(site, sendmail, cf);
    const values = new Map(reading.values);
    const { notes, files } = layQpopperFile(site, values, reading.origins);
    const settings = files.length === 0 ? reading.settings : assemble(values);
    return {
      settings,
      source: cf,
      notes: [...reading.notes, ...notes],
      ignored: undefined,
      qpopperFiles: files,
    };
  }
  const settings = parseSettings("", file);
  return { settings, source: undefined, notes: [], ignored: undefined, qpopperFiles: [] };
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw new ConfigError(file, 0, `cannot be read: ${messageOf(error)}`);
  }
}

/**
 * Reads the text of a settings file, and no other file.
 *
 * @param file its name, for messages
 * @throws ConfigError as {@link loadSettings}
 */
export function parseSettings(text: string, file: string): Settings {
  return assemble(readYaml(text, file).values);
}

/** Every setting by path, and the lines of those that the text gives. */
interface YamlReading {
  readonly values: Map<string, unknown>;
  readonly lines: ReadonlyMap<string, number>;
}

function readYaml(text: string, file: string): YamlReading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const faults: ConfigError[] = document.errors.map(
    (e) => new ConfigError(file, lines.linePos(e.pos[0]).line, e.message.replace(/\s+/g, " ")),
  );
  const lineOf = (node: unknown): number => {
    const start = (node as Node | null | undefined)?.range?.[0];
    return start === undefined ? 0 : lines.linePos(start).line;
  };
  const fault = (node: unknown, reason: string) => faults.push(new ConfigError(file, lineOf(node), reason));

  const values = new Map<string, unknown>(OPTIONS.map((o) => [o.path, o.default()]));
  const given = new Map<string, number>();
  const visit = (node: unknown, prefix: string): void => {
    if (!isMap(node)) {
      fault(
        node,
        prefix === ""
          ? "expected settings, one `key: value` a line"
          : `${prefix}: expected settings below it`,
      );
      return;
    }
    for (const { key, value } of node.items) {
      const name = String(isScalar(key) ? key.value : key);
      const path = prefix === "" ? name : `${prefix}.${name}`;
      const option = OPTIONS.find((o) => o.path === path);
      if (option !== undefined) {
        const read = readOption(option, value);
        given.set(path, lineOf(key));
        if (read.ok) values.set(path, read.value);
        else fault(value ?? key, `${path}: expected ${read.expected}, found ${shown(value)}`);
      } else if (OPTIONS.some((o) => o.path.startsWith(`${path}.`))) {
        if (!(isScalar(value) && value.value === null)) visit(value, path);
      } else {
        const guess = nearest(
          path,
          OPTIONS.map((o) => o.path),
        );
        fault(key, `${path}: unknown setting${guess === undefined ? "" : `; did you mean ${guess}?`}`);
      }
    }
  };
  if (document.contents !== null && !(isScalar(document.contents) && document.contents.value === null)) {
    visit(document.contents, "");
  }
  if (faults.length > 0) throw joined(faults);
  return { values, lines: given };
}

function joined(faults: readonly ConfigError[]): ConfigError {
  const first = faults[0]!;
  const rest = faults.slice(1).map((f) => `\n${f.message}`);
  return new ConfigError(first.file, first.line, first.reason + rest.join(""));
}

/** The value as the administrator wrote it, cut short. */
function shown(node: unknown): string {
  if (isSeq(node)) return "a list";
  if (isMap(node)) return "settings below it";
  const value = isScalar(node) ? (node.source ?? node.value) : node;
  return value === null || value === undefined || value === ""
    ? "nothing"
    : JSON.stringify(String(value as string | number | boolean)).slice(0, 80);
}
