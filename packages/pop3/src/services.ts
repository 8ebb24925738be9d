/**
 * What every session works with: made once by daemon.ts, the same for all.
 */
import type { Accounts } from "@mailhost/common/accounts/accounts";
import type { PopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import type { Clock } from "@mailhost/common/clock";
import type { DracTable } from "@mailhost/common/drac/drac-table";
import type { Log } from "@mailhost/common/log/log";
import type { Admission } from "@mailhost/common/login/admission";
import type { LoginParts } from "@mailhost/common/login/judge";
import type { LoginGuard } from "@mailhost/common/login/login-guard";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import type { HostNames } from "./connection/host-names.ts";
import type { TraceFiles } from "./connection/trace-files.ts";
import type { BackgroundMoves } from "./maildrop/background-moves.ts";
import type { IndexStore } from "./maildrop/index-store.ts";
import type { MailboxPreparation, MaildropContext } from "./maildrop/open.ts";
import type { MailCommand } from "./transmit/mail-command.ts";

/** The parts that sessions share. Functions are for what a reload may replace. */
export interface Services {
  readonly site: Site;
  readonly settings: () => Settings;
  readonly accounts: () => Accounts;
  /** The secrets of APOP and CRAM-MD5; absent: there are none. */
  readonly popauth?: PopauthSecrets;
  /** Who may log in at all; absent: everybody. */
  readonly admission?: Admission;
  /** Addresses of the container's gateways: anybody may be behind them. Absent: there are none. */
  readonly gateways?: ReadonlySet<string>;
  /** Undefined when DRAC is switched off. */
  readonly drac: () => DracTable | undefined;
  /** Whether clients can have TLS at all: certificate and key are there. */
  readonly hasTls: () => boolean;
  readonly tables: Pick<SiteTables, "access" | "localHostNames" | "relayDomains">;
  readonly store: IndexStore;
  /** Where large removals go on; absent: before their reply. */
  readonly moves?: BackgroundMoves;
  /** What is done to mailboxes as they are opened; absent: nothing. */
  readonly preparations?: () => readonly MailboxPreparation[];
  /** Delays and bans for those who guess passwords. */
  readonly guard: LoginGuard;
  /** Looks for clients' names where pop3.reverseLookup is on; absent: nowhere. */
  readonly hostNames?: HostNames;
  /** Where sessions are traced; absent: nowhere. */
  readonly traces?: TraceFiles;
  /** Sends the messages of XTND XMIT; absent: nobody can. */
  readonly mailCommand?: MailCommand;
  readonly log: Log;
  readonly clock: Clock;
}

/** What logins are judged by. */
export function loginParts({ settings, accounts, popauth, admission, tables }: Services): LoginParts {
  return {
    settings,
    accounts,
    tables,
    ...(popauth === undefined ? {} : { popauth }),
    ...(admission === undefined ? {} : { admission }),
    secretsBarPasswords: () => settings().pop3.clearTextPassword === "default",
  };
}

/** What opening and updating a mailbox needs of them. */
export function maildropContext(services: Services): MaildropContext {
  const { site, store, clock, log, settings, preparations, moves } = services;
  return {
    site,
    store,
    clock,
    log,
    ...(moves === undefined ? {} : { moves }),
    lockTimeout: settings().lockTimeout,
    preparations: preparations?.() ?? [],
    uidFormat: settings().pop3.uidFormat,
  };
}
