/**
 * A file system that loses power: what was not synced when the power goes may be on the disk, or not, or in part.
 *
 * Writes and truncates go through at once. {@link PowerLossFileSystem.losePower} then puts each file back to what it was
 * at its last sync and makes again only some of the changes since, in their order, as a disk might have.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
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

interface Disk {
  /** The bytes at the last sync. */
  synced: Buffer;
  changes: Change[];
}

/** Makes one; from the call number `dieAt` on, every call fails and does nothing. */
export function powerLossFileSystem(dieAt: number): PowerLossFileSystem {
  const disks = new Map<string, Disk>();
  const handles: FileHandle[] = [];
  let calls = 0;
  const step = () => {
    if (++calls >= dieAt) throw Object.assign(new Error("EIO: the power is gone"), { code: "EIO" });
  };
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
      const file = await nodeFileSystem.open(path, flags, mode);
      handles.push(file);
      if (!(await file.stat()).isFile()) return file;
      const disk = disks.get(path) ?? { synced: readFileSync(path), changes: [] };
      disks.set(path, disk);
      return wrap(file, path, disk);
    },
    async losePower(survives) {
      for (const file of handles) if (file.fd >= 0) await file.close();
      for (const [path, disk] of disks) {
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
