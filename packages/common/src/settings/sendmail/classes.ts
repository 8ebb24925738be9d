/**
 * Classes (`C` and `F` lines): which lists of names each one is.
 */
import type { Draft } from "./draft.ts";
import type { ClassLines, Given, SendmailConfig } from "./model.ts";
import { belowRoot, readClassFile } from "./option-values.ts";

/** Reads a file of names; undefined: there is none. */
export type ReadLines = (path: string) => readonly string[] | undefined;

interface ClassMeaning {
  /** The setting that its words go into. */
  readonly words: string;
  /** The setting that its first file is; further ones, or all where there is none, are read at the start. */
  readonly file?: string;
}

const CLASSES: Readonly<Record<string, ClassMeaning>> = {
  w: { words: "domains.local", file: "tables.localHostNames" },
  R: { words: "domains.relay", file: "tables.relayDomains" },
  t: { words: "domains.trustedUsers", file: "tables.trustedUsers" },
  G: { words: "domains.generics", file: "tables.genericsDomains" },
  VirtHost: { words: "domains.virtual" },
  M: { words: "rewrite.masqueradeDomains" },
  N: { words: "rewrite.masqueradeExceptions" },
  E: { words: "rewrite.exposedUsers" },
  L: { words: "routing.localUsers" },
};

/** Further classes of Sendmail's m4 files; only their rules use them. */
const STOCK_CLASSES = new Set(
  (
    "P O . [ B m k U V W X Y Z A S e n q s u checkMIMETextHeaders checkMIMEHeaders checkMIMEFieldHeaders persistentMacros Accept ResOk Tls TlsVerified SpamTag " +
    "TrustAuthMech LDAPRoute LDAPRouteEquiv LDAPRouteEquivalent Canonify src Src CANONIFY SMTPOpModes MappedDomain"
  ).split(" "),
);

/** Applies the classes. */
export function applyClasses(config: SendmailConfig, draft: Draft, readLines: ReadLines): void {
  for (const [name, lines] of config.classes) {
    const meaning = CLASSES[name];
    if (meaning !== undefined) {
      applyClass(meaning, { config, name, lines }, draft, readLines);
      continue;
    }
    if (STOCK_CLASSES.has(name)) continue;
    const first = lines.words[0] ?? lines.files[0];
    if (first !== undefined)
      draft.note(first.origin, `class ${name}: not carried over; only rules written by hand use it`);
  }
}

function applyClass(
  meaning: ClassMeaning,
  { config, name, lines }: { config: SendmailConfig; name: string; lines: ClassLines },
  draft: Draft,
  readLines: ReadLines,
): void {
  for (const word of lines.words) {
    const other = /^\$=(?:\{(\w+)\}|(\w))$/.exec(word.value);
    if (other === null) draft.add(meaning.words, [word.value], word.origin);
    else addClass(meaning.words, config.classes.get(other[1] ?? other[2]!), draft, readLines);
  }
  let fileTaken = false;
  for (const file of lines.files) {
    const read = readClassFile(file.value);
    if (!read.ok) draft.note(file.origin, `class ${name}: ${file.value}: ${read.reason}`);
    else if (meaning.file !== undefined && !fileTaken) {
      draft.set(meaning.file, belowRoot(read.path), file.origin);
      fileTaken = true;
    } else addFile(meaning.words, file, draft, readLines);
  }
}

/** `CR$={VirtHost}`: everything that is in another class. */
function addClass(setting: string, other: ClassLines | undefined, draft: Draft, readLines: ReadLines): void {
  for (const word of other?.words ?? []) draft.add(setting, [word.value], word.origin);
  for (const file of other?.files ?? []) addFile(setting, file, draft, readLines);
}

function addFile(setting: string, file: Given, draft: Draft, readLines: ReadLines): void {
  const read = readClassFile(file.value);
  if (!read.ok) return;
  const lines = readLines(read.path);
  if (lines !== undefined) draft.add(setting, wordsOf(lines), file.origin);
  else if (!read.optional) draft.note(file.origin, `${read.path}: no such file; it gives no names`);
}

/** The first word of each line, as Sendmail reads the files of classes; `#` begins a comment. */
function wordsOf(lines: readonly string[]): string[] {
  return lines
    .map((line) => line.replace(/#.*/, "").trim().split(/\s+/)[0] ?? "")
    .filter((word) => word !== "");
}
