/**
 * The people who have a mailbox here: those of etc/mail/users, the system's, and a directory's, in the order of the settings.
 *
 * The files are looked at whenever they may have changed, and read again when they have. A users file that has become
 * unreadable, or readable for others, changes nothing: the last good one stays in force. A directory is asked over the
 * network (ldap-directory.ts), the passwords of the system's accounts by PAM or from shadow(5) (system-passwords.ts).
 */
import { type Clock, systemClock } from "../clock.ts";
import type { ConfigError } from "../errors.ts";
import type { FileWatch } from "../fs/file-watch.ts";
import type { AccountSource, LdapSettings, SystemSettings } from "../settings/roaming-settings.ts";
import type { Site } from "../site.ts";
import { type Directory, openDirectory } from "./directory.ts";
import { Decoys, openFileAccounts } from "./file-accounts.ts";
import { followPasswd } from "./passwd-following.ts";
import { openSystemPasswords, type SystemPasswords } from "./system-passwords.ts";

export { AccountsUnavailable } from "./account-errors.ts";

/** One account. */
export interface Account {
  /** In lower case. */
  readonly name: string;
  /** `file`: etc/mail/users. `system`: the system's own accounts. `ldap`: a directory's. */
  readonly source: AccountSource;
  readonly uid?: number;
  readonly gid?: number;
  readonly home?: string;
  /** The login shell as passwd(5) has it; empty or absent: /bin/sh. */
  readonly shell?: string;
  /** The account or its password has expired, by its line of etc/mail/users: mail comes in, nobody logs in. */
  readonly expired?: true;
}

/** All accounts of a site, always current. */
export interface Accounts {
  /** The account of a name; its case does not matter. Of a directory's, those that {@link lookUp} found a short while ago. */
  find(name: string): Account | undefined;
  /**
   * The account of a name, of whatever source.
   *
   * @throws AccountsUnavailable when the directory does not answer and no source before it knows the name
   */
  lookUp(name: string): Promise<Account | undefined>;
  /** No directory is asked: {@link find} knows all that {@link lookUp} does. */
  readonly asksNobody?: boolean;
  /**
   * The account when the password is right. Unknown names take as long as known ones; a password of etc/mail/users that was
   * right a few minutes ago takes no time. Accounts that are locked, have expired or have no login shell are never right.
   *
   * @throws AccountsUnavailable when whoever knows the password does not answer
   */
  verify(name: string, password: string): Promise<Account | undefined>;
  /** Every name of the files, each once. A directory is not listed. */
  names(): string[];
  /** Whether a domain has users of its own in etc/mail/users: `name@domain`. */
  hasDomain(domain: string): boolean;
}

/** Accounts that also say what is wrong with their files. */
export interface SiteAccounts extends Accounts {
  /** Faults of the files as they are now. */
  faults(): ConfigError[];
  /** Ends connections; those who still wait get an AccountsUnavailable. */
  close(): Promise<void>;
}

/** The settings about accounts. */
export interface AccountsSettings {
  /** Where accounts come from, in order; a name in several is the first one's, with the system's uid and home. */
  readonly accounts: readonly AccountSource[];
  /** Absent: nobody logs in with a system's password. */
  readonly system?: SystemSettings;
  readonly ldap?: LdapSettings;
}

/** What the accounts work with. */
export interface AccountsParts {
  /** Told of faults that come up later, each once. */
  readonly onFault?: (fault: ConfigError) => void;
  /** How long a right password is remembered goes by it. */
  readonly clock?: Clock;
  /** Connections to a directory are kept between questions, until `close`. For servers; a command's end would wait for them. */
  readonly lasting?: boolean;
  /** Says when the files may have changed; absent: they are looked at each time. */
  readonly watch?: FileWatch;
}

/**
 * Opens the accounts of a site.
 *
 * @throws ConfigError when etc/mail/users cannot be read or its mode is too wide, or the directory's settings can not be used
 */
