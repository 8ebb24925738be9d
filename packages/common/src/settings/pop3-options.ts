/**
 * The rows of the table of options that are Qpopper's, and where mailboxes lie (see pop3-settings.ts).
 */
import type { Option } from "./option.ts";

const fixed = (value: unknown) => () => value;

const flag = (path: string, on: boolean, doc: string): Option => ({
  path,
  kind: "boolean",
  default: fixed(on),
  doc,
});
const path = (name: string, doc: string, given = ""): Option => ({
  path: name,
  kind: "path",
  default: fixed(given),
  doc,
});
const text = (name: string, doc: string, given?: string): Option => ({
  path: name,
  kind: "string",
  default: fixed(given),
  doc,
});
const choice = (name: string, choices: readonly string[], doc: string): Option => ({
  path: name,
  kind: "choice",
  choices,
  default: fixed(choices[0]),
  doc,
});
const time = (name: string, doc: string): Option => ({
  path: name,
  kind: "duration",
  default: fixed(0),
  min: 0,
  doc,
});
const count = (name: string, given: number, min: number, max: number, doc: string): Option => ({
  path: name,
  kind: "integer",
  default: fixed(given),
  min,
  max,
  doc,
});

const POPPER: readonly Option[] = [
  path("pop3.configFile", "A Qpopper configuration file that is read too; what stands here rules."),
  flag("pop3.shy", false, "The greeting names neither program, version nor host (shy)."),
  flag("pop3.trimDomain", false, "Drop @domain from login names, whatever the domain (trim-domain)."),
  choice(
    "pop3.clearTextPassword",
    ["default", "never", "always", "local", "tls"],
    "Who may send a readable password (clear-text-password); default: whoever has no APOP secret, as tls.allowPlaintextAuth allows.",
  ),
  path("pop3.authFile", "Only the names in this file may log in (auth-file)."),
  path("pop3.nonauthFile", "The names in this file may not log in (nonauth-file)."),
  count("pop3.blockUid", 10, -1, 2 ** 31, "System accounts with this user id or a lower one may not log in."),
  flag("pop3.noMime", true, "A login as NAME-no-mime gets messages without MIME (user-no-mime)."),
  time("pop3.announceLoginDelay", "Time between two logins that CAPA asks for (announce-login-delay)."),
  count(
    "pop3.announceExpire",
    -1,
    -1,
    36_500,
    "Days that CAPA says mail is kept (announce-expire); -1: for ever.",
  ),
  flag("pop3.autoDelete", false, "Delete at QUIT what was retrieved (auto-delete)."),
  flag(
    "pop3.updateOnAbort",
    false,
    "Delete what was marked when a session ends without QUIT, against RFC 1939 (update-on-abort).",
  ),
  flag(
    "pop3.updateStatusHeaders",
    false,
    "Write Status and X-UIDL fields into the mailbox at QUIT (update-status-headers).",
  ),
  text(
    "pop3.logLogin",
    "The log line of a login (log-login): %0 version, %1 user, %2 host, %3 address.",
    '(v%0) POP login by user "%1" at (%2) %3',
  ),
  path("pop3.traceFile", "Where what is said in sessions is written, passwords left out (tracefile)."),
  flag("pop3.timing", false, "Write a line with the times that logins and their ends took (timing)."),
  flag("pop3.reverseLookup", false, "Name the client's host in log lines (reverse-lookup)."),
  text(
    "pop3.mailCommand",
    "The command that XTND XMIT pipes messages into (mail-command); else our own sendmail.",
  ),
  flag("pop3.userOptions", false, "Read ~/.qpopper-options at login (user-options)."),
  flag("pop3.spoolOptions", false, "Read .NAME.qpopper-options in the spool at login (spool-options)."),
  choice(
    "pop3.uidFormat",
    ["default", "qpopper", "dovecot", "uw", "courier", "cyrus"],
    "Whose unique ids clients have seen before; X-UIDL fields always rule.",
  ),
  time("pop3.keepRemoved", "How long messages that QUIT removed can be brought back; 0s: not at all."),
  path("bulletins.folder", "Where bulletins lie (bulldir)."),
  count("bulletins.max", 1, 0, 1_000_000, "How many old bulletins somebody new gets (max-bulletins)."),
  flag(
    "bulletins.groups",
    false,
    "The second part of a bulletin's name says which group it is for (group-bulletins).",
  ),
  flag("bulletins.optional", false, "A login goes on when its bulletins can not be read (bulldb-nonfatal)."),
];

const MAILBOX: readonly Option[] = [
  path("mailbox.folder", "Where mailboxes lie (spool-dir).", "var/spool/mail"),
  count(
    "mailbox.hashSpool",
    0,
    0,
    2,
    "Sub-folders of it by so many first letters of a name: var/spool/mail/w/wang (hash-spool).",
  ),
  path(
    "mailbox.homeFile",
    "The mailbox is this file in its owner's home (home-dir-mail); needs run.user root.",
  ),
];

/** All of them. */
export const POP3_OPTIONS: readonly Option[] = [...POPPER, ...MAILBOX];
