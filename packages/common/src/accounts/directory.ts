/**
 * Accounts of a directory: LDAP or Active Directory, asked by bind.
 *
 * An entry is looked for with `ldap.filter`; whose password is to be checked is bound as that entry, on a connection of its
 * own. Which names there are is remembered for `ldap.remember`; no password is ever, so that a changed one counts at once.
 * A directory that does not answer leaves everything open: nobody is unknown then, and no password wrong.
 */
import { randomBytes } from "node:crypto";
import type { Entry } from "ldapts";
import type { Clock, Timer } from "../clock.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { LoginTurns } from "../login/login-turns.ts";
import type { LdapSettings } from "../settings/roaming-settings.ts";
import type { Site } from "../site.ts";
import { AccountsUnavailable } from "./account-errors.ts";
import { accountNameFault } from "./account-name.ts";
import type { Account } from "./accounts.ts";
import { connectLdap, type LdapConnection, type LdapParts, searchBinding } from "./ldap-connection.ts";
import { filterFault, filterFor } from "./ldap-filter.ts";

/** A directory's accounts, as {@link openAccounts} asks for them. Names are in lower case. */
export interface Directory {
  /** What was found out about a name a short while ago. */
  remembered(name: string): Account | undefined;
  /** @throws AccountsUnavailable */
  lookUp(name: string): Promise<Account | undefined>;
  /**
   * Whether the password is right. A name that is not there takes the same steps.
   *
   * @param whose the account that the name was found to be, which it must still be
   * @throws AccountsUnavailable
   */
  check(name: string, password: string, whose: string): Promise<boolean>;
  /** Ends the connection that is kept; from now on there is one for each question. */
  close(): Promise<void>;
}

/** ms that it is remembered at most that a name is not there: somebody may just have been added. */
const REMEMBER_NOBODY = 10_000;
/** ms within which {@link Directory.remembered} has what was looked up, whatever the settings say. */
const JUST_NOW = 10_000;
/** Names remembered. */
const NAMES = 20_000;
/** ms without a question after which a kept connection ends. */
const IDLE = 60_000;
/** ms without a try after the first failure in a row, and at most. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;
/** Passwords checked at once, half as many of those who have failed lately; further ones wait. */
const BINDS = 16;
/** Longest name that is asked for. */
const LONGEST_NAME = 320;

/** How a directory refuses a password, by ldapts' names: RFC 4511 results 48, 49, 32, 34. */
const WRONG: ReadonlySet<string> = new Set([
  "InappropriateAuthError",
  "InvalidCredentialsError",
  "NoSuchObjectError",
  "InvalidDNSyntaxError",
]);

interface Known {
  readonly account: Account | undefined;
  readonly freshUntil: number;
  readonly until: number;
}

/**
 * Opens a directory; nothing is connected to yet.
 *
 * @throws ConfigError for settings that can not be used
 */
export function openDirectory(
  site: Site,
  settings: LdapSettings,
  parts: { onFault: (fault: ConfigError) => void; clock: Clock; lasting: boolean },
): Directory {
  const fault = settingsFault(settings);
  if (fault !== undefined) throw new ConfigError(site.settingsFile, 0, fault);
  return new LdapDirectory({ site, settings, clock: parts.clock }, parts);
}

class LdapDirectory implements Directory {
  readonly #parts: LdapParts;
  readonly #onFault: (fault: ConfigError) => void;
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<Account | undefined>>();
  #lasting: boolean;
  #connection: Promise<LdapConnection> | undefined;
  #questions = 0;
  #idle: Timer | undefined;
  #failures = 0;
  #nextTry = 0;
  #failure = "";
  readonly #binds = new LoginTurns(BINDS, BINDS / 2);

  constructor(parts: LdapParts, around: { onFault: (fault: ConfigError) => void; lasting: boolean }) {
    this.#parts = parts;
    this.#onFault = around.onFault;
    this.#lasting = around.lasting;
  }

  remembered(name: string): Account | undefined {
    const known = this.#known.get(name);
    return known === undefined || known.until <= this.#parts.clock.now() ? undefined : known.account;
  }

