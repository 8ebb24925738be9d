/**
 * Who checks the passwords of the system's accounts: PAM, or etc/shadow.
 *
 * Both are for root. A process that is not asks the helper that `mailhost start` leaves as root behind it
 * (password-helper.ts); `popper` from inetd, and servers that stay root, check themselves.
 */
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../clock.ts";
import type { ConfigError } from "../errors.ts";
import { LoginTurns } from "../login/login-turns.ts";
import type { SystemSettings } from "../settings/roaming-settings.ts";
import type { Settings } from "../settings/settings.ts";
import type { Site } from "../site.ts";
import { AccountsUnavailable } from "./account-errors.ts";
import type { Account } from "./accounts.ts";
import { askPasswordHelper } from "./password-helper-client.ts";

/** Checks passwords of system accounts. */
export interface SystemPasswords {
  /**
   * Whether the password is right, and its account may log in at all.
   *
   * @throws AccountsUnavailable when it can not be said now
   */
  check(name: string, password: string): Promise<boolean>;
}

/** How passwords are checked at a site. */
export type PasswordsWay =
  | { readonly kind: "pam"; readonly service: string }
  | { readonly kind: "shadow"; readonly file: string }
  /** Nobody logs in with a system's password; why. */
  | { readonly kind: "none"; readonly reason: string };

/** Shells of accounts that may not log in, as Debian, Red Hat and the BSDs have them. */
const NO_LOGIN = /\/(?:nologin|false)$/;

/**
 * Whether an account may log in, by whatever proof, as far as its shell and its dates say. Those of etc/mail/users and of
 * directories need no shell.
 */
export function hasLogin({ source, shell = "", expired }: Account): boolean {
  return expired !== true && (source !== "system" || !NO_LOGIN.test(shell));
}

/** Decides by what is there. */
export function passwordsWay(site: Site, { passwords, pamService }: SystemSettings): PasswordsWay {
  const own = existsSync(join(site.root, "etc/passwd"));
  const shadow = own ? join(site.root, "etc/shadow") : "/etc/shadow";
  const service = join("/etc/pam.d", pamService);
  const readable = /^[A-Za-z0-9._-]+$/.test(pamService) && existsSync(service);
  switch (passwords) {
    case "none":
      return { kind: "none", reason: "system.passwords is none" };
    case "pam":
      return readable
        ? { kind: "pam", service: pamService }
        : { kind: "none", reason: `system.passwords is pam, and there is no ${service}` };
    case "shadow":
      return { kind: "shadow", file: shadow };
    case "auto": {
      // PAM knows the machine's accounts, and not those of a root of its own.
      const isMachine = site.root === "/" || !own;
      if (isMachine && readable && hasKoffi()) return { kind: "pam", service: pamService };
      return existsSync(shadow)
        ? { kind: "shadow", file: shadow }
        : { kind: "none", reason: `there is neither ${service} nor ${shadow}` };
    }
  }
}

/**
 * The same for a host that is started by somebody who is not root: no helper stays root for it, so a file that only root may
 * read is nobody's to check by. Not said, a name that is not there would be answered otherwise than a wrong password, and
 * guessing at names would cost nothing.
 */
export function passwordsWayWithoutRoot(site: Site, settings: SystemSettings): PasswordsWay {
  const way = passwordsWay(site, settings);
  return way.kind !== "shadow" || mayRead(way.file)
    ? way
    : { kind: "none", reason: `${way.file} is closed to who starts the host; start it as root` };
}

/** Settings by which nobody is asked who could not answer, for a server that is started by somebody who is not root. */
export function settingsWithoutRoot<S extends Pick<Settings, "accounts" | "system">>(
  site: Site,
  settings: S,
): S {
  const { kind } = passwordsWayWithoutRoot(site, settings.system);
  if (kind !== "none" || !settings.accounts.includes("system")) return settings;
  return { ...settings, system: { ...settings.system, passwords: "none" } };
}

