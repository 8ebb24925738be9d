/**
 * Reads Qpopper configuration files into settings of ours, each with the place that gave it. Pure: files come through a
 * function.
 *
 * An administrator's file is read whole and all its faults are told. The options of a user end at their first fault, what
 * stood before it holds, as in Qpopper.
 */
import { ConfigError } from "../../errors.ts";
import { nearest } from "../nearest.ts";
import { readValue } from "./option-kinds.ts";
import { CONFIG_FILE, type Effects, OPTION_NAMES, type QpopperOption, qpopperOption } from "./option-rows.ts";
import { type Line, readLines, type WrittenValue } from "./statements.ts";

/** Where something was said. */
export interface Origin {
  readonly file: string;
  /** 1-based; 0: not by a line. */
  readonly line: number;
}

/** Something about a configuration that the administrator should know. */
export interface QpopperNote extends Origin {
  readonly text: string;
  /** Nothing need be done. */
  readonly harmless?: true;
}

/** A setting and who gave it. */
export interface GivenSetting {
  readonly value: unknown;
  readonly origin: Origin;
}

/** What came out of a configuration. */
export interface QpopperReading {
  /** By path in mailhost.yaml. */
  readonly settings: ReadonlyMap<string, GivenSetting>;
  /** Options that were said, by their names in lower case. */
  readonly said: ReadonlySet<string>;
  readonly notes: readonly QpopperNote[];
  readonly faults: readonly ConfigError[];
}

/** A file's text under its full name, or why it cannot be had. */
export type FileRead =
  | { readonly ok: true; readonly file: string; readonly text: string }
  | { readonly ok: false; readonly file: string; readonly reason: string };

/** Gives the file of a path: one that the administrator named, or one that stands in a file (`nested`). */
export type ReadFile = (path: string, nested: boolean) => FileRead;

/** Files within files, the first included. */
const DEEPEST = 100;

/** Whose words are read. */
type Source = "administrator" | "user" | "spool";

/** A reading under way: options are applied to it in their order, later ones count. */
export class QpopperConfiguration implements QpopperReading {
  readonly settings = new Map<string, GivenSetting>();
  readonly said = new Set<string>();
  readonly notes: QpopperNote[] = [];
  readonly faults: ConfigError[] = [];
  readonly #read: ReadFile;
  readonly #pathOf: (text: string) => string;

  /**
   * @param pathOf how a path in a file becomes one of the settings
   */
  constructor(read: ReadFile, pathOf: (text: string) => string) {
    this.#read = read;
    this.#pathOf = pathOf;
  }

  /** Reads a file with those that it names. */
  readFile(path: string, origin: Origin): void {
    this.#enter(path, origin, []);
  }

  /** Applies one option that a flag of the command line stands for; paths are as they were typed. */
  give(option: QpopperOption, value: WrittenValue, origin: Origin): void {
    this.#apply(option, value, origin, (text) => text);
  }

  /** Adds what an administrator should know. */
  note(origin: Origin, text: string, harmless?: "harmless"): void {
    this.notes.push({
      ...origin,
      text: onOneLine(text),
      ...(harmless === undefined ? {} : { harmless: true }),
    });
  }

  #enter(path: string, origin: Origin, above: readonly string[]): void {
    const read = this.#read(path, above.length > 0);
    if (!read.ok) this.#fault(origin, `${read.file} cannot be read: ${read.reason}`);
    else if (above.includes(read.file)) {
      const chain = [...above, read.file].join(" -> ");
      this.#fault(origin, `${CONFIG_FILE}: the files name each other in a loop: ${chain}`);
    } else if (above.length >= DEEPEST) {
      this.#fault(origin, `${CONFIG_FILE}: more than ${DEEPEST} files within files`);
    } else {
      for (const [index, line] of readLines(read.text).entries())
        this.#line(line, { file: read.file, line: index + 1 }, [...above, read.file]);
    }
  }

  #line(line: Line, origin: Origin, chain: readonly string[]): void {
    const said = statementOf(line);
    if (said.kind === "nothing") return;
    if (said.kind === "fault") this.#fault(origin, said.reason);
    else if (said.option === CONFIG_FILE) this.#enter(said.value.text, origin, chain);
    else this.#apply(said.option, said.value, origin, this.#pathOf);
  }

  #apply(option: QpopperOption, value: WrittenValue, origin: Origin, pathOf: (text: string) => string): void {
    const fault = applyOption(option, value, {
      set: (path, given) => void this.settings.set(path, { value: given, origin }),
      note: (text, harmless) => this.note(origin, text, harmless),
      path: pathOf,
    });
    this.said.add(option.name.toLowerCase());
    if (fault !== undefined) this.#fault(origin, fault);
  }

  #fault({ file, line }: Origin, reason: string): void {
    this.faults.push(new ConfigError(file, line, onOneLine(reason)));
  }
}

