/**
 * Files that are known not to be there, without a system call. Hardly anybody has a `.forward`, and four looks for one, each in
 * another thread, would cost as much as the rest of a message.
 *
 * The folder in which a file would appear is watched (inotify); where that is missing or closed to us, the one in which its way
 * would open. What the system tells of such a name ends the knowledge. As with tables (common/fs/file-watch), what is told is
 * taken in before a command that came after it is decided. What it does not tell of is seen within a second (another folder in
 * the place of this one, something lost while more happened than it keeps) or a minute. Only file systems of this machine are
 * believed: of others it tells nothing. A symbolic link is never known to be absent: what it leads to may come anywhere.
 */
import { type FSWatcher, type Stats, watch } from "node:fs";
import { lstat, stat, statfs } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Clock } from "@mailhost/common/clock";
import { errnoOf } from "@mailhost/common/errors";

/** The file calls of this file. */
export interface AbsenceFileSystem {
  stat(path: string): Promise<Stats>;
  lstat(path: string): Promise<Stats>;
  /** statfs(2): the number of the kind of file system. */
  statfs(path: string): Promise<{ readonly type: number }>;
}

/** The machine's own. */
export const nodeAbsenceFiles: AbsenceFileSystem = {
  stat: (path) => stat(path),
  lstat: (path) => lstat(path),
  statfs: (path) => statfs(path),
};

/** A look for a file that is likely to be absent. */
export interface ExpectedAbsence {
  /** It is known to be absent: there is nothing to be read. */
  readonly isKnown: boolean;
  /** To be called when it has been looked for, and was not there or is closed to us. */
  confirm(): Promise<void>;
}

/** How {@link KnownAbsences} works. */
export interface AbsenceParts {
  readonly clock: Clock;
  readonly fs: AbsenceFileSystem;
  /** Node's, or a test's. */
  readonly watchFolder?: (path: string) => FSWatcher;
}

/** Kinds of file systems whose changes the system tells of, by statfs(2). */
const LOCAL: ReadonlySet<number> = new Set([
  0xef53, // ext2, ext3, ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x2fc12fc1, // ZFS
  0xca451a4e, // bcachefs
  0xf2f52010, // F2FS
  0x3153464a, // JFS
  0x52654973, // ReiserFS
  0x01021994, // tmpfs
  0x794c7630, // overlayfs
]);

/** A folder is looked at again after this, ms. */
const LOOK = 1000;

/** A file is looked for again after this in any case, ms. */
const BELIEVED = 60_000;

/** Only a file that is asked for again within this is worth it, ms: to come to know it takes five calls, a plain look one. */
const AGAIN = 5000;

/** Folders that are watched at most; each takes 2 KiB here and 1 in the kernel. */
const MOST_FOLDERS = 1024;

/** Files that are known at most. Details of addresses (`joe+anything`) make more of them. */
const MOST_FILES = 16_384;

/** More of this a second in a folder, and to hear of it costs more than to look. */
const MOST_EVENTS = 500;

/** A folder that is not worth watching, or cannot be watched, is left alone for so long, ms. */
const LEFT_ALONE = 60_000;

/** What was found out about a file. */
interface Absence {
  readonly path: string;
  readonly folder: Folder;
  readonly name: string;
  isSure: boolean;
  /** When it became sure; before that, when it was expected. */
  since: number;
}

/** A folder that is watched. */
interface Folder {
  readonly path: string;
  readonly watcher: FSWatcher;
  /** By the name that would have to appear or to change. */
  readonly absences: Map<string, Set<Absence>>;
  /** What it was when it was first seen. */
  identity: string | undefined;
  seenAt: number;
  usedAt: number;
  looking: Promise<boolean> | undefined;
  events: number;
  eventsSince: number;
}

/** Where the way to a file ends. */
interface Origin {
  readonly folder: string;
  /** What would have to appear or open there; absent: the file itself. */
  readonly name: string | undefined;
}

/** See the top of the file. */
export class KnownAbsences {
  readonly #clock: Clock;
  readonly #fs: AbsenceFileSystem;
  readonly #watchFolder: (path: string) => FSWatcher;
  readonly #absences = new Map<string, Absence>();
  readonly #folders = new Map<string, Folder>();
  /** When a file that is not known was last asked for. */
  readonly #asked = new Map<string, number>();
  /** Until when. */
  readonly #leftAlone = new Map<string, number>();

  constructor({ clock, fs, watchFolder }: AbsenceParts) {
    this.#clock = clock;
    this.#fs = fs;
    this.#watchFolder = watchFolder ?? ((path) => watch(path, { persistent: false }));
  }

