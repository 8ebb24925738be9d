/**
 * The settings of a mail host, typed and complete: every reader (mailhost.yaml, later sendmail.cf) ends in this
 * object, and nothing else in the product reads a settings file.
 */

import type { BulletinSettings, MailboxSettings, PopperSettings } from "./pop3-settings.ts";
import type {
  AccountSource,
  AcmeSettings,
  AuthSettings,
  BanSettings,
  DracSettings,
  LdapSettings,
  QuotaSettings,
  SystemSettings,
  TlsSettings,
} from "./roaming-settings.ts";
import type {
  DomainSettings,
  LocalSettings,
  PolicySettings,
  RewriteSettings,
  RoutingSettings,
  TableSettings,
  TimeoutSettings,
} from "./sendmail-settings.ts";

/** A place to listen on. */
export interface ListenAddress {
  /** Name, IPv4 address or IPv6 address without brackets. */
  readonly host: string;
  /** 0 asks the system for a free port. */
  readonly port: number;
}

/** Durations are milliseconds, sizes octets. */
export interface Settings {
  readonly hostname: string;
  readonly smtp: {
    readonly listen: readonly ListenAddress[];
    readonly submission: readonly ListenAddress[];
    readonly smtps: readonly ListenAddress[];
    readonly maxMessageSize: number;
    readonly maxRecipients: number;
    readonly maxHops: number;
    readonly maxConnections: number;
    readonly maxConnectionsPerClient: number;
    /** How long a client may take for a command, or for the next 4 KiB of a message. */
    readonly idleTimeout: number;
    /** Peers whose PROXY header names the real client (a load balancer, a container's port forwarder). */
    readonly proxyProtocol: readonly string[];
    /** Sendmail's PrivacyOptions, lower case. */
    readonly privacy: readonly string[];
    readonly greeting?: string;
    /** Load averages; 0: never. */
    readonly delayLoad: number;
    readonly refuseLoad: number;
  };
  readonly policy: PolicySettings;
  readonly tables: TableSettings;
  readonly domains: DomainSettings;
  readonly rewrite: RewriteSettings;
  readonly routing: RoutingSettings;
  readonly local: LocalSettings;
  readonly timeouts: TimeoutSettings;
  readonly relay: {
    /** Every message that leaves goes there, by Sendmail's notation: `[host]:port`, brackets mean no MX look-up. */
    readonly smartHost?: string;
    readonly port: number;
    readonly connectTimeout: number;
    readonly greetingTimeout: number;
    /** Opportunistic STARTTLS towards other hosts. */
    readonly startTls: boolean;
    /** AUTH PLAIN and LOGIN towards hosts without TLS. */
    readonly allowPlaintextAuth: boolean;
    /** Connections at once to one destination. */
    readonly maxConnectionsPerDestination: number;
  };
  readonly queue: {
    readonly interval: number;
    readonly warnAfter: number;
    readonly returnAfter: number;
    /** Load average; 0: never. */
    readonly queueLoad: number;
    readonly minFreeSpace: number;
    readonly minAge: number;
    readonly doubleBounceAddress: string;
    readonly maxRunners: number;
    readonly deliveryMode: "background" | "queue-only" | "deferred" | "interactive";
  };
  readonly dns: {
    /** Empty: the system's resolver. */
    readonly servers: readonly ListenAddress[];
    readonly timeout: number;
  };
  readonly pop3: PopperSettings & {
    readonly listen: readonly ListenAddress[];
    readonly pop3s: readonly ListenAddress[];
    /** A `Stats:` line at the end of each session (popper -s). */
    readonly stats: boolean;
    readonly timeout: number;
    readonly maxConnections: number;
    readonly maxConnectionsPerClient: number;
    readonly proxyProtocol: readonly string[];
  };
  readonly bulletins: BulletinSettings;
  readonly mailbox: MailboxSettings;
  readonly drac: DracSettings;
  readonly accounts: readonly AccountSource[];
  readonly system: SystemSettings;
  readonly ldap: LdapSettings;
  readonly quota: QuotaSettings;
  readonly auth: AuthSettings;
  readonly bans: BanSettings;
  /** How long a delivery or a login waits for another program's mailbox lock. */
  readonly lockTimeout: number;
  readonly tls: TlsSettings;
  readonly acme: AcmeSettings;
  /** Whom to become after binding; absent: see DESIGN of the launcher (root at `/` becomes mail:mail). */
  readonly run: {
    readonly user?: string;
    readonly group?: string;
  };
  readonly log: {
    readonly format: "sendmail" | "json";
    /** Sendmail's LogLevel. */
    readonly level: number;
    /** Relative to the site root; empty: no counters. */
    readonly statistics: string;
  };
}
