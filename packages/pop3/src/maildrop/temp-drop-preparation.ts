/**
 * What a session that died under Qpopper left in `.NAME.pop` is put back into the mailbox before a session of ours sees it.
 *
 * One that stays, because somebody has to do something about it first, is looked at again when it has changed, or a day later:
 * until then logins go their short way, and the log is not filled.
 */
import { lstat } from "node:fs/promises";
import type { Account } from "@mailhost/common/accounts/accounts";
import type { Clock } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import { nodeFileSystem } from "@mailhost/common/fs/file-system";
import type { Log } from "@mailhost/common/log/log";
import { journalIsEmpty } from "@mailhost/common/mbox/journal";
import type { MailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { putTempDropBack } from "@mailhost/common/mbox/recover-temp-drops";
import { hasTempDrop, tempDropFiles } from "@mailhost/common/mbox/temp-drop";
import type { Site } from "@mailhost/common/site";
import type { MailboxPreparation } from "./open.ts";

/** What it needs. */
export interface TempDropParts {
  readonly site: Site;
  readonly find: (name: string) => Account | undefined;
  readonly log: Log;
  readonly clock: Clock;
}

/** How long a drop that stays is left alone, and a warning not given again, ms. */
const DAY = 86_400_000;
/** Drops that are remembered. */
const MOST = 10_000;

/** What is remembered of a drop. */
interface Remembered {
  readonly at: number;
  /** The state of the file that stays; undefined when it is to be tried again at the next login. */
  readonly state?: string | undefined;
  readonly warning?: string | undefined;
}

/** Temporary drops as something that is done to a mailbox before a session sees it. */
export function tempDropPreparation({ site, find, log, clock }: TempDropParts): MailboxPreparation {
  const remembered = new Map<string, Remembered>();
  const recent = (path: string) => {
    const found = remembered.get(path);
    return found !== undefined && Math.abs(clock.now() - found.at) < DAY ? found : undefined;
  };
  const remember = (path: string, what: Omit<Remembered, "at">) => {
    if (remembered.size >= MOST) remembered.clear();
    remembered.set(path, { at: recent(path)?.at ?? clock.now(), ...what });
  };
  /** Warns, unless the same was said within a day. */
  const warn = (path: string, warning: string) => {
    const before = recent(path);
    if (before?.warning === warning) return;
    remembered.delete(path);
    remember(path, { warning });
    log.write("warn", warning);
  };
  /** Whether it is the drop that stayed as it was. */
  const stays = async (path: string) => {
    const state = recent(path)?.state;
    return state !== undefined && state === (await stateOf(path));
  };
  const toRecover = async (paths: MailboxPaths) => {
    const found: string[] = [];
    for (const path of tempDropFiles(site, paths))
      if ((await hasTempDrop(nodeFileSystem, path)) && !(await stays(path))) found.push(path);
    return found;
  };
  return {
    isNeeded: async (paths) => (await toRecover(paths)).length > 0,
    async run(box, user) {
      for (const path of await toRecover(box.paths)) {
        try {
          const say = (text: string) => warn(path, text);
          const outcome = await putTempDropBack(box, path, find(user)?.uid, log, say);
          const { warning } = recent(path) ?? {};
          if (outcome === "left") remember(path, { warning, state: await stateOf(path) });
          else if (outcome !== "later") remembered.delete(path);
        } catch (error) {
          // Somebody whose disk is full has to log in to make room. What was half done is finished under the lock first.
          if (!(await journalIsEmpty(box.fileSystem, box.paths.journal))) throw error;
          warn(path, `${path}: a temporary drop of Qpopper's is left to the next login: ${messageOf(error)}`);
        }
      }
    },
  };
}

/** What tells one state of a drop from another: also that somebody has changed its owner or mode. */
async function stateOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await lstat(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join();
  } catch {
    // Gone: the next login finds that out.
    return undefined;
  }
}
