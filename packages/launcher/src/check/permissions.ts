/**
 * Checks that the daemons will be able to work in their folders, and that nobody else reads the secrets.
 */
import { existsSync, type Stats, statSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Identity } from "@mailhost/common/daemon/identity";
import type { Site } from "@mailhost/common/site";
import { reasonOf } from "../start/folders.ts";
import type { Finding } from "./finding.ts";

const READ = 4;
const WRITE = 2;
const WRITE_AND_SEARCH = 3;

/**
 * Findings on folders and files.
 *
 * @param identity who the daemons run as
 */
export function checkPermissions(site: Site, identity: Identity): Finding[] {
  // What is in run is made before root is given up; only somebody else needs to be let in there.
  const run = process.getuid?.() === 0 ? [] : [site.runDir];
  const folders = [site.spoolDir, site.queueDir, site.stateDir, ...run];
  const files = ["access", "aliases", "local-host-names", "relay-domains"].map((name) =>
    join(site.etcMail, name),
  );
  const findings = [
    ...folders.flatMap((path) => checkFolder(path, identity)),
    ...checkLog(site, identity),
    ...[existsSync(site.settingsFile) ? site.settingsFile : site.sendmailCf, ...files].flatMap((path) =>
      checkReadable(path, identity),
    ),
    ...checkUsersFile(site, identity),
  ];
  return findings.length > 0
    ? findings
    : [{ level: "ok", about: "permissions", text: `folders and files fit for ${identity.user}` }];
}

function checkFolder(path: string, identity: Identity): Finding[] {
  const about = "permissions";
  const at = look(path);
  if (typeof at === "string") return [{ level: "error", about, text: `${path}: ${at}` }];
  if (at === undefined) {
    const parent = existingParent(path);
    const above = look(parent);
    return typeof above === "object" && may(above, identity, WRITE_AND_SEARCH)
      ? []
      : [
          {
            level: "warning",
            about,
            text: `${path}: not there yet, and only root can make it below ${parent}`,
          },
        ];
  }
  if (!at.isDirectory()) return [{ level: "error", about, text: `${path}: is no folder` }];
  return may(at, identity, WRITE_AND_SEARCH)
    ? []
    : [{ level: "error", about, text: `${path}: ${identity.user} cannot write in it` }];
}

function checkLog({ logFile }: Site, identity: Identity): Finding[] {
  // Root makes it and hands it over.
  if (process.getuid?.() === 0) return [];
  const at = look(logFile);
  if (at === undefined) return checkFolder(dirname(logFile), identity);
  return typeof at === "object" && may(at, identity, WRITE)
    ? []
    : [{ level: "error", about: "permissions", text: `${logFile}: ${identity.user} cannot write it` }];
}

function checkReadable(path: string, identity: Identity): Finding[] {
  const at = look(path);
  if (at === undefined) return [];
  if (typeof at === "string") return [{ level: "error", about: "permissions", text: `${path}: ${at}` }];
  return may(at, identity, READ)
    ? []
    : [{ level: "error", about: "permissions", text: `${path}: ${identity.user} cannot read it` }];
}

function checkUsersFile(site: Site, identity: Identity): Finding[] {
  const at = look(site.usersFile);
  if (typeof at !== "object") return [];
  const text = `${site.usersFile}: others can read the password hashes; chmod 600 it`;
  const open: Finding[] = (at.mode & 0o077) === 0 ? [] : [{ level: "warning", about: "permissions", text }];
  return [...open, ...checkReadable(site.usersFile, identity)];
}

/** The file's state; undefined when there is none; a reason when we cannot tell. */
function look(path: string): Stats | string | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    return reasonOf(error);
  }
}

function existingParent(path: string): string {
  const parent = dirname(path);
  return look(parent) === undefined && parent !== path ? existingParent(parent) : parent;
}

/** Whether the mode bits let somebody in. Further groups and access lists are not looked at. */
function may(at: Stats, identity: Identity, bits: number): boolean {
  if (identity.uid === 0) return true;
  const shift = at.uid === identity.uid ? 6 : at.gid === identity.gid ? 3 : 0;
  return ((at.mode >> shift) & bits) === bits;
}
