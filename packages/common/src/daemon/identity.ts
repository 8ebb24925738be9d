/**
 * Who the daemons run as, and becoming it.
 *
 * Root at the site root `/` becomes `mail:mail` once the ports are bound; elsewhere a process stays who it is, unless
 * `run.user` or `run.group` say otherwise (DESIGN section 7, point 1).
 */
import { readFileSync, statSync } from "node:fs";
import { errnoOf, UserError } from "../errors.ts";
import type { Settings } from "../settings/settings.ts";
import type { Site } from "../site.ts";
import { EX_CONFIG } from "../sysexits.ts";

/** A user and a group, by number. */
export interface Identity {
  readonly user: string;
  readonly uid: number;
  readonly gid: number;
}

/** The system's two lists, as text. */
export interface SystemLists {
  readonly passwd: string;
  readonly group: string;
}

/** The account that root at `/` becomes. */
const DEFAULT_ACCOUNT = "mail";

/** Reads `/etc/passwd` and `/etc/group`; a missing one is empty. */
export function readSystemLists(): SystemLists {
  const read = (file: string) => {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      if (errnoOf(error) === "ENOENT") return "";
      throw error;
    }
  };
  return { passwd: read("/etc/passwd"), group: read("/etc/group") };
}

/**
 * Whom a process started as root has to become.
 *
 * @param uid who we are now
 * @returns undefined: stay
 * @throws UserError when the settings name a user or group that the system does not know
 */
export function wantedIdentity(
  site: Site,
  run: Settings["run"],
  uid: number,
  lists: () => SystemLists = readSystemLists,
): Identity | undefined {
  if (uid !== 0) return undefined;
  const asRootOfAll = site.root === "/" ? DEFAULT_ACCOUNT : undefined;
  const userName = run.user ?? asRootOfAll;
  const groupName = run.group ?? (run.user === undefined ? asRootOfAll : undefined);
  if (userName === undefined && groupName === undefined) return undefined;
  const { passwd, group } = lists();
  const user = findUser(passwd, userName ?? "root");
  if (user === undefined) throw unknown("run.user", "user", userName ?? "root", site);
  const gid = groupName === undefined ? user.gid : findGroup(group, groupName);
  if (gid === undefined) throw unknown("run.group", "group", groupName ?? "", site);
  return { user: user.name, uid: user.uid, gid };
}

/** The number of a group, or undefined. */
export function findGroup(text: string, name: string): number | undefined {
  const line = linesOf(text).find((f) => f[0] === name || f[2] === name);
  return line === undefined ? undefined : Number(line[2]);
}

/** Whether a user is a member of a group by number, besides the group that is its own. */
export function isGroupMember(text: string, gid: number, user: string): boolean {
  if (user === "") return false;
  return linesOf(text).some((f) => Number(f[2]) === gid && f[3]?.trim().split(",").includes(user) === true);
}

/** The name of a group, or its number where it has none. */
export function nameOfGroup(text: string, gid: number): string {
  return linesOf(text).find((f) => f[2] === String(gid))?.[0] ?? String(gid);
}

function findUser(text: string, name: string): { name: string; uid: number; gid: number } | undefined {
  const line = linesOf(text).find((f) => f[0] === name || f[2] === name);
  return line === undefined ? undefined : { name: line[0]!, uid: Number(line[2]), gid: Number(line[3]) };
}

function linesOf(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => /^[^:#][^:]*:[^:]*:\d+:/.test(line))
    .map((line) => line.split(":"));
}

function unknown(key: string, what: string, name: string, site: Site): UserError {
  return new UserError(
    `the system has no ${what} "${name}" to run as; make it, or set ${key} in ${site.settingsFile}`,
    EX_CONFIG,
  );
}

/** Becomes somebody for good, with the groups that belong to the user. Order matters: the user goes last. */
export function becomeIdentity(identity: Identity): void {
  // Node has had it since 0.9; its types have not.
  const { initgroups } = process as { initgroups?: (user: string, gid: number) => void };
  initgroups?.(identity.user, identity.gid);
  process.setgid?.(identity.gid);
  process.setuid?.(identity.uid);
}

/**
 * Has a command that root runs become the owner of the queue, for good: what it makes there must stay readable for the
 * mta. Nothing happens for anybody but root, when the queue is root's own, or when there is no queue yet.
 */
export function becomeQueueOwner(site: Site): void {
  if (process.getuid?.() !== 0) return;
  const owner = statSync(site.queueDir, { throwIfNoEntry: false });
  if (owner === undefined || owner.uid === 0) return;
  const name = findUser(readSystemLists().passwd, String(owner.uid))?.name;
  becomeIdentity({ user: name ?? String(owner.uid), uid: owner.uid, gid: owner.gid });
}
