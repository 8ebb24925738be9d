/**
 * Every table of a site: access, aliases, local-host-names and relay-domains, always as the files are now.
 */
import { join } from "node:path";
import { domainKey } from "../address.ts";
import type { ConfigError } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Site } from "../site.ts";
import { parseAliasText } from "./alias-text.ts";
import { type AliasTable, aliasTable } from "./aliases.ts";
import { LiveTable } from "./live-table.ts";
import { parseMapText } from "./map-text.ts";
import { parseLocalHostNames, parseRelayDomains } from "./name-list.ts";
import type { Table } from "./table.ts";

/** A set of domain names. */
export interface DomainSet {
  readonly file: string;
  /** Whether a name is in the set; neither case nor a trailing dot matters. Sub-domains are names of their own. */
  has(domain: string): boolean;
  /** The names in lower case, without a trailing dot. */
  entries(): Iterable<string>;
}

/** The tables. Each access sees a changed file at once; a file that cannot be used changes nothing. */
export interface SiteTables {
  readonly access: Table;
  readonly aliases: AliasTable;
  /** Names under which mail is delivered here (Sendmail's class w). */
  readonly localHostNames: DomainSet;
  /** Domains, addresses and networks of class R; each value is `RELAY`. */
  readonly relayDomains: Table;
  /** The faults that keep files as they are now from being used. */
  check(): ConfigError[];
  /** What deserves a look but is in force: keys given twice, a text newer than its `.db`. */
  warnings(): ConfigError[];
  close(): Promise<void>;
}

/**
 * Opens the tables of a site. Faults are logged, never thrown; {@link SiteTables.check} tells them.
 *
 * @param options.onReload called with the name of a table after its new content has come into force
 */
export function openSiteTables(
  site: Site,
  options: { readonly log: Log; readonly onReload?: (table: string) => void },
): SiteTables {
  const at = (name: string) => ({ ...options, name, text: join(site.etcMail, name) });
  const names = new LiveTable({ ...at("local-host-names"), parse: parseLocalHostNames });
  const relayDomains = new LiveTable({ ...at("relay-domains"), parse: parseRelayDomains });
  const access = new LiveTable({
    ...at("access"),
    compiled: { file: join(site.etcMail, "access.db"), kind: "map" },
    parse: (text, file) => parseMapText(text, file),
  });
  const localHostNames: DomainSet = {
    get file() {
      return names.file;
    },
    has: (domain) => names.get(domainKey(domain)) !== undefined,
    entries: () => Array.from(names.entries(), ([name]) => name),
  };
  const aliases = new LiveTable({
    ...at("aliases"),
    compiled: { file: join(site.etcMail, "aliases.db"), kind: "aliases" },
    parse: (text, file) => parseAliasText(text, file, (domain) => localHostNames.has(domain)),
  });
  const all = [access, aliases, names, relayDomains];
  return {
    access,
    aliases: aliasTable(aliases),
    localHostNames,
    relayDomains,
    check: () => all.flatMap((table) => table.faults()),
    warnings: () => all.flatMap((table) => table.warnings()),
    async close() {
      await Promise.all(all.map((table) => table.close()));
    },
  };
}
