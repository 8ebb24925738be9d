/**
 * What a popper needs on disk where no `mailhost start` has been before: the folder of its indexes and the log file, both its
 * own.
 */
import { chownSync, closeSync, existsSync, fchownSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Identity } from "@mailhost/common/daemon/identity";
import { errnoOf, UserError } from "@mailhost/common/errors";
import type { Site } from "@mailhost/common/site";
import { EX_CANTCREAT } from "@mailhost/common/sysexits";

/**
 * Makes what is missing.
 *
 * @param identity whom we are about to become
 * @throws UserError
 */
export function makePopperFolders(site: Site, identity: Identity | undefined): void {
  let path = site.stateDir;
  try {
    if (!existsSync(path)) {
      mkdirSync(path, { recursive: true, mode: 0o750 });
      if (identity !== undefined) chownSync(path, identity.uid, identity.gid);
    }
    path = site.logFile;
    if (!existsSync(path)) {
      mkdirSync(dirname(path), { recursive: true });
      const fd = openSync(path, "a", 0o640);
      if (identity !== undefined) fchownSync(fd, identity.uid, identity.gid);
      closeSync(fd);
    }
  } catch (error) {
    throw new UserError(`${path}: cannot be made: ${errnoOf(error) ?? String(error)}`, EX_CANTCREAT, {
      cause: error,
    });
  }
}
