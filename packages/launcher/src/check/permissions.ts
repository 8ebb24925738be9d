/**
 * Checks that the daemons will be able to work in their folders, and that nobody else reads the secrets.
 */
import { type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { readPopauth } from "@mailhost/common/accounts/popauth-file";
import { type Identity, nameOfGroup, readSystemLists } from "@mailhost/common/daemon/identity";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { reasonOf } from "../start/folders.ts";
import type { Finding } from "./finding.ts";

const READ = 4;
const WRITE = 2;
const WRITE_AND_SEARCH = 3;
const OTHERS_WRITE = 0o002;

/** What the settings say of files. */
type FileSettings = Pick<Settings, "tables" | "tls"> & { readonly pop3: Pick<Settings["pop3"], "traceFile"> };

/**
 * Findings on folders and files.
 *
 * @param identity who the daemons run as
 * @param source the file that the settings are from
 */
export function checkPermissions(
  site: Site,
  settings: FileSettings,
  { identity, source }: { readonly identity: Identity; readonly source: string | undefined },
): Finding[] {
  // Root makes what is missing at the start, and hands queue, state and log over before it becomes who the daemons are.
  const asRoot = process.getuid?.() === 0;
  const spool = new Set([site.spoolDir, ...site.mailboxFolders().map(({ path }) => path)]);
  const folders = [...spool, ...(asRoot ? [] : [site.queueDir, site.stateDir, site.runDir])];
  const files = [source ?? "", ...tableFiles(site, settings), ...tlsFiles(site, settings)];
  const findings = [
    ...folders.flatMap((path) => (asRoot && look(path) === undefined ? [] : checkFolder(path, identity))),
    ...(asRoot ? [] : checkLog(site, identity)),
    ...files
      // What only root may read of these, a process that stays root reads for the host.
      .filter((path) => path !== "" && !(asRoot && tlsFiles(site, settings).includes(path)))
      .flatMap((path) => checkReadable(path, identity)),
    ...[site.etcMail, ...files].filter((path) => path !== "").flatMap(checkOthersWrite),
    ...checkTraceFile(site, settings),
    ...checkUsersFile(site, identity),
    ...checkPopauth(site, identity),
  ];
  return findings.length > 0
    ? findings
    : [{ level: "ok", about: "permissions", text: `folders and files fit for ${identity.user}` }];
}

/** Of each table the file that rules: the `.db` where there is one. Those of names have none. */
function tableFiles(site: Site, { tables }: FileSettings): string[] {
  return [...new Set(Object.values(tables).flat())]
    .filter((path) => path !== "")
    .map((path) => sitePath(site, path))
    .map((text) => (look(`${text}.db`) === undefined ? text : `${text}.db`));
}

function tlsFiles(site: Site, { tls }: FileSettings): string[] {
  return [tls.cert, tls.key].map((path) => sitePath(site, path));
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
  if (may(at, identity, READ)) return [];
  const group = nameOfGroup(readSystemLists().group, identity.gid);
  const text = `${path}: ${identity.user} cannot read it: chgrp ${group} ${path} && chmod g+r ${path}`;
  return [{ level: "error", about: "permissions", text }];
}

/** Whoever may write what the host is told by tells it whatever he likes. */
function checkOthersWrite(path: string): Finding[] {
  const at = look(path);
  if (typeof at !== "object" || (at.mode & OTHERS_WRITE) === 0) return [];
  return [{ level: "warning", about: "permissions", text: `${path}: everybody may write it; chmod o-w it` }];
}

/** What sessions say is for the administrator alone. The next session makes it so; what is there was readable. */
function checkTraceFile(site: Site, { pop3 }: FileSettings): Finding[] {
  if (pop3.traceFile === "") return [];
  const path = sitePath(site, pop3.traceFile);
  const at = look(path);
  if (typeof at !== "object" || (at.mode & 0o077) === 0) return [];
  return [
    { level: "warning", about: "permissions", text: `${path}: others can read the trace; chmod 600 it` },
  ];
}

function checkUsersFile(site: Site, identity: Identity): Finding[] {
  const at = look(site.usersFile);
  if (typeof at !== "object") return [];
  const text = `${site.usersFile}: others can read the password hashes; chmod 600 it`;
  const open: Finding[] = (at.mode & 0o077) === 0 ? [] : [{ level: "warning", about: "permissions", text }];
  return [...open, ...checkReadable(site.usersFile, identity)];
}

/** The secrets of APOP and CRAM-MD5: with a wrong mode, damaged or another's, nobody logs in. */
function checkPopauth({ popauthFile }: Site, identity: Identity): Finding[] {
  const found = readPopauth(popauthFile);
  if (found.kind === "absent") return [];
  if (found.kind !== "secrets") return [{ level: "error", about: "popauth", text: found.fault.message }];
  return checkReadable(popauthFile, identity).map((finding) => ({
    ...finding,
    about: "popauth",
    text: `${popauthFile}: ${identity.user} cannot read it: chown ${identity.user} ${popauthFile}`,
  }));
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