/** What the options of one user came to. */
export interface SessionOptions {
  /** By path in mailhost.yaml; all begin with `pop3.`. */
  readonly settings: ReadonlyMap<string, unknown>;
  /** Why the rest of the file does not count. */
  readonly fault?: ConfigError;
}

/**
 * Reads `~/.qpopper-options` (by `user`) or `.NAME.qpopper-options` of the spool (by `spool`).
 *
 * @param pathOf how a path in the spool's file becomes one of the settings
 */
export function readSessionOptions(
  { file, text }: { readonly file: string; readonly text: string },
  by: "user" | "spool",
  pathOf: (text: string) => string,
): SessionOptions {
  const settings = new Map<string, unknown>();
  const set = (path: string, value: unknown) => {
    // The rest is the whole server's.
    if (path.startsWith("pop3.")) settings.set(path, value);
  };
  for (const [index, line] of readLines(text).entries()) {
    const said = statementOf(line);
    if (said.kind === "nothing") continue;
    const reason =
      said.kind === "fault"
        ? said.reason
        : (refusal(said.option, by) ??
          applyOption(said.option as QpopperOption, said.value, {
            set,
            note: () => undefined,
            path: pathOf,
          }));
    if (reason !== undefined) return { settings, fault: new ConfigError(file, index + 1, onOneLine(reason)) };
  }
  return { settings };
}

/** Why an option may not stand in somebody's options; undefined: it may. */
function refusal(
  option: QpopperOption | typeof CONFIG_FILE,
  by: Exclude<Source, "administrator">,
): string | undefined {
  const { name, where } = option === CONFIG_FILE ? { name: CONFIG_FILE, where: "at-start" } : option;
  if (where === "anywhere" || (where === "not-by-users" && by === "spool")) return undefined;
  return by === "user" && where === "not-by-users"
    ? `${name}: users may not set this; the administrator can, in the options of the spool or of the server`
    : `${name}: can not be set for one user; it belongs in the server's configuration`;
}

type Statement =
  | { readonly kind: "nothing" }
  | { readonly kind: "fault"; readonly reason: string }
  | {
      readonly kind: "option";
      readonly option: QpopperOption | typeof CONFIG_FILE;
      readonly value: WrittenValue;
    };

/** What a line says of which option, its value filled in where it is left out. */
function statementOf(line: Line): Statement {
  if (line.kind !== "statement") return line;
  const { name, reset, value } = line;
  const option = name.toLowerCase() === CONFIG_FILE ? CONFIG_FILE : qpopperOption(name);
  if (option === undefined) return { kind: "fault", reason: unknownOption(name) };
  const isBoolean = option !== CONFIG_FILE && option.kind === "boolean";
  if (reset && !isBoolean)
    return { kind: "fault", reason: `reset ${name}: only options that are true or false can be reset` };
  if (value === undefined && !isBoolean)
    return { kind: "fault", reason: `${name}: a value is missing: set ${name} = VALUE` };
  return { kind: "option", option, value: value ?? { text: reset ? "false" : "true", quoted: false } };
}

function unknownOption(name: string): string {
  const guess = nearest(name, OPTION_NAMES);
  const meant = guess === undefined ? "" : `, did you mean ${guess}?`;
  return `${name}: unknown option${meant} (valid options are: ${OPTION_NAMES.join(", ")})`;
}

/** Applies a value; returns what is wrong with it. */
function applyOption(
  option: QpopperOption,
  written: WrittenValue,
  effects: Omit<Effects, "fault">,
): string | undefined {
  const read = readValue(option, written);
  if (!read.ok)
    return `${option.name}: expected ${read.expected}, found ${JSON.stringify(written.text.slice(0, 80))}`;
  let fault: string | undefined;
  option.apply(read.value, {
    ...effects,
    fault: (reason) => {
      fault = reason;
    },
  });
  return fault;
}

/** A text for people, which may quote a file, without control characters. */
function onOneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
