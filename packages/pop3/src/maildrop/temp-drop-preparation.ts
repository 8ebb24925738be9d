/**
 * What a session that died under Qpopper left in `.NAME.pop` is put back into the mailbox before a session of ours sees it.
 */
import type { Account } from "@mailhost/common/accounts/accounts";
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
}

/** Temporary drops as something that is done to a mailbox before a session sees it. */
export function tempDropPreparation({ site, find, log }: TempDropParts): MailboxPreparation {
  const toRecover = async (paths: MailboxPaths) => {
    const found: string[] = [];
    for (const path of tempDropFiles(site, paths))
      if (await hasTempDrop(nodeFileSystem, path)) found.push(path);
    return found;
  };
  return {
    isNeeded: async (paths) => (await toRecover(paths)).length > 0,
    async run(box, user) {
      for (const path of await toRecover(box.paths)) {
        try {
          await putTempDropBack(box, path, find(user)?.uid, log);
        } catch (error) {
          // Somebody whose disk is full has to log in to make room. What was half done is finished under the lock first.
          if (!(await journalIsEmpty(box.fileSystem, box.paths.journal))) throw error;
          log.write(
            "warn",
            `${path}: a temporary drop of Qpopper's is left to the next login: ${messageOf(error)}`,
          );
        }
      }
    },
  };
}