  lookUp(name: string): Promise<Account | undefined> {
    const known = this.#known.get(name);
    if (known !== undefined && known.freshUntil > this.#parts.clock.now())
      return Promise.resolve(known.account);
    let asking = this.#asking.get(name);
    if (asking === undefined) {
      asking = this.#find(name)
        .then((found) => found?.account)
        .finally(() => this.#asking.delete(name));
      this.#asking.set(name, asking);
    }
    return asking;
  }

  async check(name: string, password: string, whose: string): Promise<boolean> {
    // The entry may have been moved, or taken out of what the filter finds, since it was looked up.
    const found = await this.#find(name);
    const nobody = `cn=${randomBytes(12).toString("hex")},${this.#parts.settings.base}`;
    // Without a password it would be no question at all: a directory says yes to it (RFC 4513 section 5.1.2).
    const usable = password !== "" && !password.includes("\0");
    const dn = found === undefined || !usable ? nobody : found.dn;
    const right = await this.#bindInTurn(dn, usable ? password : "-");
    return right && found?.account.name === whose && usable;
  }

  close(): Promise<void> {
    this.#lasting = false;
    this.#idle?.cancel();
    if (this.#questions === 0) this.#hangUp();
    return Promise.resolve();
  }

  async #find(name: string): Promise<{ account: Account; dn: string } | undefined> {
    const { clock, settings } = this.#parts;
    const entries = name === "" || name.length > LONGEST_NAME ? [] : await this.#search(name);
    const found = this.#accountOf(name, entries);
    const now = clock.now();
    const remember = found === undefined ? Math.min(settings.remember, REMEMBER_NOBODY) : settings.remember;
    const known = {
      account: found?.account,
      freshUntil: now + remember,
      until: now + Math.max(remember, JUST_NOW),
    };
    // By the name of its mailbox too: an entry may be found by several names.
    for (const key of new Set([name, ...(found === undefined ? [] : [found.account.name])])) {
      this.#known.delete(key);
      this.#known.set(key, known);
    }
    for (const [oldest, { until }] of this.#known) {
      if (this.#known.size <= NAMES && until > now) break;
      this.#known.delete(oldest);
    }
    return found;
  }

  #accountOf(name: string, entries: readonly Entry[]): { account: Account; dn: string } | undefined {
    const { site, settings } = this.#parts;
    const fault = (text: string) => {
      this.#onFault(new ConfigError(site.settingsFile, 0, `ldap: ${text}`));
      return undefined;
    };
    const [entry] = entries;
    if (entry === undefined) return undefined;
    if (entries.length > 1) return fault(`${JSON.stringify(name)} is more than one entry: nobody's mailbox`);
    const value = valuesOf(entry, settings.nameAttribute)
      .map((text) => text.toLowerCase())
      .sort((a, b) => Number(b === name) - Number(a === name))[0];
    if (value === undefined) return fault(`${entry.dn} has no ${settings.nameAttribute}: it gets no mailbox`);
    const nameFault = accountNameFault(value);
    if (nameFault !== undefined) return fault(`${entry.dn}: ${nameFault}`);
    return { account: { name: value, source: "ldap" }, dn: entry.dn };
  }

  async #search(name: string): Promise<Entry[]> {
    const { settings } = this.#parts;
    this.#questions++;
    this.#idle?.cancel();
    try {
      return await this.#asked(filterFor(settings.filter, name));
    } finally {
      this.#questions--;
      if (this.#questions === 0) this.#rest();
    }
  }

  async #asked(filter: string): Promise<Entry[]> {
    const { settings, clock } = this.#parts;
    // A connection that was kept may have ended unseen: one more try on a new one tells.
    for (const kept of [true, false]) {
      const opened = this.#connection;
      if (kept && opened === undefined) continue;
      if (!kept && clock.now() < this.#nextTry) throw new AccountsUnavailable(this.#failure);
      try {
        const connection = await (this.#connection ??= this.#connect());
        const entries = await connection.search(filter, [settings.nameAttribute]);
        this.#failures = 0;
        return entries;
      } catch (error) {
        if (this.#connection === opened || !kept) this.#hangUp();
        if (!kept) throw this.#failed(error);
      }
    }
    throw new AccountsUnavailable(this.#failure);
  }

  async #connect(): Promise<LdapConnection> {
    const binding = searchBinding(this.#parts);
    const connection = await connectLdap(this.#parts);
    if (binding === undefined) return connection;
    try {
      await connection.bind(binding);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Counts a failure; until a while has passed the next question fails without a try. */
  #failed(error: unknown): AccountsUnavailable {
    const { clock, settings } = this.#parts;
    this.#failure =
      error instanceof AccountsUnavailable
        ? error.message
        : `${settings.url}: ${nameOf(error)}: ${messageOf(error)}`;
    this.#nextTry = clock.now() + Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#failures, 10));
    this.#failures++;
    return new AccountsUnavailable(this.#failure, { cause: error });
  }

  #rest(): void {
    if (!this.#lasting) this.#hangUp();
    else this.#idle = this.#parts.clock.after(IDLE, () => this.#hangUp());
  }

  #hangUp(): void {
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.then(
      (opened) => opened.close(),
      () => undefined,
    );
  }

  async #bindInTurn(dn: string, password: string): Promise<boolean> {
    await this.#binds.take();
    try {
      return await this.#bind(dn, password);
    } finally {
      this.#binds.leave();
    }
  }

  async #bind(dn: string, password: string): Promise<boolean> {
    let connection: LdapConnection | undefined;
    try {
      connection = await connectLdap(this.#parts);
      await connection.bind({ dn, password });
      return true;
    } catch (error) {
      if (WRONG.has(nameOf(error))) return false;
      throw error instanceof AccountsUnavailable
        ? error
        : new AccountsUnavailable(`${this.#parts.settings.url}: ${messageOf(error)}`, { cause: error });
    } finally {
      connection?.close();
    }
  }
}

function settingsFault({ url, startTls, base, filter, nameAttribute }: LdapSettings): string | undefined {
  const protocol = URL.canParse(url) ? new URL(url).protocol : "";
  if (protocol !== "ldap:" && protocol !== "ldaps:")
    return `ldap.url: ${JSON.stringify(url)} is neither ldap://HOST nor ldaps://HOST`;
  if (startTls && protocol === "ldaps:") return "ldap.startTls: ldaps:// is encrypted already";
  if (base === "") return "ldap.base: where to look is needed, such as dc=example,dc=com";
  if (nameAttribute === "") return "ldap.nameAttribute: an attribute is needed, such as uid";
  const fault = filterFault(filter);
  return fault === undefined ? undefined : `ldap.filter: ${JSON.stringify(filter)} ${fault}`;
}

/** The values of an attribute, whose case does not matter. */
function valuesOf(entry: Entry, attribute: string): string[] {
  const key = Object.keys(entry).find((name) => name.toLowerCase() === attribute.toLowerCase());
  if (key === undefined || key === "dn") return [];
  return [entry[key]].flat().map(String);
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.constructor.name : "";
}
