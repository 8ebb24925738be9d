/**
 * The part of the settings that is Qpopper's: what its flags and its configuration file say, under names of our own, and what
 * mailhost adds. Durations are milliseconds. Each member names Qpopper's option where there is one.
 */

/** How UIDs of messages are made that bring no X-UIDL field. */
export type UidFormat = "default" | "qpopper" | "dovecot" | "uw" | "courier" | "cyrus";

/** Who may send a password that can be read on the way (popper -p). */
export type ClearTextPolicy = "default" | "never" | "always" | "local" | "tls";

/** What the POP3 server does in a session, and where it looks. */
export interface PopperSettings {
  /** `config-file`: a Qpopper configuration file that is read too, relative to the site root; empty: none. */
  readonly configFile: string;
  /** `shy`: the greeting names neither program, version nor host. */
  readonly shy: boolean;
  /** `trim-domain`: `@domain` of a login name is dropped, whatever the domain. */
  readonly trimDomain: boolean;
  /** `clear-text-password`. */
  readonly clearTextPassword: ClearTextPolicy;
  /** `auth-file`: only the names in this file may log in; empty: everybody. Relative to the site root. */
  readonly authFile: string;
  /** `nonauth-file`: the names in this file may not. */
  readonly nonauthFile: string;
  /** System accounts with this user id or a lower one may not log in (Qpopper's BLOCK_UID). */
  readonly blockUid: number;
  /** `user-no-mime`: a login as `NAME-no-mime` gets messages without MIME. */
  readonly noMime: boolean;
  /** `announce-login-delay`, `login-delay`: what CAPA says, ms; 0: nothing. */
  readonly announceLoginDelay: number;
  /** `announce-expire`: days that mail is kept, as CAPA says; -1: never removed by the server. */
  readonly announceExpire: number;
  /** `auto-delete`: messages that were retrieved are deleted at QUIT. */
  readonly autoDelete: boolean;
  /** `update-on-abort`: a session that ends without QUIT deletes what it marked. RFC 1939 says it must not. */
  readonly updateOnAbort: boolean;
  /** `update-status-headers`: QUIT writes Status and X-UIDL fields into the mbox. */
  readonly updateStatusHeaders: boolean;
  /** `log-login`: %0 version, %1 user, %2 host, %3 address. */
  readonly logLogin: string;
  /** `tracefile`: what is said in each session is written there; empty: nowhere. Relative to the site root. */
  readonly traceFile: string;
  /** `timing`: a log line says how long the parts of a session took. */
  readonly timing: boolean;
  /** `reverse-lookup`: log lines name the client's host. */
  readonly reverseLookup: boolean;
  /** `mail-command`: the program that XTND XMIT pipes a message into; absent: our own sendmail -t. */
  readonly mailCommand?: string;
  /** `user-options` (-u): `~/.qpopper-options` is read at login. */
  readonly userOptions: boolean;
  /** `spool-options` (-U): `.NAME.qpopper-options` in the spool is read at login. */
  readonly spoolOptions: boolean;
  /** `uidFormat`: whose ids clients have seen before. `old-style-uid` is `qpopper`. */
  readonly uidFormat: UidFormat;
  /** How long messages that QUIT removed can be brought back, ms; 0: not at all. */
  readonly keepRemoved: number;
}

/** Messages for everybody, which come into mailboxes at login. */
export interface BulletinSettings {
  /** `bulldir`: where bulletins lie; empty: there are none. Relative to the site root. */
  readonly folder: string;
  /** `max-bulletins`: how many old ones somebody new is given. */
  readonly max: number;
  /** `group-bulletins`: a bulletin's name says which group it is for. */
  readonly groups: boolean;
  /** `bulldb-nonfatal`: a login goes on when the progress of its user can not be read. */
  readonly optional: boolean;
}

/** Where mailboxes lie; the same for deliveries and logins. */
export interface MailboxSettings {
  /** `spool-dir`, relative to the site root. */
  readonly folder: string;
  /** `hash-spool`: sub-folders by none, the first, or the first and the second letter of a name. */
  readonly hashSpool: number;
  /** `home-dir-mail`: the mailbox is this file in its owner's home; empty: it is in the spool. */
  readonly homeFile: string;
}
