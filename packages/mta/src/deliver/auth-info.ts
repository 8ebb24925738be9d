/**
 * Which name and password a server gets: the entries `AuthInfo:` of the tables authinfo and access (FEATURE authinfo, and
 * ruleset authinfo of Sendmail's proto.m4).
 *
 * In authinfo the server's name, then its address, then the entry without either count; in access also the domains above
 * the name and the networks around the address. Only for what is tagged: a bare key never gives a password away.
 */
import { addressKeys, domainKeys } from "@mailhost/common/tables/address-keys";
import type { Table } from "@mailhost/common/tables/table";
import type { AuthInfo } from "./smtp-auth.ts";
import type { SmtpPeer } from "./smtp-connection.ts";

/** The tables that have such entries. */
export interface AuthTables {
  readonly authinfo: Table;
  readonly access: Table;
}

/** The entry for a server; undefined when there is none, or none that can be read. */
export function findAuthInfo(peer: SmtpPeer, tables: AuthTables): AuthInfo | undefined {
  const name = peer.name.toLowerCase();
  const address = addressKeys(peer.address);
  const own = [name, ...address.slice(0, 1), ...address.slice(0, 1).map((key) => `[${key}]`), ""];
  const wide = [...domainKeys(name), ...address, ...address.slice(0, 1).map((key) => `[${key}]`), ""];
  return find(tables.authinfo, own) ?? find(tables.access, wide);
}

function find(table: Table, keys: readonly string[]): AuthInfo | undefined {
  for (const key of keys) {
    const value = table.get(`authinfo:${key}`);
    if (value !== undefined) return readAuthInfo(value);
  }
  return undefined;
}

/**
 * Reads `"U:user" "I:id" "P:secret" "R:realm" "M:PLAIN LOGIN"`. With `=` for `:` the text is in base64. Either of U and I
 * stands for both.
 *
 * @returns undefined when name or password are missing
 */
export function readAuthInfo(value: string): AuthInfo | undefined {
  const items = new Map<string, string>();
  for (const [, quoted, bare] of value.matchAll(/"([^"]*)"|([^\s"]+)/g)) {
    const match = /^([URIPM])([:=])(.*)$/is.exec(quoted ?? bare ?? "");
    if (match === null) continue;
    const text = match[2] === "=" ? Buffer.from(match[3]!, "base64").toString("utf8") : match[3]!;
    items.set(match[1]!.toUpperCase(), text);
  }
  const authId = items.get("I") ?? items.get("U");
  const user = items.get("U") ?? items.get("I");
  const password = items.get("P");
  if (authId === undefined || user === undefined || password === undefined) return undefined;
  const mechanisms = items
    .get("M")
    ?.toUpperCase()
    .split(/[\s,]+/)
    .filter((word) => word !== "");
  return { user, authId, password, ...(mechanisms === undefined ? {} : { mechanisms }) };
}
