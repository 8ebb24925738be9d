/**
 * Who may fetch mail at all: Qpopper's auth-file, nonauth-file and BLOCK_UID. It is asked after the password, so that what
 * these files say is told to nobody else.
 *
 * A file that the settings name and that is not there lets nobody in: it may be the one that kept somebody out.
 */
import { readFileSync } from "node:fs";
import type { Account } from "../accounts/accounts.ts";
import { type Followed, followFile } from "../accounts/followed-file.ts";
import { ConfigError } from "../errors.ts";
import type { FileWatch } from "../fs/file-watch.ts";
import type { Log } from "../log/log.ts";
import type { Settings } from "../settings/settings.ts";
import { type Site, sitePath } from "../site.ts";

/** Why an account may not log in; `reason` is for the log. */
export type Refusal =
  | { readonly kind: "denied"; readonly reason: string }
  | { readonly kind: "blocked-uid"; readonly below: number; readonly reason: string };

/** Decides about accounts; files are read again when they have changed. */
export interface Admission {
  /** Undefined: it may. */
  refusal(account: Account): Refusal | undefined;
}

/** Names in lower case; undefined: there is no such file. */
type Names = ReadonlySet<string> | undefined;

/** Opens the files that the settings name now or will name. */
export function openAdmission({
  site,
  settings,
  log,
  watch,
}: {
  readonly site: Site;
  readonly settings: () => Settings;
  readonly log: Log;
  /** Says when the files may have changed; absent: they are looked at each time. */
  readonly watch?: FileWatch;
}): Admission {
  const followed = new Map<string, Followed<Names>>();
  const namesIn = (path: string): Names => {
    const file = sitePath(site, path);
    let names = followed.get(file);
    if (names === undefined) {
      names = followFile<Names>(file, {
        empty: undefined,
        onFault: (fault) => log.write("error", fault.message),
        read: () => ({ value: readNames(file), faults: [] }),
        ...(watch === undefined ? {} : { watch }),
      });
      followed.set(file, names);
    }
    return names.current();
  };
  return {
    refusal(account) {
      const { name } = account;
      const { authFile, nonauthFile } = settings().pop3;
      const blocked = uidAdmission(settings).refusal(account);
      if (blocked !== undefined) return blocked;
      for (const [path, wanted] of [
        [authFile, true],
        [nonauthFile, false],
      ] as const) {
        if (path === "") continue;
        const names = namesIn(path);
        if (names === undefined) return { kind: "denied", reason: `${path} is not there` };
        if (names.has(name) !== wanted) return { kind: "denied", reason: path };
      }
      return undefined;
    },
  };
}

/** What of it is about system accounts by their number alone (BLOCK_UID): for sending, where the files say nothing. */
export function uidAdmission(settings: () => Pick<Settings, "pop3">): Admission {
  return {
    refusal({ source, uid }) {
      const { blockUid } = settings().pop3;
      return source === "system" && uid !== undefined && uid <= blockUid
        ? { kind: "blocked-uid", below: blockUid, reason: `user id ${uid}` }
        : undefined;
    },
  };
}

/** A name a line; `#` begins a comment. */
function readNames(file: string): ReadonlySet<string> {
  const data = readFileSync(file);
  if (data.includes(0)) throw new ConfigError(file, 0, "holds NUL octets: is no list of names");
  const words = data
    .toString("utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim().toLowerCase());
  return new Set(words.filter((word) => word !== ""));
}
