/**
 * One table that is always current: an access looks, by stat, whether its files have changed, whenever they may have.
 *
 * With a `.db` that rules; without one the text does. A changed file is read at the access that notices it. When it
 * cannot be used, its faults are logged once and the last good table stays in force. Before there has been a good
 * one, the sound lines of the text count, for that is what the administrator most likely means; so they do when a part
 * of a large `.db` turns out to be damaged. A missing file is an empty table.
 */
import { readFileSync } from "node:fs";
import { ConfigError, messageOf } from "../errors.ts";
import { type FileWatch, lookAlways, type WatchedFiles } from "../fs/file-watch.ts";
import type { Log } from "../log/log.ts";
import { sha256 } from "./compile.ts";
import { type CompiledTable, openCompiledTable } from "./compiled-table.ts";
import { ABSENT, type FileMark, fileMark } from "./file-mark.ts";
import type { ParsedTable } from "./map-text.ts";
import { isNewerText } from "./newer-text.ts";
import type { Table } from "./table.ts";

/** What a live table is made of. */
export interface LiveTableParts {
  /** Its name for messages: `access`, `aliases`, `local-host-names`, `relay-domains`. */
  readonly name: string;
  /** The text file. */
  readonly text: string;
  /** The compiled file, for tables that have one, and what it must hold. */
  readonly compiled?: { readonly file: string; readonly kind: "map" | "aliases" };
  readonly parse: (text: string, file: string) => ParsedTable;
  readonly log: Log;
  readonly onReload?: (table: string) => void;
  /** Says when the files may have changed; absent: they are looked at at every access. */
  readonly watch?: FileWatch;
  /** Up to which size a compiled table is read whole, octets; a test's choice. */
  readonly small?: number;
}

/** A table in force. */
interface Version {
  readonly file: string;
  /** Same digest, same content: a file that was only touched is no change. */
  readonly digest: string;
  readonly size: number;
  readonly get: (key: string) => string | undefined;
  readonly entries: () => Iterable<readonly [string, string]>;
  readonly close: () => void;
}

/** What one reading of the files gave. */
interface Reading {
  /** The new table; absent when the files cannot be used. */
  readonly version?: Version;
  readonly faults: readonly ConfigError[];
  readonly warnings: readonly ConfigError[];
}

/**
 * A file that changed less than this before it was read may change again within the same tick of the file system's
 * clock, ms; it is looked at again at the next access.
 */
const CLOCK_GRAIN = 50;

/**
 * Files that cannot be used are read again after this, ms, although they did not change: what was wrong may have been the
 * system (no descriptor left, a full temporary folder) and not the file.
 */
const TRY_AGAIN = 5000;

/** A text up to this size, octets, is read when its `.db` turns out to be damaged; more would keep every client waiting. */
const LONGEST_STAND_IN = 64 * 1024 * 1024;

/** A {@link Table} that follows its files. */
export class LiveTable implements Table {
  readonly #parts: LiveTableParts;
  #seen = "";
  /** False while a change could have left size and times as they were. */
  #settled = false;
  /** When files that cannot be used are read again. */
  #tryAgainAt = Number.POSITIVE_INFINITY;
  #version: Version;
  /** False until the files have been good once. */
  #good = false;
  #faults: readonly ConfigError[] = [];
  #warnings: readonly ConfigError[] = [];
  #closed = false;
  readonly #files: WatchedFiles;
  /** The state of a `.db` in which a look-up met damage. */
  #condemned: string | undefined;

  constructor(parts: LiveTableParts) {
    this.#parts = parts;
    this.#version = emptyVersion(parts.text);
    this.#files = (parts.watch ?? lookAlways).over([parts.text, parts.compiled?.file ?? ""]);
    this.#current();
  }

  get file(): string {
    return this.#current().file;
  }

