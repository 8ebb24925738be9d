/**
 * Bulletins (Qpopper's bulldir): files that come into everybody's mailbox at the next login, each once.
 *
 * What is about to be put into a mailbox is written down before, and that it is there, after. Whoever dies between the two
 * leaves a mailbox whose UIDs tell which bulletins have come; the others are put there at the next login. A bulletin that its
 * reader has deleted does not come again.
 */
import { join } from "node:path";
import type { Accounts } from "@mailhost/common/accounts/accounts";
import type { Groups } from "@mailhost/common/accounts/groups-file";
import { counted } from "@mailhost/common/counted";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { appendMessages } from "@mailhost/common/mbox/append";
import type { LockedMailbox } from "@mailhost/common/mbox/lock";
import { scanMbox } from "@mailhost/common/mbox/scan";
import type { BulletinSettings } from "@mailhost/common/settings/pop3-settings";
import type { MailboxPreparation } from "../maildrop/open.ts";
import { type BulletinName, followBulletinFolder } from "./bulletin-folder.ts";
import { type Bulletin, openBulletin } from "./bulletin-message.ts";
import { progressUnderQpopper } from "./first-progress.ts";
import type { Progress, ProgressStore } from "./progress-store.ts";

/** What bulletins need. */
export interface BulletinParts {
  /** Absolute path of the folder. */
  readonly folder: string;
  readonly settings: Pick<BulletinSettings, "max" | "groups" | "optional">;
  /** The host in readers' addresses. */
  readonly hostname: string;
  readonly accounts: () => Pick<Accounts, "find">;
  readonly groups: Groups;
  readonly progress: ProgressStore;
  readonly log: Log;
}

/** Group names of bulletins for everybody. */
const EVERYBODY = "ALL";
/** Faults that are remembered as told. */
const MOST_TOLD = 10_000;

/** Bulletins as something that is done to a mailbox before a session sees it. */
export function bulletinPreparation(parts: BulletinParts): MailboxPreparation {
  const { log, settings } = parts;
  const followed = followBulletinFolder(parts.folder);
  const told = new Set<string>();
  const tell = (text: string) => {
    if (told.has(text)) return;
    if (told.size >= MOST_TOLD) told.clear();
    told.add(text);
    log.write("warn", `bulletins: ${text}`);
  };
  /** Does something, or says why not, where the settings let a login go on without. */
  const attempt = async <T>(otherwise: T, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      if (!settings.optional) throw new Error(`bulletins: ${messageOf(error)}`, { cause: error });
      tell(`not given out for now: ${messageOf(error)}`);
      return otherwise;
    }
  };
  return {
    isNeeded: (paths) =>
      attempt(false, async () => {
        const list = await followed.list();
        const progress = parts.progress.read(paths.name);
        return progress?.pending !== undefined || highestOf(list) > (progress?.last ?? 0);
      }),
    run: (box, user) =>
      attempt(undefined, async () => {
        await giveOut(parts, box, user, await followed.list(), tell);
      }),
  };
}

/** The highest number of all, 0 for none. */
function highestOf(list: readonly BulletinName[]): number {
  return list[list.length - 1]?.number ?? 0;
}

async function giveOut(
  parts: BulletinParts,
  box: LockedMailbox,
  user: string,
  list: readonly BulletinName[],
  tell: (text: string) => void,
): Promise<void> {
  const { progress, folder, hostname, log } = parts;
  const { name } = box.paths;
  const before = progress.read(name);
  const account = parts.accounts().find(user);
  const last = before?.last ?? (await progressUnderQpopper(folder, user, account?.home));
  const isFor = (bulletin: BulletinName) =>
    bulletin.number > (last ?? 0) && isForUser(parts, bulletin, user, account?.gid, tell);
  const fresh = withoutTwins(list.filter(isFor), tell);
  // Somebody new is not given all that there ever was, but the latest that are any.
  const most = last === undefined ? parts.settings.max : fresh.length;
  const open: Bulletin[] = [];
  let first: BulletinName | undefined;
  try {
    for (const name of fresh.toReversed()) {
      if (open.length >= most) break;
      const { file, number } = name;
      const bulletin = await openBulletin(join(folder, file), number);
      if ("fault" in bulletin) tell(`${join(folder, file)}: left out: ${bulletin.fault}`);
      else {
        open.unshift(bulletin);
        first = name;
      }
    }
    const done = { last: Math.max(last ?? 0, highestOf(list)) };
    // Without a record, or with one of a change that was begun, they may be there.
    const doubtful = before === undefined || before.pending !== undefined;
    const uids = new Set([...open.map(({ uid }) => uid), ...(before?.pending ?? [])]);
    const there = doubtful ? await numbersIn(box, uids) : new Set();
    const missing = open.filter(({ uid }) => !there.has(numberIn(uid)));
    if (missing.length > 0) {
      const begun: Progress = { last: last ?? 0, pending: missing.map(({ uid }) => uid) };
      // Somebody new is new until it is done.
      await progress.write(name, last === undefined ? { ...begun, last: floorOf(list, first) } : begun);
      await appendMessages(
        box,
        missing.map((bulletin) => bulletin.message(`${user}@${hostname}`)),
      );
      const came = `${counted(missing.length, "bulletin")} came, up to number ${done.last}`;
      log.write("info", `${box.paths.mbox}: ${came}`);
    }
    await progress.write(name, done);
  } finally {
    for (const bulletin of open) await bulletin.close();
  }
}

/** The progress of somebody new whose first bulletin is `first`: just before it, so that they stay the same. */
function floorOf(list: readonly BulletinName[], first: BulletinName | undefined): number {
  return first === undefined ? highestOf(list) : first.number - 1;
}

/** The numbers of those of the ids that are in the mailbox already. */
async function numbersIn({ file }: LockedMailbox, uids: ReadonlySet<string>): Promise<Set<string>> {
  const there = new Set<string>();
  if (uids.size === 0) return there;
  for await (const spans of scanMbox(file, 0, (await file.stat()).size)) {
    for (const { uidl } of spans) if (uidl !== undefined && uids.has(uidl)) there.add(numberIn(uidl));
  }
  return there;
}

/** A file that was touched since has another time in its id, and the same number. */
function numberIn(uid: string): string {
  return uid.slice(uid.indexOf(".") + 1);
}

/** Qpopper's rules: a name without a second part is for all, as is ALL; a group that does not exist is nobody's. */
function isForUser(
  { settings, groups, folder }: BulletinParts,
  { group, file }: BulletinName,
  user: string,
  gid: number | undefined,
  tell: (text: string) => void,
): boolean {
  if (!settings.groups || group === undefined || group === EVERYBODY) return true;
  const found = groups.find(group);
  if (found === undefined) {
    tell(`${join(folder, file)}: left out: there is no group "${group}"; ${EVERYBODY} is everybody`);
    return false;
  }
  return found.gid === gid || found.members.some((member) => member.toLowerCase() === user);
}

/** Of several with one number that are for the same reader, only the first: its number is what tells it apart. */
function withoutTwins(list: readonly BulletinName[], tell: (text: string) => void): BulletinName[] {
  return list.filter((bulletin, i) => {
    const before = list[i - 1];
    if (before?.number !== bulletin.number) return true;
    tell(`${bulletin.file}: left out: it has the number of ${before.file}; give it one of its own`);
    return false;
  });
}
