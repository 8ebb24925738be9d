/**
 * popper's command line: Qpopper's address and flags, and ours with two dashes. Pure.
 *
 * Flags are getopt's: they may be joined (`-sS`), an argument may stand behind its flag or in the next word. Most are another
 * way to write an option of the configuration file, and mean the same; they count in the order in which they stand.
 */
import { isIP, isIPv4, isIPv6 } from "node:net";
import { CONFIG_FILE } from "@mailhost/common/settings/qpopper/option-rows";
import type { ListenAddress } from "@mailhost/common/settings/settings";

/** What is done. */
export type PopperAction = "serve" | "help" | "version" | "explain" | "verify";

/** An option that a flag stands for. */
export interface PopperOption {
  /** `-T 120`. */
  readonly flag: string;
  /** Its name in a configuration file. */
  readonly name: string;
  readonly value: string;
}

/** What was asked for. */
export interface PopperOrder {
  readonly action: PopperAction;
  /** Where to listen; absent: serve what is on descriptor 0, or listen where the settings say. */
  readonly address?: ListenAddress;
  readonly options: readonly PopperOption[];
  /** Flags that do nothing here, with what to know. */
  readonly notes: readonly string[];
  /** Connections are encrypted from their first octet (-l 2). */
  readonly encrypted: boolean;
  readonly root?: string;
  /** Whose mailbox is verified. */
  readonly user?: string;
  readonly json: boolean;
}

/** The order, or what is wrong with the command line. */
export type PopperFlagsRead =
  | { readonly ok: true; readonly order: PopperOrder }
  | { readonly ok: false; readonly reason: string };

/** Port of POP3, and of POP3 with TLS from the first octet. */
const POP3 = 110;
const POP3S = 995;

/** Flags without an argument that are options of the file. */
const SWITCHES: Readonly<Record<string, readonly [name: string, value: string]>> = {
  B: ["bulldb-nonfatal", "true"],
  c: ["downcase-user", "true"],
  C: ["trim-domain", "true"],
  d: ["debug", "true"],
  F: ["fast-update", "true"],
  k: ["kerberos", "true"],
  R: ["reverse-lookup", "false"],
  s: ["statistics", "true"],
  S: ["server-mode", "true"],
  u: ["user-options", "true"],
  U: ["spool-options", "true"],
};

/** Flags with one. */
const VALUED: Readonly<Record<string, string>> = {
  b: "bulldir",
  D: "drac-host",
  f: CONFIG_FILE,
  K: "kerberos-service",
  L: "mail-lock-check",
  t: "tracefile",
  T: "timeout",
  y: "log-facility",
};

const CLEAR_TEXT = ["default", "never", "always", "local", "tls"];
const TLS_SUPPORT = ["none", "STLS", "alternate-port"];

class Draft {
  action: PopperAction = "serve";
  readonly options: PopperOption[] = [];
  readonly notes: string[] = [];
  readonly operands: string[] = [];
  encrypted = false;
  json = false;
  root: string | undefined;
  user: string | undefined;
}

/** Reads the words behind `popper`. */
export function readPopperFlags(args: readonly string[]): PopperFlagsRead {
  const draft = new Draft();
  for (let i = 0; i < args.length; i++) {
    const word = args[i]!;
    if (word === "--") {
      draft.operands.push(...args.slice(i + 1));
      break;
    }
    if (!word.startsWith("-") || word === "-") draft.operands.push(word);
    else {
      const taken = word.startsWith("--")
        ? longOption(word, args[i + 1], draft)
        : shortFlags(word, args[i + 1], draft);
      if (typeof taken === "string") return { ok: false, reason: taken };
      i += taken;
    }
  }
  return finish(draft);
}

/** Returns how many further words were taken, or what is wrong. */
function longOption(word: string, next: string | undefined, draft: Draft): number | string {
  const [name = "", ...rest] = word.slice(2).split("=");
  const given = rest.length > 0 ? rest.join("=") : undefined;
  switch (name) {
    case "help":
    case "version":
    case "explain":
      draft.action = name;
      return 0;
    case "json":
      draft.json = true;
      return 0;
    case "root":
    case "verify": {
      const value = given ?? next;
      if (value === undefined || value === "") return `--${name} needs an argument`;
      if (name === "root") draft.root = value;
      else {
        draft.action = "verify";
        draft.user = value;
      }
      return given === undefined ? 1 : 0;
    }
    default:
      return `unknown option --${name}`;
  }
}

