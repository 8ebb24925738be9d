/**
 * One Sendmail configuration as its reader left it: options, macros, classes, maps, mailers and FEATUREs, each with the
 * place where it was said. A `config.mc` and a `sendmail.cf` both end in this, the settings are made from it
 * (settings-from.ts), and `mailhost build` prints it (write-cf.ts).
 */

/** Where something was said. */
export interface Origin {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
}

/** A value and its place. */
export interface Given<T = string> {
  readonly value: T;
  readonly origin: Origin;
}

/** Something a postmaster should know: not carried over, or working otherwise than he may think. */
export interface Note {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** `Kname type flags path`. */
export interface MapLine {
  readonly type: string;
  /** Flags such as `-o` or `-T<TMPF>`, as they stand. */
  readonly flags: readonly string[];
  /** What follows the flags; empty when nothing does. */
  readonly path: string;
}

/** `Mname, P=…, A=…`. */
export interface MailerLine {
  /** P=: the program, or `[IPC]`. */
  readonly path: string;
  /** A=: its arguments, the first being its own name. */
  readonly args: string;
}

/** A class: words that were given, files that give more. */
export interface ClassLines {
  readonly words: Given[];
  /** As they stand after the class's name: perhaps `-o `, the path, perhaps a scan format. */
  readonly files: Given[];
}

/** A configuration. The readers fill it. */
export interface SendmailConfig {
  /** The version in `DZ`, of a `.cf` that Sendmail's own m4 files made. */
  version?: string;
  /** By option name as op.me spells it; only a few may be given several times. */
  readonly options: Map<string, Given[]>;
  /** By name without braces. */
  readonly macros: Map<string, Given>;
  /** By name without braces. */
  readonly classes: Map<string, ClassLines>;
  readonly maps: Map<string, Given<MapLine>>;
  readonly mailers: Map<string, Given<MailerLine>>;
  /** Arguments after the name, one list a call. */
  readonly features: Map<string, Given<readonly string[]>[]>;
  /** MAILHOST_SETTING: mailhost's own settings by path, as text. */
  readonly own: Map<string, Given>;
  readonly notes: Note[];
}

/** A configuration in which nothing is said yet. */
export function emptyConfig(): SendmailConfig {
  return {
    options: new Map(),
    macros: new Map(),
    classes: new Map(),
    maps: new Map(),
    mailers: new Map(),
    features: new Map(),
    own: new Map(),
    notes: [],
  };
}

/** The lines of a class, made when it is new. */
export function classOf(config: SendmailConfig, name: string): ClassLines {
  let lines = config.classes.get(name);
  if (lines === undefined) {
    lines = { words: [], files: [] };
    config.classes.set(name, lines);
  }
  return lines;
}

/** Adds words to a class. */
export function addToClass(config: SendmailConfig, name: string, text: string, origin: Origin): void {
  for (const value of text.split(/\s+/)) {
    if (value !== "") classOf(config, name).words.push({ value, origin });
  }
}

/** Notes that a FEATURE is on. */
export function addFeature(
  config: SendmailConfig,
  name: string,
  args: readonly string[],
  origin: Origin,
): void {
  const calls = config.features.get(name) ?? [];
  calls.push({ value: args, origin });
  config.features.set(name, calls);
}

/** Adds a note. */
export function addNote(config: SendmailConfig, { file, line }: Origin, text: string): void {
  config.notes.push({ file, line, text: onOneLine(text) });
}

/** A text for people, which may quote a file, without control characters. */
export function onOneLine(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ");
}
