/**
 * The names that a certificate is asked for: as the DNS has them, the host's own first. Pure.
 */
import { isIP } from "node:net";
import { domainToASCII } from "node:url";
import { UserError } from "@mailhost/common/errors";
import type { Settings } from "@mailhost/common/settings/settings";
import { EX_CONFIG } from "@mailhost/common/sysexits";

/** Letters, digits and hyphens, two labels at least (RFC 1123 section 2.1). */
const NAME = /^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/;

/** Let's Encrypt's limit, and that of others. */
const MOST_NAMES = 100;

/**
 * The names of `acme.domains`, each once, lower case, in A-label form; `hostname` comes first when it is among them.
 *
 * @throws UserError when one can have no certificate by HTTP-01, or there are too many
 */
export function wantedNames({ acme, hostname }: Pick<Settings, "acme" | "hostname">): string[] {
  const names = [...new Set(acme.domains.map(nameOf))];
  if (names.length > MOST_NAMES)
    throw refusal(`${names.length} names are too many for one certificate (${MOST_NAMES})`);
  const own = hostname.toLowerCase();
  return names.includes(own) ? [own, ...names.filter((name) => name !== own)] : names;
}

function nameOf(given: string): string {
  if (given.startsWith("*."))
    throw refusal(`${given}: a wildcard can not be had over HTTP; name each host instead`);
  if (isIP(given) !== 0) throw refusal(`${given} is an address; give the host's name`);
  const name = domainToASCII(given.replace(/\.$/, "")).toLowerCase();
  if (!NAME.test(name)) throw refusal(`${given} is no full host name such as mail.example.com`);
  return name;
}

function refusal(text: string): UserError {
  return new UserError(`acme.domains: ${text}`, EX_CONFIG);
}
