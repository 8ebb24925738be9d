/**
 * Every option of a Qpopper 4.1 configuration file: what it takes, where it may stand, and what it means to mailhost. The
 * flags of `popper` mean the same rows.
 */
import type { OptionValue, ValueRule } from "./option-kinds.ts";
import { TLS_OPTIONS } from "./tls-rows.ts";
import { UNUSED_OPTIONS } from "./unused-rows.ts";

/** What an option writes its meaning into. */
export interface Effects {
  /** Gives a setting by its path in mailhost.yaml. */
  set(path: string, value: unknown): void;
  /** Something that the administrator should know; `harmless`: he need do nothing. */
  note(text: string, harmless?: "harmless"): void;
  /** Something that keeps the file from being used. */
  fault(reason: string): void;
  /** The path of a file or folder as settings hold it: below the site root, or as it stands on a command line. */
  path(text: string): string;
}

/** One option. */
export interface QpopperOption extends ValueRule {
  readonly name: string;
  /**
   * Where it may stand. `anywhere`: in the options of a user too. `not-by-users`: not in `~/.qpopper-options` (Qpopper's
   * CfgResUser, and what could make the server read or write files of others). `at-start`: in no options of a user or of
   * the spool (CfgResInit, and what is settled before somebody has logged in).
   */
  readonly where: "anywhere" | "not-by-users" | "at-start";
  apply(value: OptionValue, effects: Effects): void;
}

/** An option that is one of our settings. */
function setting(
  name: string,
  path: string,
  rule: ValueRule,
  where: QpopperOption["where"],
  meaning: (value: OptionValue) => unknown = (value) => value,
): QpopperOption {
  return { name, ...rule, where, apply: (value, effects) => effects.set(path, meaning(value)) };
}

/** An option that is the path of a file or folder. */
function file(name: string, path: string, where: QpopperOption["where"]): QpopperOption {
  return {
    name,
    kind: "string",
    where,
    apply: (value, effects) => effects.set(path, effects.path(String(value))),
  };
}

const SECOND = 1000;
const flag: ValueRule = { kind: "boolean" };
const text: ValueRule = { kind: "string" };
/** A week: Qpopper has no bound, a timer has. */
const seconds: ValueRule = { kind: "integer", min: 1, max: 604_800 };
const inSeconds = (value: OptionValue) => Number(value) * SECOND;
/** LogLevel at which debug lines are written. */
const DEBUG_LEVEL = 14;

const IN_FORCE: readonly QpopperOption[] = [
  setting("announce-expire", "pop3.announceExpire", { kind: "integer", max: 36_500 }, "anywhere"),
  setting(
    "announce-login-delay",
    "pop3.announceLoginDelay",
    { kind: "integer", max: 604_800 },
    "anywhere",
    inSeconds,
  ),
  file("auth-file", "pop3.authFile", "at-start"),
  setting("auto-delete", "pop3.autoDelete", flag, "not-by-users"),
  setting("bulldb-nonfatal", "bulletins.optional", flag, "anywhere"),
  file("bulldir", "bulletins.folder", "not-by-users"),
  setting(
    "clear-text-password",
    "pop3.clearTextPassword",
    { kind: "mnemonic", words: ["default", "never", "TLS", "SSL", "always", "local"] },
    "at-start",
    (word) => (word === "TLS" || word === "SSL" ? "tls" : word),
  ),
  {
    name: "debug",
    kind: "boolean",
    where: "at-start",
    apply(on, effects) {
      if (on === true) effects.set("log.level", DEBUG_LEVEL);
    },
  },
  {
    name: "drac-host",
    kind: "string",
    where: "at-start",
    apply(host, effects) {
      effects.set("drac.enabled", true);
      if (!/^(?:localhost(?:\.localdomain)?|127\.0\.0\.1|::1)$/i.test(String(host)))
        effects.note(
          `drac-host: mailhost keeps the table itself (drac.enabled) and tells ${String(host)} nothing; send mail through this host`,
        );
    },
  },
  setting("group-bulletins", "bulletins.groups", flag, "not-by-users"),
  setting("hash-spool", "mailbox.hashSpool", { kind: "integer", max: 2 }, "at-start"),
  {
    name: "home-dir-mail",
    kind: "string",
    where: "at-start",
    apply(name, effects) {
      if (/^[^/]+$/.test(String(name)) && name !== "." && name !== "..")
        effects.set("mailbox.homeFile", name);
      else
        effects.fault(
          `home-dir-mail: expected the plain name of a file, such as Mailbox, found ${JSON.stringify(name)}`,
        );
    },
  },
  setting("log-login", "pop3.logLogin", text, "at-start"),
  setting("mail-command", "pop3.mailCommand", text, "not-by-users"),
  setting("max-bulletins", "bulletins.max", { kind: "integer", max: 1_000_000 }, "anywhere"),
  file("nonauth-file", "pop3.nonauthFile", "at-start"),
  {
    name: "old-style-uid",
    kind: "boolean",
    where: "at-start",
    apply(on, effects) {
      if (on === true) effects.set("pop3.uidFormat", "qpopper");
    },
  },
  setting("reverse-lookup", "pop3.reverseLookup", flag, "at-start"),
  setting("shy", "pop3.shy", flag, "at-start"),
  file("spool-dir", "mailbox.folder", "at-start"),
  setting("spool-options", "pop3.spoolOptions", flag, "at-start"),
  setting("statistics", "pop3.stats", flag, "anywhere"),
  setting("timeout", "pop3.timeout", seconds, "anywhere", inSeconds),
  setting("timing", "pop3.timing", flag, "anywhere"),
  file("tracefile", "pop3.traceFile", "not-by-users"),
  setting("trim-domain", "pop3.trimDomain", flag, "at-start"),
  setting("update-on-abort", "pop3.updateOnAbort", flag, "anywhere"),
  setting("update-status-headers", "pop3.updateStatusHeaders", flag, "anywhere"),
  setting("user-options", "pop3.userOptions", flag, "at-start"),
];

/** Names the file that is read at this place; the reader of files deals with it. */
export const CONFIG_FILE = "config-file";

/** All options, `config-file` left out, in the order of their names. */
export const QPOPPER_OPTIONS: readonly QpopperOption[] = [
  ...IN_FORCE,
  ...TLS_OPTIONS,
  ...UNUSED_OPTIONS,
].toSorted((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));

/** Every name, as a message lists them. */
export const OPTION_NAMES: readonly string[] = [
  ...QPOPPER_OPTIONS.map(({ name }) => name),
  CONFIG_FILE,
].toSorted((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));

/** The option of a name; its case does not matter. */
export function qpopperOption(name: string): QpopperOption | undefined {
  const key = name.toLowerCase();
  return QPOPPER_OPTIONS.find((option) => option.name.toLowerCase() === key);
}
