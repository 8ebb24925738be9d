/**
 * What decides which file a path leads to, and what is in it: the file, and each folder in which a step of the way could be
 * replaced.
 */
import { lstatSync, readlinkSync } from "node:fs";
import { resolve } from "node:path";

/** A file or a folder that is worth watching. */
export interface Spot {
  /** Its path and its number: another one that comes into its place is another spot. */
  readonly key: string;
  /** Without symbolic links. */
  readonly path: string;
  readonly isFolder: boolean;
}

/** Symbolic links on the way before it is given up, as in Linux. */
const MOST_LINKS = 40;

/**
 * The spots of a path as things stand: the file, where it is there, its folder, and each folder that holds a symbolic link on
 * the way. Where a folder is missing, the last one before it counts: in it the missing one will appear.
 *
 * @returns undefined when the way can not be looked at
 */
export function spotsOf(path: string): Spot[] | undefined {
  try {
    return walk(path);
  } catch {
    // No permission, too many links: whoever reads the file meets the same and says so.
    return undefined;
  }
}

function walk(path: string): Spot[] | undefined {
  const spots: Spot[] = [];
  const root: Spot = { key: "/", path: "/", isFolder: true };
  let trail: Spot[] = [root];
  let names = namesOf(resolve(path));
  let links = 0;
  for (;;) {
    const name = names.shift();
    const folder = trail.at(-1)!;
    if (name === undefined) {
      // It leads to a folder.
      spots.push(folder);
      return spots;
    }
    if (name === "..") {
      if (trail.length > 1) trail.pop();
      continue;
    }
    const here = `${folder.path === "/" ? "" : folder.path}/${name}`;
    const found = lstatSync(here, { throwIfNoEntry: false });
    if (found === undefined) {
      spots.push(folder);
      return spots;
    }
    if (found.isSymbolicLink()) {
      if (++links > MOST_LINKS) return undefined;
      spots.push(folder);
      const target = readlinkSync(here);
      if (target.startsWith("/")) trail = [root];
      names = [...namesOf(target), ...names];
      continue;
    }
    const spot = { key: `${here}\0${found.dev}.${found.ino}`, path: here, isFolder: found.isDirectory() };
    if (names.length === 0 || !spot.isFolder) {
      spots.push(folder, spot);
      return spots;
    }
    trail.push(spot);
  }
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
