/**
 * What a popper needs on disk where no `mailhost start` has been before: the folder of its indexes, the log file and the trace
 * file, all its own.
 */
import { chownSync, closeSync, existsSync, fchownSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Identity } from "@mailhost/common/daemon/identity";
import { makeOwnFile } from "@mailhost/common/daemon/own-file";
import { errnoOf, UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { type Site, sitePath } from "@mailhost/common/site";
import { EX_CANTCREAT } from "@mailhost/common/sysexits";

/**
 * Makes what is missing.
 *
 * @param identity whom we are about to become
 * @throws UserError
 */
export function makePopperFolders(site: Site, { pop3 }: Settings, identity: Identity | undefined): void {
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
  if (pop3.traceFile !== "") makeOwnFile(sitePath(site, pop3.traceFile), 0o600, identity);
}
