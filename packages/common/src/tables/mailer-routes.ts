/**
 * mailertable: by which mailer and over which host mail for a domain goes, in Sendmail's `mailer:host` notation.
 *
 * The notation is that of LUSER_RELAY, MAIL_HUB, LOCAL_RELAY and SMART_HOST too. Looked up are the domain, then each
 * domain above it with a dot before it (`.b.c`, `.c`), then `.`. In a value `%1` is what was cut off: `a` when
 * `a.b.c` was found as `.b.c`, and all of it at `.`.
 */
import { domainKey } from "../address.ts";
import type { SmtpReply } from "../errors.ts";
import { readErrorMailer } from "./error-mailer.ts";
import { type RecordLookup, withArguments } from "./map-arguments.ts";
import type { Table } from "./table.ts";

/** A way for mail. */
export type MailerRoute =
  | {
      readonly kind: "smtp";
      /** In lower case: `smtp`, `esmtp`, `smtp8`, `dsmtp` or `relay`. */
      readonly mailer: string;
      /** As written after the mailer: `[a]`, `a:b:c`, `[a]:2525`; empty for `esmtp:`, which is the domain itself. */
      readonly hosts: string;
      /** Of `mailer:user@host`: the recipient there is `user@host`. */
      readonly user?: string;
    }
  /** Delivered here, to `user` or to the local part of the address. */
  | { readonly kind: "local"; readonly user?: string }
  /** The text is what follows `<address>... `. */
  | { readonly kind: "error"; readonly reply: SmtpReply };

/** The entry that counts. */
export interface FoundRoute {
  /** Its key, in lower case. */
  readonly key: string;
  readonly route: MailerRoute;
}

const SMTP_MAILERS: ReadonlySet<string> = new Set(["smtp", "esmtp", "smtp8", "dsmtp", "relay"]);

/** A mailer's name is one word before a colon; `[…]` and a host's name with a port are no mailer. */
const WITH_MAILER = /^\s*([^\s:.@%!^/[\]+"<>(),;]+)\s*:(.*)$/s;

/**
 * Reads `mailer:host`. A host alone goes by the mailer `relay`.
 *
 * @returns undefined when nothing is written
 */
export function readMailerRoute(value: string): MailerRoute | undefined {
  const text = value.trim();
  if (text === "") return undefined;
  const [, mailer, rest] = WITH_MAILER.exec(text) ?? [undefined, "relay", text];
  return routeOf(mailer!.toLowerCase(), rest!.trim(), text);
}

/**
 * Looks a domain up. Address literals have no entries in it, and neither have our own names: that is for the caller to know.
 *
 * @param record told of every key, in the order in which they were tried
 * @returns undefined when no entry is for it; values without a mailer count as none, as in Sendmail
 */
export function findMailerRoute(table: Table, domain: string, record?: RecordLookup): FoundRoute | undefined {
  if (domain === "" || domain.startsWith("[")) return undefined;
  for (const { key, args } of lookups(domain.replace(/\.$/, ""))) {
    const value = table.get(key);
    record?.(key, value);
    if (value === undefined) continue;
    const meant = withArguments(value, [key, ...args]);
    const route = WITH_MAILER.test(meant) ? readMailerRoute(meant) : undefined;
    if (route !== undefined) return { key, route };
  }
  return undefined;
}

function lookups(domain: string): { readonly key: string; readonly args: readonly string[] }[] {
  const labels = domain.split(".");
  const parents = labels.slice(1).map((_, i) => ({
    key: `.${domainKey(labels.slice(i + 1).join("."))}`,
    args: [labels.slice(0, i + 1).join("."), labels[i]!],
  }));
  return [{ key: domainKey(domain), args: [] }, ...parents, { key: ".", args: [domain] }];
}

function routeOf(mailer: string, rest: string, text: string): MailerRoute {
  if (mailer === "error") return { kind: "error", reply: readErrorMailer(text)! };
  if (mailer === "local") {
    // The host part of local:user@host is ignored (Sendmail's CanonLocal).
    const user = rest.replace(/@.*$/s, "");
    return user === "" ? { kind: "local" } : { kind: "local", user };
  }
  if (!SMTP_MAILERS.has(mailer)) {
    return {
      kind: "error",
      reply: { code: 554, enhanced: "5.3.5", text: `buildaddr: unknown mailer ${mailer}` },
    };
  }
  const at = rest.indexOf("@");
  return at > 0
    ? { kind: "smtp", mailer, hosts: rest.slice(at + 1), user: rest.slice(0, at) }
    : { kind: "smtp", mailer, hosts: rest };
}
