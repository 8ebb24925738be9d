/**
 * The secrets that are in force: looked up by account name, current at once when another process changed the database.
 *
 * A database of wrong mode gives nothing out. One that became damaged, or unreadable, changes nothing: what was read last
 * stays in force, and the fault is told; where nothing was ever read it is `unusable`, and nobody must be let in on the
 * assumption that it holds no secret of theirs.
 */
import type { ConfigError } from "../errors.ts";
import type { Site } from "../site.ts";
import { type Following, followFile } from "./followed-file.ts";
import { type PopauthFile, readPopauth } from "./popauth-file.ts";
import type { Secrets } from "./popauth-format.ts";

/** What can be said of the database now. */
export type PopauthState =
  /** There is none: neither APOP nor CRAM-MD5 is offered. */
  | { readonly kind: "absent" }
  | { readonly kind: "ready"; readonly count: number }
  /** Its mode, such as 0o644. */
  | { readonly kind: "wrong-mode"; readonly mode: number }
  | { readonly kind: "unusable" };

/** The secrets of a site. */
export interface PopauthSecrets {
  state(): PopauthState;
  /** The secret of an account, whose name's case does not matter; undefined too when the state is not `ready`. */
  find(name: string): Buffer | undefined;
  /** Faults of the file as it is now. */
  faults(): readonly ConfigError[];
}

/**
 * Opens the secrets; the file need not be there.
 *
 * @param following.onFault told of each fault once, as it comes up
 */
export function openPopauthSecrets(
  site: Site,
  following: Following = { onFault: () => undefined },
): PopauthSecrets {
  const absent: PopauthFile = { kind: "absent" };
  let good: Secrets | undefined;
  const file = followFile<PopauthFile>(site.popauthFile, {
    ...following,
    empty: absent,
    read: () => {
      const found = readPopauth(site.popauthFile);
      if (found.kind === "secrets") good = found.secrets;
      return { value: found, faults: "fault" in found ? [found.fault] : [] };
    },
  });
  const inForce = (): Secrets | undefined => {
    const found = file.current();
    // Once it was taken away for good, its secrets are too.
    if (found.kind === "absent") good = undefined;
    return found.kind === "wrong-mode" ? undefined : good;
  };
  return {
    state() {
      const found = file.current();
      if (found.kind === "wrong-mode") return { kind: "wrong-mode", mode: found.mode };
      if (found.kind === "absent") return { kind: "absent" };
      const secrets = inForce();
      return secrets === undefined ? { kind: "unusable" } : { kind: "ready", count: secrets.size };
    },
    find: (name) => inForce()?.get(name.toLowerCase()),
    faults() {
      file.current();
      return file.faults();
    },
  };
}
