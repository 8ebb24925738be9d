/**
 * Reads `etc/mail/mailhost.yaml` into {@link Settings}, checked against the table of options.
 *
 * All faults of a file are collected, each with its line, so that one run shows them all.
 */
import { readFileSync } from "node:fs";
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import { ConfigError, errnoOf, messageOf } from "../errors.ts";
import type { Site } from "../site.ts";
import { nearest } from "./nearest.ts";
import { OPTIONS, type Option } from "./options.ts";
import type { Settings } from "./settings.ts";
import { formatDuration, type Read, readDuration, readListenAddress, readSize } from "./units.ts";

/**
 * The settings of a site: the file where it says something, else the defaults. A missing file is all defaults.
 *
 * @throws ConfigError naming file, line, key and what would be right; further faults follow on lines of their own
 */
export function loadSettings(site: Site): Settings {
  let text: string;
  try {
    text = readFileSync(site.settingsFile, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return parseSettings("", site.settingsFile);
    throw new ConfigError(site.settingsFile, 0, `cannot be read: ${messageOf(error)}`);
  }
  return parseSettings(text, site.settingsFile);
}

/**
 * Reads the text of a settings file.
 *
 * @param file its name, for messages
 * @throws ConfigError as {@link loadSettings}
 */
export function parseSettings(text: string, file: string): Settings {
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
  return assemble(values);
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

function readOption(option: Option, node: unknown): Read<unknown> {
  const one = isScalar(node) ? node.value : undefined;
  const text = typeof one === "string" || typeof one === "number" ? String(one) : undefined;
  switch (option.kind) {
    case "string":
      return text === undefined || text === ""
        ? { ok: false, expected: "a text" }
        : { ok: true, value: text };
    case "boolean":
      return typeof one === "boolean" ? { ok: true, value: one } : { ok: false, expected: "true or false" };
    case "integer":
      return typeof one === "number" && Number.isSafeInteger(one)
        ? bounded(option, one, String)
        : { ok: false, expected: "a whole number" };
    case "duration": {
      const read = readDuration(typeof one === "string" ? one : "");
      return read.ok ? bounded(option, read.value, formatDuration) : read;
    }
    case "size": {
      const read = readSize(text ?? "");
      return read.ok ? bounded(option, read.value, String) : read;
    }
    case "addresses":
      return readList(node, readListenAddress);
    case "strings":
      return readList(node, (item) => ({ ok: true, value: item }));
    case "accounts":
      return readList(node, (item) =>
        item === "file" || item === "system"
          ? { ok: true, value: item }
          : { ok: false, expected: "a list of file and system" },
      );
    case "choice": {
      const choices = option.choices ?? [];
      return text !== undefined && choices.includes(text)
        ? { ok: true, value: text }
        : { ok: false, expected: `one of ${choices.join(", ")}` };
    }
    case "path":
      if (one === false) return { ok: true, value: "" };
      return text === undefined || text === ""
        ? { ok: false, expected: "a path, or false" }
        : { ok: true, value: text };
    case "logFormat":
      return text === "sendmail" || text === "json"
        ? { ok: true, value: text }
        : { ok: false, expected: "sendmail or json" };
  }
}

function bounded(option: Option, value: number, print: (n: number) => string): Read<number> {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = option;
  if (value < min) return { ok: false, expected: `at least ${print(min)}` };
  if (value > max) return { ok: false, expected: `at most ${print(max)}` };
  return { ok: true, value };
}

/** A list, or a single value standing for a list of one. */
function readList<T>(node: unknown, item: (text: string) => Read<T>): Read<readonly T[]> {
  const items = isSeq(node) ? node.items : [node];
  const values: T[] = [];
  for (const entry of items) {
    const value = isScalar(entry) ? entry.value : undefined;
    if (value === null && !isSeq(node)) return { ok: true, value: [] };
    if (typeof value !== "string" && typeof value !== "number")
      return { ok: false, expected: "a list of texts" };
    const read = item(String(value));
    if (!read.ok) return read;
    values.push(read.value);
  }
  return { ok: true, value: values };
}

/** Puts the flat values back into the nested shape of {@link Settings}; unset ones are left out. */
function assemble(values: ReadonlyMap<string, unknown>): Settings {
  const top: Record<string, unknown> = {};
  for (const [path, value] of values) {
    const names = path.split(".");
    const last = names.pop()!;
    let at = top;
    for (const name of names) at = (at[name] ??= {}) as Record<string, unknown>;
    if (value !== undefined) at[last] = value;
  }
  return top as unknown as Settings;
}