  /**
   * @throws ConfigError when the part of a large `.db` that would hold the key is damaged and the text beside it is missing
   *   or too long to stand in; for whoever asks a temporary failure
   */
  get(key: string): string | undefined {
    try {
      return this.#current().get(key);
    } catch (error) {
      return this.#getDespiteDamage(key, error);
    }
  }

  entries(): Iterable<readonly [string, string]> {
    return this.#current().entries();
  }

  /** What keeps the files as they are now from being used; empty when they are in force. */
  faults(): ConfigError[] {
    this.#current();
    return [...this.#faults];
  }

  /** What does not keep them from being used: keys that came twice, a text newer than its `.db`. */
  warnings(): ConfigError[] {
    this.#current();
    return [...this.#warnings];
  }

  close(): void {
    this.#closed = true;
    this.#files.close();
    const version = this.#version;
    this.#version = emptyVersion(version.file);
    version.close();
  }

  #current(): Version {
    if (!this.#closed && this.#files.isDue()) this.#refresh();
    return this.#version;
  }

  #getDespiteDamage(key: string, error: unknown): string | undefined {
    const { compiled } = this.#parts;
    if (compiled === undefined || this.#closed) throw error;
    const damaged = this.#version;
    // It may have been written over in its place since it was opened.
    this.#refresh();
    try {
      if (this.#version !== damaged) return this.#version.get(key);
    } catch {
      // What is there now is damaged too.
    }
    this.#condemned = fileMark(compiled.file).signature;
    this.#good = false;
    const fault = readFault(compiled.file, error);
    const standIn = this.#standIn();
    const effect = standIn === undefined ? "what asks for it is put off" : undefined;
    this.#report({ faults: [fault], warnings: [] }, effect);
    if (standIn === undefined) throw fault;
    return standIn.get(key);
  }

  /** Puts the sound lines of the text in the place of a damaged table. */
  #standIn(): Version | undefined {
    const mark = fileMark(this.#parts.text);
    if (mark === ABSENT || mark.size > LONGEST_STAND_IN) return undefined;
    this.#replace(this.#soundLines(), false);
    return this.#version;
  }

  #refresh(): void {
    const { text, compiled } = this.#parts;
    const textMark = fileMark(text);
    const compiledMark = compiled === undefined ? ABSENT : fileMark(compiled.file);
    const seen = `${textMark.signature}|${compiledMark.signature}`;
    if (seen === this.#seen && this.#settled && Date.now() < this.#tryAgainAt) return;
    const first = this.#seen === "";
    this.#seen = seen;
    this.#settled = [textMark, compiledMark].every((m) => Math.abs(Date.now() - m.changedAt) >= CLOCK_GRAIN);
    if (!this.#settled) this.#files.lookAgain();
    if (this.#condemned !== undefined && this.#condemned === compiledMark.signature) {
      this.#standIn();
      return;
    }
    this.#condemned = undefined;
    const reading =
      compiled !== undefined && compiledMark !== ABSENT
        ? this.#readCompiled(compiled, textMark)
        : this.#readText(textMark);
    this.#take(reading, first);
  }

  #take(reading: Reading, first: boolean): void {
    const { version } = reading;
    this.#tryAgainAt = version === undefined ? Date.now() + TRY_AGAIN : Number.POSITIVE_INFINITY;
    this.#report(reading);
    if (version === undefined) {
      // Nothing good has been seen yet: the sound lines of the text are the best there is.
      if (!this.#good) this.#replace(this.#soundLines(), first);
      return;
    }
    this.#good = true;
    this.#replace(version, first);
  }

  #replace(version: Version, first: boolean): void {
    const { log, name, onReload } = this.#parts;
    const old = this.#version;
    this.#version = version;
    old.close();
    if (first || (version.digest === old.digest && version.file === old.file)) return;
    const what = name === "aliases" ? "alias database" : "table";
    log.write("info", `${what} ${version.file} reread, ${version.size} entries`);
    onReload?.(name);
  }

  /** Logs what has not been logged before. */
  #report(reading: Reading, otherEffect?: string): void {
    const { log } = this.#parts;
    const known = new Set([...this.#faults, ...this.#warnings].map((e) => e.message));
    const effect =
      otherEffect ??
      (this.#good ? "the last good table stays in force" : "the sound lines of the text count");
    for (const fault of reading.faults) {
      if (!known.has(fault.message)) log.write("error", `${fault.message}; ${effect}`);
    }
    for (const warning of reading.warnings) {
      if (!known.has(warning.message)) log.write("warn", warning.message);
    }
    this.#faults = reading.faults;
    this.#warnings = reading.warnings;
  }

  #readText(mark: FileMark): Reading {
    if (mark === ABSENT) return { version: emptyVersion(this.#parts.text), faults: [], warnings: [] };
    const read = this.#parsed();
    if (read instanceof ConfigError) return { faults: [read], warnings: [] };
    const { table, version } = read;
    return table.faults.length > 0
      ? { faults: table.faults, warnings: table.duplicates }
      : { version, faults: [], warnings: table.duplicates };
  }

  #readCompiled(compiled: NonNullable<LiveTableParts["compiled"]>, textMark: FileMark): Reading {
    const { file, kind } = compiled;
    let table: CompiledTable;
    try {
      table = openCompiledTable(file, this.#parts.small === undefined ? {} : { small: this.#parts.small });
    } catch (error) {
      return { faults: [readFault(file, error)], warnings: [] };
    }
    if (table.meta.kind !== kind) {
      table.close();
      const [is, command] = kind === "aliases" ? ["map", "newaliases"] : ["alias database", "makemap"];
      return { faults: [new ConfigError(file, 0, `holds a ${is}; make it with ${command}`)], warnings: [] };
    }
    const version: Version = {
      file,
      digest: table.meta.digest,
      size: table.meta.entries,
      // makemap keeps blanks at the end of a value, as Sendmail's does; nobody means them.
      get: (key) => table.get(key)?.trimEnd(),
      entries: () => table.entries(),
      close: () => table.close(),
    };
    return { version, faults: [], warnings: this.#newerText(table, version, textMark) };
  }

  /** A warning when the text has changed since the compiled table was made from it. */
  #newerText(table: CompiledTable, version: Version, textMark: FileMark): ConfigError[] {
    if (textMark === ABSENT) return [];
    const { text } = this.#parts;
    const warning = new ConfigError(text, 0, `newer than ${version.file}, which rules; make that anew`);
    const later = (newer: boolean) => {
      if (newer && this.#version === version)
        this.#report({ faults: this.#faults, warnings: [...this.#warnings, warning] });
    };
    return isNewerText(text, textMark, table.meta.source, later) === true ? [warning] : [];
  }

  #soundLines(): Version {
    const read = fileMark(this.#parts.text) === ABSENT ? undefined : this.#parsed();
    return read === undefined || read instanceof ConfigError ? emptyVersion(this.#parts.text) : read.version;
  }

  #parsed(): { table: ParsedTable; version: Version } | ConfigError {
    const { text, parse } = this.#parts;
    let bytes: Buffer;
    try {
      bytes = readFileSync(text);
    } catch (error) {
      return readFault(text, error);
    }
    const table = parse(bytes.toString("utf8"), text);
    const { entries } = table;
    const version: Version = {
      file: text,
      digest: sha256(bytes),
      size: entries.size,
      get: (key) => entries.get(key),
      entries: () => entries,
      close() {},
    };
    return { table, version };
  }
}

function emptyVersion(file: string): Version {
  return {
    file,
    digest: "",
    size: 0,
    get: () => undefined,
    entries: () => [],
    close() {},
  };
}

function readFault(file: string, error: unknown): ConfigError {
  return error instanceof ConfigError
    ? error
    : new ConfigError(file, 0, `cannot be read: ${messageOf(error)}`);
}
