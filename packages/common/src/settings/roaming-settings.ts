/**
 * The part of the settings that is about people who come from anywhere: passwords, TLS, certificates, bans, quotas, DRAC.
 * Durations are milliseconds, sizes octets, paths relative to the site root.
 */
import type { ListenAddress } from "./settings.ts";

/** Where accounts come from. */
export type AccountSource = "file" | "system" | "ldap";

/** SMTP AUTH, and what whoever used it may send. */
export interface AuthSettings {
  /** SASL mechanisms that are offered, of those that there are; the order is ours. */
  readonly mechanisms: readonly string[];
  /** Whoever has logged in may send under its own addresses only. */
  readonly checkSender: boolean;
  /** The Received field of a submission with a password does not say where it came from. */
  readonly hideClientAddress: boolean;
}

/** Certificates and what is spoken with them. */
export interface TlsSettings {
  readonly cert: string;
  readonly key: string;
  /** Folders with a `cert.pem` and a `key.pem` each; a client gets the one that names the host it asked for (SNI). */
  readonly certificates: readonly string[];
  /** Without a certificate, `start` makes one that nobody but ourselves has signed. */
  readonly selfSigned: boolean;
  readonly minVersion: "1.2" | "1.3";
  /** OpenSSL's notation, for TLS 1.2; empty: those that are good today. */
  readonly ciphers: string;
  readonly allowPlaintextAuth: boolean;
}

/** Certificates by ACME (RFC 8555). */
export interface AcmeSettings {
  /** Names in the certificate; empty: none is fetched. */
  readonly domains: readonly string[];
  /** Where the authority may write to; empty: nowhere. */
  readonly email: string;
  /** The authority's directory. */
  readonly directory: string;
  /** The authority's terms of service are agreed to: none is asked without. */
  readonly agreeToTerms: boolean;
  /** Where the authority's HTTP-01 question is answered. */
  readonly listen: readonly ListenAddress[];
  readonly renewBefore: number;
  /** Certificates of an authority of one's own, PEM; empty: the system's. */
  readonly caFile: string;
}

/** A directory with accounts. */
export interface LdapSettings {
  /** `ldap://host:389` or `ldaps://host`; empty: none. */
  readonly url: string;
  readonly startTls: boolean;
  readonly caFile: string;
  /** Who looks accounts up; empty: anonymous. */
  readonly bindDn: string;
  readonly bindPasswordFile: string;
  readonly base: string;
  /** `{user}` is the name as it was given, escaped. */
  readonly filter: string;
  /** The attribute that a mailbox is called by. */
  readonly nameAttribute: string;
  readonly timeout: number;
  /** How long an answer about a name is remembered. */
  readonly remember: number;
}

/** The system's accounts. */
export interface SystemSettings {
  /** Who is asked about passwords: PAM by its checking helper, etc/shadow read by a helper, whichever is there, or nobody. */
  readonly passwords: "auto" | "pam" | "shadow" | "none";
  /** PAM's name for us. */
  readonly pamService: string;
}

/** What becomes of those who guess passwords. */
export interface BanSettings {
  readonly enabled: boolean;
  /** Different failures of an address (IPv6: a /64) within `window` that ban it. */
  readonly failures: number;
  readonly window: number;
  /** The first ban; each further one is twice as long. */
  readonly time: number;
  readonly longest: number;
  /** Networks with RELAY in access, and relay-domains, are not banned. */
  readonly exemptRelay: boolean;
  /** Further networks that are not, as in access: `192.0.2` or `192.0.2.0/24`. */
  readonly exempt: readonly string[];
}

/** Limits of mailboxes. */
export interface QuotaSettings {
  /** Octets of a mailbox; 0: no limit. `etc/mail/quotas` has those of single ones. */
  readonly mailbox: number;
  /** `defer`: 452 4.2.2 and the message waits; `bounce`: 552 5.2.2 and it goes back. */
  readonly action: "defer" | "bounce";
  /** Per cent at which the owner is warned by mail; 0: never. */
  readonly warnAt: number;
  /** Limits of single mailboxes, `NAME SIZE` a line. */
  readonly table: string;
}

/** POP before SMTP. */
export interface DracSettings {
  readonly enabled: boolean;
  readonly lifetime: number;
  /** Networks that never get it, as in access: a proxy, a router that many are behind. */
  readonly never: readonly string[];
  /** Where DRAC's remote procedure calls are answered (program 900101, UDP and TCP); empty: nowhere. */
  readonly rpcListen: readonly ListenAddress[];
  /** Addresses and networks that may call. */
  readonly rpcAllow: readonly string[];
}