/** What is checked with. */
export interface SystemPasswordsParts {
  readonly onFault: (fault: ConfigError) => void;
  readonly clock: Clock;
  /** The account of a name in lower case. */
  readonly accountOf: (name: string) => Account | undefined;
  /** Whether this is the helper, which has nobody else to ask. */
  readonly isHelper?: boolean;
}

/** Opens the way to the passwords; undefined where nobody checks any. */
export function openSystemPasswords(
  site: Site,
  settings: SystemSettings,
  parts: SystemPasswordsParts,
): SystemPasswords | undefined {
  const way = passwordsWay(site, settings);
  if (way.kind === "none") return undefined;
  const asksHelper =
    parts.isHelper !== true &&
    process.getuid?.() !== 0 &&
    (way.kind === "shadow" ? !mayRead(way.file) : existsSync(site.passwordSocket));
  const ask = asksHelper
    ? inTurn(turnsAtHelper(way.kind), (name, password) => askPasswordHelper(site, name, password))
    : way.kind === "shadow"
      ? shadowCheck(way.file, parts)
      : inTurn(ownTurns(), pamCheck(way.service));
  return {
    async check(name, password) {
      const account = parts.accountOf(name);
      // The question is asked all the same: whether an account is there shows in no answer's time.
      return (await ask(name, password)) && account !== undefined && hasLogin(account);
    },
  };
}

type Ask = (name: string, password: string) => Promise<boolean>;

/** Threads that files and PAM share; libuv reads the same variable. */
const THREADS = Math.max(1, Number(process.env.UV_THREADPOOL_SIZE ?? 4) || 4);

/**
 * Questions at once from one server to the helper: what it can work on when both ask, and few of those whose passwords will be
 * wrong, as PAM waits two seconds behind each.
 */
function turnsAtHelper(kind: "pam" | "shadow"): LoginTurns {
  return kind === "pam" ? new LoginTurns(8, 4) : new LoginTurns(4, 2);
}

/** PAM in our own threads: one is left to passwords of etc/mail/users, one to those who read mail. */
function ownTurns(): LoginTurns {
  const atOnce = Math.max(1, THREADS - 2);
  return new LoginTurns(atOnce, Math.max(1, Math.floor(atOnce / 2)));
}

/** Who guesses waits behind others here too, and takes no more than some places. */
function inTurn(turns: LoginTurns, ask: Ask): Ask {
  return async (name, password) => {
    await turns.take();
    try {
      return await ask(name, password);
    } finally {
      turns.leave();
    }
  };
}

/** Libraries of hashes are loaded for the first password. */
function shadowCheck(file: string, parts: SystemPasswordsParts) {
  let opened: Promise<(name: string, password: string) => Promise<boolean>> | undefined;
  return async (name: string, password: string): Promise<boolean> => {
    opened ??= import("./shadow-passwords.ts").then(({ openShadow }) => openShadow(file, parts));
    return await (await opened)(name, password);
  };
}

function pamCheck(service: string) {
  let loaded: Promise<import("./pam.ts").Pam | string> | undefined;
  return async (name: string, password: string): Promise<boolean> => {
    loaded ??= import("./pam.ts").then(({ loadPam }) => loadPam());
    const pam = await loaded;
    if (typeof pam === "string") throw new AccountsUnavailable(`PAM: ${pam}`);
    // Modules get names that could be a system's, and others in the shape of one.
    const user = /^[a-z_][a-z0-9._-]{0,31}$/.test(name) ? name : "nobody-is-called-this";
    const usable = password !== "" && password.length <= 1024 && !password.includes("\0");
    const right = await pam.check(service, user, usable ? password : "-");
    return right && usable && user === name;
  };
}

function hasKoffi(): boolean {
  try {
    import.meta.resolve("koffi");
    return true;
  } catch {
    return false;
  }
}

function mayRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
