/**
 * A file system that loses power: what was not synced when the power goes may be on the disk, or not, or in part.
 *
 * Writes and truncates go through at once. {@link PowerLossFileSystem.losePower} then puts each file back to what it was
 * at its last sync and makes again only some of the changes since, in their order, as a disk might have. So it is with names: a file
 * or folder that was made, and a file that was renamed, is there afterwards for certain only if the folder was synced behind it.
 */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileSystem } from "../fs/file-system.ts";
import { nodeFileSystem } from "../fs/file-system.ts";

/** A {@link FileSystem} whose power can go. */
export interface PowerLossFileSystem extends FileSystem {
  /** Changing calls and syncs so far. */
  readonly calls: number;
  /**
   * Closes all files and leaves on the disk what `survives` says.
   *
   * @param survives called for each change since the last sync of its file; how much of it is on the disk, 0 to 1
   */
  losePower(survives: () => number): Promise<void>;
}

type Change = { readonly at: number; readonly bytes: Buffer } | { readonly length: number };

/** A name that was changed, and may be as it was after the power has gone. */
interface NameChange {
  readonly folder: string;
  readonly undo: () => void;
}

interface Disk {
  /** The bytes at the last sync. */
  synced: Buffer;
  changes: Change[];
}

/** Makes one; from the call number `dieAt` on, every call fails and does nothing. */
export function powerLossFileSystem(dieAt: number): PowerLossFileSystem {
  const disks = new Map<string, Disk>();
  const handles: FileHandle[] = [];
  let names: NameChange[] = [];
  let calls = 0;
  const step = () => {
    if (++calls >= dieAt) throw Object.assign(new Error("EIO: the power is gone"), { code: "EIO" });
  };
  /** A folder: its names are certain once it is synced. */
  const wrapFolder = (file: FileHandle, path: string): FileHandle =>
    new Proxy(file, {
      get(target, key) {
        if (key === "sync" || key === "datasync") {
          return async () => {
            step();
            names = names.filter(({ folder }) => folder !== path);
          };
        }
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  const made = (path: string, undo: () => void) => names.push({ folder: dirname(path), undo });
  const wrap = (file: FileHandle, path: string, disk: Disk): FileHandle => {
    const sync = async () => {
      step();
      disk.synced = readFileSync(path);
      disk.changes = [];
    };
    const changed: Record<string, unknown> = {
      sync,
      datasync: sync,
      async write(bytes: Buffer, offset: number, length: number, position: number) {
        step();
        disk.changes.push({ at: position, bytes: Buffer.from(bytes.subarray(offset, offset + length)) });
        return await file.write(bytes, offset, length, position);
      },
      async truncate(length: number) {
        step();
        disk.changes.push({ length });
        await file.truncate(length);
      },
    };
    return new Proxy(file, {
      get(target, key) {
        if (typeof key === "string" && key in changed) return changed[key];
        const value: unknown = Reflect.get(target, key, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  };
  return {
    ...nodeFileSystem,
    get calls() {
      return calls;
    },
    async open(path, flags, mode) {
      const fresh = !existsSync(path);
      const file = await nodeFileSystem.open(path, flags, mode);
      handles.push(file);
      if (!(await file.stat()).isFile()) return wrapFolder(file, path);
      if (fresh) {
        made(path, () => {
          rmSync(path, { force: true });
          disks.delete(path);
        });
      }
      const disk = disks.get(path) ?? { synced: readFileSync(path), changes: [] };
      disks.set(path, disk);
      return wrap(file, path, disk);
    },
    async mkdir(path) {
      step();
      const fresh: string[] = [];
      for (let folder = path; !existsSync(folder); folder = dirname(folder)) fresh.unshift(folder);
      await nodeFileSystem.mkdir(path);
      for (const folder of fresh) made(folder, () => rmSync(folder, { recursive: true, force: true }));
    },
    async rename(from, to) {
      step();
      const [moved, before] = [disks.get(from), disks.get(to)];
      const old = existsSync(to) ? readFileSync(to) : undefined;
      await nodeFileSystem.rename(from, to);
      const put = (path: string, disk: Disk | undefined) =>
        disk === undefined ? disks.delete(path) : disks.set(path, disk);
      put(from, undefined);
      put(to, moved);
      made(to, () => {
        if (existsSync(to)) renameSync(to, from);
        put(from, disks.get(to));
        if (old !== undefined) writeFileSync(to, old);
        put(to, before);
      });
    },
    async losePower(survives) {
      for (const file of handles) if (file.fd >= 0) await file.close();
      // The last first: names of one folder come to the disk in their order.
      const lost = new Set<string>();
      for (const { folder } of names) if (survives() < 0.5) lost.add(folder);
      for (const { folder, undo } of names.toReversed()) if (lost.has(folder)) undo();
      for (const [path, disk] of disks) {
        if (!existsSync(path)) continue;
        let bytes = disk.synced;
        for (const change of disk.changes) bytes = apply(bytes, change, survives());
        writeFileSync(path, bytes);
      }
    },
  };
}

/** The file after as much of the change as `part` says. */
function apply(file: Buffer, change: Change, part: number): Buffer {
  if ("length" in change) {
    if (part < 0.5) return file;
    const cut = Buffer.alloc(change.length);
    file.copy(cut);
    return cut;
  }
  const bytes = change.bytes.subarray(0, Math.round(change.bytes.length * part));
  if (bytes.length === 0) return file;
  const written = Buffer.alloc(Math.max(file.length, change.at + bytes.length));
  file.copy(written);
  bytes.copy(written, change.at);
  return written;
}
