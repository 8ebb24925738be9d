/**
 * `etc/mail/popauth.db` on disk: read, and changed whole under a lock, so that two commands at once lose nothing.
 *
 * Its mode is 0600 or it is not used at all (Qpopper: `POP authentication DB has wrong mode`). What is damaged is named and
 * never written over.
 */
import { readFileSync, statSync } from "node:fs";
import { type ReplaceOptions, replaceFile } from "../atomic-file.ts";
import { ConfigError, errnoOf, messageOf, UserError } from "../errors.ts";
import type { Site } from "../site.ts";
import { EX_CANTCREAT, EX_DATAERR, EX_NOPERM } from "../sysexits.ts";
import { lockAccountFile } from "./account-file-lock.ts";
import { formatPopauth, parsePopauth, type Secrets } from "./popauth-format.ts";

/** The only mode that the file may have. */
export const POPAUTH_MODE = 0o600;

/** What was found in its place. */
export type PopauthFile =
  | { readonly kind: "absent" }
  | { readonly kind: "secrets"; readonly secrets: Secrets }
  | { readonly kind: "wrong-mode"; readonly mode: number; readonly fault: ConfigError }
  | { readonly kind: "unusable"; readonly fault: ConfigError };

/** Reads it. Never throws for what is wrong with it. */
export function readPopauth(file: string): PopauthFile {
  try {
    const mode = statSync(file).mode & 0o777;
    if (mode !== POPAUTH_MODE) return wrongMode(file, mode);
    const read = parsePopauth(readFileSync(file));
    return read.ok
      ? { kind: "secrets", secrets: read.secrets }
      : { kind: "unusable", fault: new ConfigError(file, read.line, read.reason, EX_DATAERR) };
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return { kind: "absent" };
    const reason =
      errnoOf(error) === "EACCES"
        ? "cannot be read: it does not belong to whom the daemons run as"
        : `cannot be read: ${messageOf(error)}`;
    return { kind: "unusable", fault: new ConfigError(file, 0, reason, EX_NOPERM) };
  }
}

function wrongMode(file: string, mode: number): PopauthFile {
  const octal = mode.toString(8).padStart(4, "0");
  const fault = new ConfigError(
    file,
    0,
    `has wrong mode (${octal}): nobody logs in; chmod 600 it`,
    EX_NOPERM,
  );
  return { kind: "wrong-mode", mode, fault };
}

/** How a change is made. */
export interface PopauthChange {
  /** Who the daemons run as, when that is somebody else than the command's user. */
  readonly owner?: ReplaceOptions["owner"];
  /** The file may be missing: it is made then. */
  readonly create?: boolean;
}

/**
 * Changes the database under its lock.
 *
 * @param edit gets the secrets as they are and returns those that are to be; the same map: nothing is written
 * @throws UserError when it is missing and not to be made, of wrong mode, damaged, busy, or can not be written
 */
export async function changePopauth(
  site: Site,
  edit: (secrets: Secrets) => Secrets,
  { owner, create = false }: PopauthChange = {},
): Promise<void> {
  const file = site.popauthFile;
  const lock = await lockAccountFile(file);
  try {
    const found = readPopauth(file);
    if (found.kind === "absent" && !create) throw noPopauth(site);
    if (found.kind === "wrong-mode" || found.kind === "unusable") throw found.fault;
    const before: Secrets = found.kind === "secrets" ? found.secrets : new Map();
    const after = edit(before);
    if (found.kind === "secrets" && after === before) return;
    await replaceFile(file, formatPopauth(after), {
      mode: POPAUTH_MODE,
      models: [file, site.etcMail],
      ...(owner === undefined ? {} : { owner }),
      beforeRename: () => lock.check(),
    });
  } catch (error) {
    if (error instanceof UserError) throw error;
    const code = /^E(ACCES|PERM|ROFS)$/.test(errnoOf(error) ?? "") ? EX_NOPERM : EX_CANTCREAT;
    throw new UserError(`${file} cannot be written: ${messageOf(error)}`, code);
  } finally {
    await lock.release();
  }
}

/** What is said when there is no database. */
export function noPopauth(site: Site): UserError {
  return new UserError(`there is no ${site.popauthFile}; \`popauth -init\` makes it`, EX_DATAERR);
}