  /** Whether none of the files can be there, or be read. Makes no system call. */
  has(paths: readonly string[]): boolean {
    const now = this.#clock.now();
    for (const path of paths) {
      const known = this.#absences.get(path);
      if (known === undefined || !isBelieved(known, now) || !isFresh(known.folder, now)) return false;
      known.folder.usedAt = now;
    }
    return true;
  }

  /**
   * Begins to watch where a file would appear, when it is asked for often; it is to be read after that.
   *
   * @returns undefined when it cannot be known, or is not worth it
   * @throws errors of the system
   */
  async expect(path: string): Promise<ExpectedAbsence | undefined> {
    const way = dirname(path);
    if (this.#isLeftAlone(way) || this.#isDoubted(path)) return undefined;
    let absence = await this.#stillKnown(path);
    if (absence === undefined) {
      if (!this.#isAskedAgain(path)) return undefined;
      absence = await this.#begin(path, await this.#originOf(way));
      if (absence === undefined) {
        this.#leave(way);
        return undefined;
      }
    }
    const isKnown = isBelieved(absence, this.#clock.now()) && this.#absences.get(path) === absence;
    return { isKnown, confirm: () => this.#confirm(absence) };
  }

  close(): void {
    for (const folder of [...this.#folders.values()]) this.#drop(folder);
  }

  #isAskedAgain(path: string): boolean {
    const now = this.#clock.now();
    const before = this.#asked.get(path);
    if (this.#asked.size >= MOST_FILES) this.#asked.clear();
    this.#asked.set(path, now);
    return before !== undefined && Math.abs(now - before) < AGAIN;
  }

  /** Somebody looked a short while ago and has found something, or is still looking; nothing was told since. */
  #isDoubted(path: string): boolean {
    const known = this.#absences.get(path);
    return known !== undefined && !known.isSure && Math.abs(this.#clock.now() - known.since) < BELIEVED;
  }

  async #stillKnown(path: string): Promise<Absence | undefined> {
    const known = this.#absences.get(path);
    if (known === undefined || !isBelieved(known, this.#clock.now())) return undefined;
    const isStill = await this.#isSame(known.folder);
    return isStill && this.#absences.get(path) === known ? known : undefined;
  }

  /** Whether a folder is the one that is watched, with nothing changed that was not told. */
  #isSame(folder: Folder): Promise<boolean> | boolean {
    if (isFresh(folder, this.#clock.now())) return true;
    folder.looking ??= this.#look(folder).then((isSame) => {
      folder.looking = undefined;
      if (!isSame) this.#drop(folder);
      return isSame;
    });
    return folder.looking;
  }

  async #look(folder: Folder): Promise<boolean> {
    try {
      const found = identityOf(await this.#fs.stat(folder.path));
      folder.identity ??= found;
      folder.seenAt = this.#clock.now();
      return found === folder.identity;
    } catch {
      return false;
    }
  }

  async #begin(path: string, origin: Origin | undefined): Promise<Absence | undefined> {
    const folder = origin === undefined ? undefined : await this.#follow(origin.folder);
    if (folder === undefined) return undefined;
    const name = origin?.name ?? basename(path);
    const since = this.#clock.now();
    const known = this.#absences.get(path);
    if (known?.folder === folder && known.name === name) {
      // Whoever began first and is still reading may confirm for both.
      if (!isBelieved(known, since)) Object.assign(known, { isSure: false, since });
      return known;
    }
    this.#forget(known);
    const absence: Absence = { path, folder, name, isSure: false, since };
    this.#absences.set(path, absence);
    const same = folder.absences.get(name);
    if (same === undefined) folder.absences.set(name, new Set([absence]));
    else same.add(absence);
    if (this.#absences.size > MOST_FILES) this.#forget(this.#absences.values().next().value);
    return absence;
  }

  /** The last folder on the way that is there and open to us. */
  async #originOf(way: string): Promise<Origin | undefined> {
    let name: string | undefined;
    for (let folder = way; ; folder = dirname(folder)) {
      try {
        // The dot asks for the right to go through it.
        await this.#fs.stat(`${folder}/.`);
        return { folder, name };
      } catch (error) {
        if (!isClosed(error) || folder === "/" || (await this.#mayBeLink(folder))) return undefined;
      }
      name = basename(folder);
    }
  }

  async #mayBeLink(path: string): Promise<boolean> {
    try {
      return (await this.#fs.lstat(path)).isSymbolicLink();
    } catch (error) {
      return !isClosed(error);
    }
  }

  /** The watch of a folder, as it is now. */
  async #follow(path: string): Promise<Folder | undefined> {
    let folder = this.#folders.get(path);
    if (folder === undefined) {
      if (this.#isLeftAlone(path)) return undefined;
      const { type } = await this.#fs.statfs(path);
      if (!LOCAL.has(type >>> 0)) return undefined;
      // Another may have been here meanwhile.
      folder = this.#folders.get(path) ?? this.#watch(path);
    }
    if (folder === undefined || !(await this.#isSame(folder))) return undefined;
    return this.#folders.get(path) === folder ? folder : undefined;
  }

  #watch(path: string): Folder | undefined {
    // Elsewhere Node watches by other means.
    if (process.platform !== "linux" || !this.#makeRoom()) return undefined;
    let watcher: FSWatcher;
    try {
      watcher = this.#watchFolder(path);
    } catch {
      // No right to read it, or no more to be had: it is looked at as before.
      return undefined;
    }
    const now = this.#clock.now();
    const folder: Folder = {
      path,
      watcher,
      absences: new Map(),
      identity: undefined,
      seenAt: Number.NEGATIVE_INFINITY,
      usedAt: now,
      looking: undefined,
      events: 0,
      eventsSince: now,
    };
    watcher.on("change", (_, name) => this.#told(folder, name === null ? undefined : String(name)));
    watcher.on("error", () => this.#drop(folder));
    this.#folders.set(path, folder);
    return folder;
  }

  #isLeftAlone(folder: string): boolean {
    const until = this.#leftAlone.get(folder);
    return until !== undefined && until > this.#clock.now();
  }

  #leave(path: string): void {
    if (this.#leftAlone.size >= MOST_FILES) this.#leftAlone.clear();
    this.#leftAlone.set(path, this.#clock.now() + LEFT_ALONE);
  }

  #told(folder: Folder, name: string | undefined): void {
    const now = this.#clock.now();
    if (Math.abs(now - folder.eventsSince) >= 1000) {
      folder.eventsSince = now;
      folder.events = 0;
    }
    if (++folder.events > MOST_EVENTS) {
      this.#leave(folder.path);
      this.#drop(folder);
      return;
    }
    // Its own name: it was moved, removed or closed; or something in it has the same name.
    if (name === undefined || name === basename(folder.path)) this.#drop(folder);
    else if (folder.absences.has(name)) this.#changed(folder, name);
  }

  /** A name is there, or has gone: with it goes the doubt about others that were looked for together. */
  #changed(folder: Folder, name: string): void {
    for (const same of folder.absences.values()) {
      for (const absence of same) if (absence.name === name || !absence.isSure) this.#forget(absence);
    }
  }

  async #confirm(absence: Absence): Promise<void> {
    const { path, folder, name } = absence;
    if (absence.isSure || this.#absences.get(path) !== absence) return;
    // The way may have become longer before it was watched: then another folder decides.
    const origin = await this.#originOf(dirname(path));
    const isSame = origin?.folder === folder.path && (origin.name ?? basename(path)) === name;
    if (!isSame || (await this.#mayBeLink(path))) this.#forget(absence);
    if (this.#absences.get(path) !== absence) return;
    absence.isSure = true;
    absence.since = this.#clock.now();
  }

  #forget(absence: Absence | undefined): void {
    if (absence === undefined) return;
    if (this.#absences.get(absence.path) === absence) this.#absences.delete(absence.path);
    const { absences } = absence.folder;
    const same = absences.get(absence.name);
    same?.delete(absence);
    if (same?.size === 0) absences.delete(absence.name);
  }

  #drop(folder: Folder): void {
    for (const same of folder.absences.values()) for (const absence of same) this.#forget(absence);
    folder.watcher.close();
    if (this.#folders.get(folder.path) === folder) this.#folders.delete(folder.path);
  }

  /** @returns whether another folder may be watched; one that nobody asked about lately makes room */
  #makeRoom(): boolean {
    if (this.#folders.size < MOST_FOLDERS) return true;
    const longAgo = this.#clock.now() - LEFT_ALONE;
    for (const folder of this.#folders.values()) if (folder.usedAt < longAgo) this.#drop(folder);
    return this.#folders.size < MOST_FOLDERS;
  }
}

function isBelieved({ isSure, since }: Absence, now: number): boolean {
  return isSure && Math.abs(now - since) < BELIEVED;
}

function isFresh({ seenAt }: Folder, now: number): boolean {
  return Math.abs(now - seenAt) < LOOK;
}

/** What another folder, or a change in this one, has in another form. */
function identityOf({ dev, ino, mode, mtimeMs }: Stats): string {
  return `${dev} ${ino} ${mode} ${mtimeMs}`;
}

/** Whether a file call failed because something is not there, or not for us. */
function isClosed(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "EACCES"].includes(errnoOf(error) ?? "");
}
