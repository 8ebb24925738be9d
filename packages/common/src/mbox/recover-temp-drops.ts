/**
 * Puts back at start what sessions that died under Qpopper left in temporary drops, for all mailboxes: nobody has to log in
 * for it. What can not be done now is named in the log, and done at the login.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import { counted } from "../counted.ts";
import { messageOf } from "../errors.ts";
import { nodeFileSystem } from "../fs/file-system.ts";
import type { Log } from "../log/log.ts";
import type { Site } from "../site.ts";
import { type LockedMailbox, lockMailbox } from "./lock.ts";
import { joinMailboxName } from "./mailbox-name.ts";
import { mailboxNameFault, mailboxPaths } from "./mailboxes.ts";
import { hasTempDrop, recoverTempDrop, tempDropOwner } from "./temp-drop.ts";

/** How long another program's lock is waited for, ms: the host is to start. */
const PATIENCE = 1000;

/**
 * Puts all back. A mailbox that does not exist yet is left to its owner's login, which makes it.
 *
 * @param uidOf the user id of a mailbox's owner, where it is known
 * @returns how many drops were recovered
 */
export async function recoverTempDrops(
  site: Site,
  { clock, log, uidOf }: { clock: Clock; log: Log; uidOf: (name: string) => number | undefined },
): Promise<number> {
  let recovered = 0;
  const folders = new Map(site.mailboxFolders().map(({ path, domain }) => [path, domain]));
  folders.set(site.spoolDir, "");
  for (const [folder, domain] of folders) {
    for (const file of filesIn(folder)) {
      const user = tempDropOwner(file);
      if (user === undefined) continue;
      const name = joinMailboxName({ user, domain });
      if (mailboxNameFault(name) !== undefined) continue;
      const path = join(folder, file);
      try {
        if (!(await hasTempDrop(nodeFileSystem, path))) continue;
        const box = await lockMailbox(mailboxPaths(site, name), { timeout: PATIENCE, clock, log });
        if (box === undefined) continue;
        try {
          if ((await putTempDropBack(box, path, uidOf(name), log)) === "recovered") recovered++;
        } finally {
          await box.release();
        }
      } catch (error) {
        log.write(
          "warn",
          `${path}: a temporary drop of Qpopper's is left to the next login: ${messageOf(error)}`,
        );
      }
    }
  }
  return recovered;
}

/**
 * Puts one back and says in the log what came of it.
 *
 * @param tell writes a warning; where one that was given a while ago is not to come again
 * @returns `later` when another program is at work on it, `left` when it stays until somebody does something about it
 * @throws MboxError as recoverTempDrop does
 */
export async function putTempDropBack(
  box: LockedMailbox,
  path: string,
  uid: number | undefined,
  log: Log,
  tell: (text: string) => void = (text) => log.write("warn", text),
): Promise<"nothing" | "recovered" | "later" | "left"> {
  const outcome = await recoverTempDrop(box, path, uid === undefined ? [] : [uid]);
  if (outcome === undefined) return "nothing";
  if (outcome.kind === "left") {
    tell(`${path}: a temporary drop of Qpopper's stays as it is: it ${outcome.reason}`);
    return outcome.passing ? "later" : "left";
  }
  const came =
    outcome.messages === 0
      ? "all of it was in the mailbox"
      : `${counted(outcome.messages, "message")} put back`;
  log.write("info", `${path}: a temporary drop of Qpopper's was recovered, ${came}`);
  return "recovered";
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Not there, or not ours: the permissions' business.
    return [];
  }
}
