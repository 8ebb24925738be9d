/**
 * On whose behalf a program runs or a file is written, and whether we can be that user.
 *
 * Root becomes the owner of the `.forward`, or local.defaultUser for what an alias names. Anybody else can do only what is
 * its own: aliases' programs, and those of a `.forward` that is its own. A user's program never runs with our rights.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { findGroup } from "@mailhost/common/daemon/identity";
import { errnoOf, type SmtpReply } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import type { Controller } from "../queue/queue-entry.ts";

/** A user of the system, as passwd(5) has it. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/** As whom. */
export type Acting =
  | {
      readonly kind: "user";
      /** What the process has to become; absent: it is that already. */
      readonly become?: { readonly uid: number; readonly gid: number };
      /** Whose home and names the environment shows; absent for local.defaultUser. */
      readonly user?: SystemUser;
    }
  | { readonly kind: "refused"; readonly reply: SmtpReply };

/** What the decision is made from. */
export interface ActingParts {
  /** Effective user of this process. */
  readonly uid: number;
  /** `user`, `user:group`, names or numbers. */
  readonly defaultUser: string;
  readonly findUser: (name: string) => SystemUser | undefined;
  readonly findGroup: (name: string) => number | undefined;
}

/** Decides as whom something is done that an alias or a `.forward` names. */
export function actingFor(controller: Controller, parts: ActingParts): Acting {
  const { uid, findUser } = parts;
  const name = controller.user;
  const owner = name === undefined ? undefined : findUser(name);
  if (name !== undefined && owner === undefined) {
    return refused(`${name} is no user of this system, so nothing can be done on its behalf`);
  }
  if (uid !== 0) {
    if (owner === undefined) return { kind: "user" };
    if (owner.uid === uid) return { kind: "user", user: owner };
    return refused(
      `programs and files of user ${owner.name} need a mailhost that runs as root: set run: {user: root} in mailhost.yaml`,
    );
  }
  // Root's own .forward: nothing that mail causes runs as root.
  if (owner !== undefined && owner.uid !== 0) {
    return { kind: "user", become: { uid: owner.uid, gid: owner.gid }, user: owner };
  }
  return defaultActing(parts);
}

function defaultActing({ defaultUser, findUser, findGroup: groupOf }: ActingParts): Acting {
  const [userName = "", groupName] = defaultUser.split(":");
  const user = findUser(userName);
  const gid = groupName === undefined ? user?.gid : groupOf(groupName);
  const uid = user?.uid ?? (/^\d+$/.test(userName) ? Number(userName) : undefined);
  if (uid === undefined || gid === undefined) {
    return refused(`local.defaultUser ${defaultUser} is no user of this system`);
  }
  return uid === 0 ? { kind: "user" } : { kind: "user", become: { uid, gid } };
}

function refused(text: string): Acting {
  return { kind: "refused", reply: { code: 451, enhanced: "4.3.5", text } };
}

/** The parts for this process: its own user, and the site's or the system's lists, read at each question. */
export function actingParts(site: Site, defaultUser: string): ActingParts {
  return {
    uid: process.geteuid?.() ?? 0,
    defaultUser,
    findUser: (name) => findSystemUser(listText(site, "passwd"), name),
    findGroup: (name) =>
      findGroup(listText(site, "group"), name) ?? (/^\d+$/.test(name) ? Number(name) : undefined),
  };
}

/** A user by name or number. */
export function findSystemUser(passwd: string, name: string): SystemUser | undefined {
  for (const line of passwd.split("\n")) {
    const [login = "", , uid = "", gid = "", , home = "", shell = ""] = line.split(":");
    if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid) || (login !== name && uid !== name)) continue;
    return { name: login, uid: Number(uid), gid: Number(gid), home, shell: shell === "" ? "/bin/sh" : shell };
  }
  return undefined;
}

function listText(site: Site, list: "passwd" | "group"): string {
  for (const file of [join(site.root, "etc", list), `/etc/${list}`]) {
    try {
      return readFileSync(file, "utf8");
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  }
  return "";
}