function shortFlags(word: string, next: string | undefined, draft: Draft): number | string {
  for (let at = 1; at < word.length; at++) {
    const letter = word[at]!;
    const plain = SWITCHES[letter];
    if (plain !== undefined) {
      draft.options.push({ flag: `-${letter}`, name: plain[0], value: plain[1] });
    } else if (letter === "v") draft.action = "version";
    else if (letter === "V" || letter === "x") {
      draft.notes.push(`-${letter}: a flag of Qpopper 4.1 that does nothing here`);
    } else if (Object.hasOwn(VALUED, letter) || "elp".includes(letter)) {
      const attached = word.slice(at + 1);
      const value = attached === "" ? next : attached;
      // "popper -b --explain" is to look, and must not begin to serve.
      if (value === undefined || value === "" || value.startsWith("--"))
        return `flag -${letter} needs an argument`;
      const fault = valuedFlag(letter, value, draft);
      return fault ?? (attached === "" ? 1 : 0);
    } else return `unknown flag -${letter}`;
  }
  return 0;
}

/** Returns what is wrong with the argument. */
function valuedFlag(letter: string, value: string, draft: Draft): string | undefined {
  const option = (name: string, text: string) =>
    void draft.options.push({ flag: `-${letter} ${value}`, name, value: text });
  if (letter === "e") return announcements(value, option);
  if (letter === "p" || letter === "l") {
    const words = letter === "p" ? CLEAR_TEXT : TLS_SUPPORT;
    const word = /^\d$/.test(value) ? words[Number(value)] : undefined;
    if (word === undefined) return `-${letter} ${value}: expected a number from 0 to ${words.length - 1}`;
    if (letter === "l") draft.encrypted = word === "alternate-port";
    // What alternate-port asks for is done.
    if (word !== "alternate-port") option(letter === "p" ? "clear-text-password" : "tls-support", word);
    return undefined;
  }
  option(VALUED[letter]!, value);
  return undefined;
}

/** `login_delay=60,expire=30`. */
function announcements(text: string, option: (name: string, value: string) => void): string | undefined {
  for (const part of text.split(",")) {
    const [, name = "", value = ""] = /^(\w+)=(\d+)$/.exec(part) ?? [];
    if (name.toLowerCase() === "login_delay") option("announce-login-delay", value);
    else if (name.toLowerCase() === "expire") option("announce-expire", value);
    else return `-e ${text}: expected login_delay=SECONDS, expire=DAYS or both with a comma`;
  }
  return undefined;
}

function finish(draft: Draft): PopperFlagsRead {
  const [first, ...more] = draft.operands;
  if (more.length > 0) return { ok: false, reason: `${more[0]}: one address is enough` };
  const address = first === undefined ? undefined : readAddress(first, draft.encrypted ? POP3S : POP3);
  if (first !== undefined && address === undefined) {
    const reason = `${first}: expected an address, a port, or both: 110, 192.0.2.1:110, [2001:db8::1]:110`;
    return { ok: false, reason };
  }
  const { action, options, notes, encrypted, json, root, user } = draft;
  return {
    ok: true,
    order: {
      action,
      options,
      notes,
      encrypted,
      json,
      ...(address === undefined ? {} : { address }),
      ...(root === undefined ? {} : { root }),
      ...(user === undefined ? {} : { user }),
    },
  };
}

/** `[ADDR][:][PORT]`; an IPv6 address stands in brackets when a port follows. */
export function readAddress(text: string, usual: number): ListenAddress | undefined {
  if (isIPv6(text)) return { host: text, port: usual };
  const match = /^(?:\[([^\]]+)\]|(\d+\.\d+\.\d+\.\d+))?(?::?(\d{1,5}))?$/.exec(text);
  if (match === null || text === "") return undefined;
  const [, six, four, digits] = match;
  const port = digits === undefined ? usual : Number(digits);
  if (port > 65_535 || (six !== undefined && !isIPv6(six)) || (four !== undefined && !isIPv4(four)))
    return undefined;
  const host = six ?? four ?? "0.0.0.0";
  return isIP(host) === 0 ? undefined : { host, port };
}
