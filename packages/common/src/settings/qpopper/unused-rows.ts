/**
 * Options of Qpopper that are taken and do nothing here, each with what mailhost does instead.
 */
import type { ValueRule } from "./option-kinds.ts";
import type { QpopperOption } from "./option-rows.ts";

/** mailhost does as well or better without it: nothing has to be done. */
function needless(name: string, rule: ValueRule, instead: string): QpopperOption {
  return {
    name,
    ...rule,
    where: "anywhere",
    apply: (_, effects) => effects.note(`${name}: ${instead}`, "harmless"),
  };
}

/** Whoever relied on it has to do something. */
function gone(name: string, rule: ValueRule, instead: string): QpopperOption {
  return {
    name,
    ...rule,
    where: "not-by-users",
    apply(value, effects) {
      if (value !== false) effects.note(`${name}: ${instead}`);
    },
  };
}

/** An option that is as if it were always on. */
function always(name: string, instead: string): QpopperOption {
  return {
    name,
    kind: "boolean",
    where: "anywhere",
    apply(value, effects) {
      if (value === false) effects.note(`${name} can not be switched off: ${instead}`);
    },
  };
}

const flag: ValueRule = { kind: "boolean" };
const text: ValueRule = { kind: "string" };
const number: ValueRule = { kind: "integer" };

const NO_COPY = "there is no copy of the mailbox to place or keep: sessions work on the mailbox itself";
const ONE_MODE = "every session works on the mailbox itself, as in server mode";

/** They are accepted. */
export const UNUSED_OPTIONS: readonly QpopperOption[] = [
  needless("bulldb-max-tries", number, "a user's progress through the bulletins is never locked by others"),
  needless("cache-dir", text, "the index of each mailbox is in var/lib/mailhost"),
  needless("cache-name", text, "the index of each mailbox is in var/lib/mailhost"),
  needless("check-hash-dir", flag, "sub-folders of the spool are made when they are needed"),
  needless(
    "check-old-spool-loc",
    flag,
    "a temporary drop that Qpopper left in the spool is always taken back; move those of another folder there",
  ),
  gone(
    "check-password-expired",
    flag,
    "the ageing of system passwords is not looked at; lock the account, or name it in nonauth-file",
  ),
  needless(
    "chunky-writes",
    { kind: "mnemonic", words: ["default", "always", "TLS", "SSL", "never"] },
    "replies are gathered and sent in large pieces",
  ),
  always("downcase-user", "names are the same in any case"),
  needless("fast-update", flag, "QUIT changes the mailbox in place and keeps its inode"),
  needless("group-no-server-mode", text, ONE_MODE),
  needless("group-server-mode", text, ONE_MODE),
  needless("keep-temp-drop", flag, NO_COPY),
  gone("kerberos", flag, "Kerberos 4 is no more; use TLS, APOP or AUTH"),
  gone("kerberos-service", text, "Kerberos 4 is no more; use TLS, APOP or AUTH"),
  needless(
    "log-facility",
    {
      kind: "mnemonic",
      words: ["mail", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"],
    },
    "log lines go to var/log/mail.log and not to syslog",
  ),
  needless(
    "mail-lock-check",
    number,
    "the lock of a mailbox is renewed by the clock, whatever the session does",
  ),
  needless("no-atomic-open", flag, "locks are made in a way that is safe on any file system"),
  always("server-mode", ONE_MODE),
  needless("temp-dir", text, NO_COPY),
  needless("temp-name", text, NO_COPY),
  ...["UW-kludge", "UW-kluge"].map((name) =>
    gone(
      name,
      flag,
      'the message "FOLDER INTERNAL DATA" of UW programs is shown as any other; delete it once it is not needed',
    ),
  ),
];