export function openAccounts(
  site: Site,
  { accounts: sources, system: systemSettings, ldap }: AccountsSettings,
  { onFault = () => undefined, clock = systemClock, lasting = false, watch }: AccountsParts = {},
): SiteAccounts {
  const following = { onFault, ...(watch === undefined ? {} : { watch }) };
  const file = sources.includes("file") ? openFileAccounts(site, { ...following, clock }) : undefined;
  const system = sources.includes("system") ? followPasswd(site, following) : undefined;
  const directory: Directory | undefined =
    sources.includes("ldap") && ldap !== undefined && ldap.url !== ""
      ? openDirectory(site, ldap, { onFault, clock, lasting })
      : undefined;
  const passwords: SystemPasswords | undefined =
    system === undefined || systemSettings === undefined
      ? undefined
      : openSystemPasswords(site, systemSettings, {
          onFault,
          clock,
          accountOf: (name) => system.current().get(name),
        });
  const decoys = new Decoys();
  const checkers = {
    file: file === undefined ? undefined : (name: string, password: string) => file.check(name, password),
    system:
      passwords === undefined
        ? undefined
        : (name: string, password: string) => passwords.check(name, password),
    ldap:
      directory === undefined
        ? undefined
        : (name: string, password: string, whose: string) => directory.check(name, password, whose),
  };

  const known = (source: AccountSource, key: string): Account | undefined => {
    if (source === "file") {
      const user = file?.find(key);
      return user && { name: key, source, ...(user.expired ? { expired: true as const } : {}) };
    }
    return source === "system" ? system?.current().get(key) : undefined;
  };
  const whole = (account: Account | undefined): Account | undefined =>
    account === undefined || account.source === "system"
      ? account
      : { ...system?.current().get(account.name), ...account };
  // A directory finds entries by several names: the mailbox of one may be another source's by its own.
  const unlessTaken = (account: Account | undefined): Account | undefined => {
    const before = sources.slice(0, sources.indexOf("ldap"));
    const taken = account !== undefined && before.some((source) => known(source, account.name) !== undefined);
    return taken ? undefined : account;
  };
  const find = (name: string): Account | undefined => {
    const key = name.toLowerCase();
    for (const source of sources) {
      const account = source === "ldap" ? unlessTaken(directory?.remembered(key)) : known(source, key);
      if (account !== undefined) return whole(account);
    }
    return undefined;
  };
  const lookUp = async (name: string): Promise<Account | undefined> => {
    const key = name.toLowerCase();
    for (const source of sources) {
      const account = source === "ldap" ? unlessTaken(await directory?.lookUp(key)) : known(source, key);
      if (account !== undefined) return whole(account);
    }
    return undefined;
  };
  return {
    find,
    lookUp,
    asksNobody: directory === undefined,
    async verify(name, password) {
      const key = name.toLowerCase();
      const account = await lookUp(key);
      const usable = sources.filter((source) => checkers[source] !== undefined);
      const source = account?.source ?? usable[decoys.pick(key, usable.length)];
      // Without anybody to ask, the same work is done as for a wrong password.
      const check = (source === undefined ? undefined : checkers[source]) ?? nobodysCheck;
      // By the name that was given: that of the mailbox may find somebody else's entry.
      const right = await check(key, password, account?.name ?? key);
      return right ? account : undefined;
    },
    names: () => [...new Set([...(file?.names() ?? []), ...(system?.current().keys() ?? [])])],
    hasDomain: (domain) => file?.hasDomain(domain) ?? false,
    faults: () => [...(file?.faults() ?? [])],
    async close() {
      file?.close();
      system?.close();
      await directory?.close();
    },
  };
}

async function nobodysCheck(_name: string, password: string): Promise<boolean> {
  const { verifyPassword } = await import("./password.ts");
  return await verifyPassword(undefined, password);
}
