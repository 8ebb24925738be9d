/**
 * The system's accounts, always current: the site's own etc/passwd where there is one, else the machine's.
 */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Site } from "../site.ts";
import type { Account } from "./accounts.ts";
import { type Followed, type Following, followFile } from "./followed-file.ts";
import { parsePasswd } from "./passwd-file.ts";

/** Follows the passwd file of a site. */
export function followPasswd(site: Site, following: Following): Followed<ReadonlyMap<string, Account>> {
  const own = join(site.root, "etc/passwd");
  const file = statSync(own, { throwIfNoEntry: false }) === undefined ? "/etc/passwd" : own;
  const nobody: ReadonlyMap<string, Account> = new Map();
  return followFile(file, {
    ...following,
    empty: nobody,
    read: () => ({ value: parsePasswd(readFileSync(file, "utf8")), faults: [] }),
  });
}
