/**
 * The system's groups as group(5) lists them, always current: the site's own `etc/group` where there is one, else the
 * system's.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { errnoOf } from "../errors.ts";
import type { Site } from "../site.ts";

/** A group. */
export interface Group {
  readonly gid: number;
  /** Names of those who belong to it besides the accounts whose own group it is. */
  readonly members: readonly string[];
}

/** Groups by name. */
export interface Groups {
  /** @throws errors of the system when the file is there and can not be read */
  find(name: string): Group | undefined;
}

/** A file changed this instant may change again within the same tick of the file system's clock, ms. */
const SETTLED = 50;

/** Follows the groups of a site. */
export function openGroups(site: Site): Groups {
  const own = join(site.root, "etc/group");
  const file = statSync(own, { throwIfNoEntry: false }) === undefined ? "/etc/group" : own;
  let seen = "";
  let groups: ReadonlyMap<string, Group> = new Map();
  return {
    find(name) {
      const { ino, size, mtimeMs, ctimeMs } = statSync(file, { throwIfNoEntry: false }) ?? {};
      const signature = [ino, size, mtimeMs, ctimeMs].join(".");
      if (signature !== seen) {
        groups = parseGroups(textOf(file));
        seen = Math.abs(Date.now() - (ctimeMs ?? 0)) < SETTLED ? "" : signature;
      }
      return groups.get(name);
    },
  };
}

/** The groups of a group(5) file; lines of another shape are passed over, as libc does. */
export function parseGroups(text: string): Map<string, Group> {
  const groups = new Map<string, Group>();
  for (const line of text.split("\n")) {
    const [name = "", , gid = "", members = ""] = line.split(":");
    if (!/^[^\s#+/-][^\s/]*$/.test(name) || !/^\d+$/.test(gid) || groups.has(name)) continue;
    groups.set(name, {
      gid: Number(gid),
      members: members
        .split(",")
        .map((member) => member.trim())
        .filter((member) => member !== ""),
    });
  }
  return groups;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return "";
    throw error;
  }
}
