/**
 * Every table of a site, always as the files are now, with the names that the settings add to them.
 */
import { domainKey } from "../address.ts";
import type { ConfigError } from "../errors.ts";
import type { FileWatch } from "../fs/file-watch.ts";
import type { Log } from "../log/log.ts";
import { parseQuotas } from "../quota/quota-table.ts";
import { assemble } from "../settings/assemble.ts";
import { OPTIONS } from "../settings/options.ts";
import type { Settings } from "../settings/settings.ts";
import { type Site, sitePath } from "../site.ts";
import { parseAliasText } from "./alias-text.ts";
import { type AliasTable, aliasTable } from "./aliases.ts";
import { LiveTable } from "./live-table.ts";
import { type ParsedTable, parseMapText } from "./map-text.ts";
import { parseLocalHostNames, parseRelayDomains, parseUserNames } from "./name-list.ts";
import { parseSenders } from "./senders.ts";
import type { Table } from "./table.ts";

/** A set of domain names. */
export interface DomainSet {
  readonly file: string;
  /** Whether a name is in the set; neither case nor a trailing dot matters. Sub-domains are names of their own. */
  has(domain: string): boolean;
  /** The names in lower case, without a trailing dot. */
  entries(): Iterable<string>;
}

/** The tables. An access sees a changed file (see fs/file-watch.ts); a file that cannot be used changes nothing. */
export interface SiteTables {
  readonly access: Table;
  readonly aliases: AliasTable;
  /** Names under which mail is delivered here (Sendmail's class w). */
  readonly localHostNames: DomainSet;
  /** Domains, addresses and networks of class R; each value is `RELAY`. */
  readonly relayDomains: Table;
  /** Keys `user@domain`, `@domain`; see tables/virtual-users.ts for the look-up. */
  readonly virtusertable: Table;
  /** Class {VirtHost}: domains that virtusertable serves besides class w. */
  readonly virtualDomains: DomainSet;
  /** Keys `host.domain`, `.domain`, `.`. */
  readonly mailertable: Table;
  readonly domaintable: Table;
  /** Keys `user@domain`, `@domain`, `user`. */
  readonly genericstable: Table;
  /** Class G: domains whose senders genericstable rewrites. */
  readonly genericsDomains: DomainSet;
  /** Accounts and the addresses that they may send under beside their own; see tables/senders.ts. */
  readonly senders: Table;
  /** Class t: users who may name another sender. Names as they are written. */
  readonly trustedUsers: DomainSet;
  /** FEATURE(authinfo): keys `authinfo:host`. */
  readonly authinfo: Table;
  /** Limits of mailboxes: keys `name`, `name@domain`, `@domain`; values octets, `0` for none. */
  readonly quotas: Table & Pick<LiveTable, "faults">;
  /** The faults that keep files as they are now from being used. */
  check(): ConfigError[];
  /** What deserves a look but is in force: keys given twice, a text newer than its `.db`. */
  warnings(): ConfigError[];
  close(): Promise<void>;
}

/** What the settings say of tables. */
export type TableChoice = Pick<Settings, "tables" | "domains"> &
  Partial<Pick<Settings, "quota" | "hostname">>;

/**
 * Opens the tables of a site. Faults are logged, never thrown; {@link SiteTables.check} tells them.
 *
 * @param options.settings where the tables are, and names that are in none of them; absent: as with no settings file
 * @param options.onReload called with the name of a table after its new content has come into force
 * @param options.watch says when files may have changed, which is what a server needs; absent: every access looks
 */
export function openSiteTables(
  site: Site,
  options: {
    readonly log: Log;
    readonly settings?: TableChoice;
    readonly onReload?: (table: string) => void;
    readonly watch?: FileWatch;
  },
): SiteTables {
  const { log, onReload } = options;
  const {
    tables,
    domains,
    quota,
    hostname = "",
  }: TableChoice = options.settings ?? assemble(new Map(OPTIONS.map((o) => [o.path, o.default()])));
  const all: LiveTable[] = [];
  const common = {
    log,
    ...(onReload === undefined ? {} : { onReload }),
    ...(options.watch === undefined ? {} : { watch: options.watch }),
  };
  const open = (
    name: string,
    path: string,
    parse: (text: string, file: string) => ParsedTable,
    kind?: "map" | "aliases",
  ): LiveTable => {
    const text = path === "" ? "" : sitePath(site, path);
    const compiled = text === "" || kind === undefined ? {} : { compiled: { file: `${text}.db`, kind } };
    const table = new LiveTable({ ...common, name, text, parse, ...compiled });
    all.push(table);
    return table;
  };
  const map = (name: string, path: string) =>
    open(name, path, (text, file) => parseMapText(text, file), "map");
  const localHostNames = domainSet(
    open("local-host-names", tables.localHostNames, parseLocalHostNames),
    domains.local,
  );
  // Several alias files become one table in their order; each is compiled on its own.
  const aliases = tables.aliases.map((path) =>
    aliasTable(
      open(
        "aliases",
        path,
        (text, file) => parseAliasText(text, file, (d) => localHostNames.has(d) || d === domainKey(hostname)),
        "aliases",
      ),
    ),
  );
  const result: SiteTables = {
    access: map("access", tables.access),
    aliases: joinedAliases(aliases),
    localHostNames,
    relayDomains: withNames(open("relay-domains", tables.relayDomains, parseRelayDomains), domains.relay),
    virtusertable: map("virtusertable", tables.virtusertable),
    virtualDomains: fixedSet(domains.virtual),
    mailertable: map("mailertable", tables.mailertable),
    domaintable: map("domaintable", tables.domaintable),
    genericstable: map("genericstable", tables.genericstable),
    genericsDomains: domainSet(
      open("generics-domains", tables.genericsDomains, parseLocalHostNames),
      domains.generics,
    ),
    senders: open("senders", tables.senders, parseSenders, "map"),
    trustedUsers: userSet(open("trusted-users", tables.trustedUsers, parseUserNames), domains.trustedUsers),
    authinfo: map("authinfo", tables.authinfo),
    quotas: open("quotas", quota?.table ?? "", parseQuotas),
    check: () => all.flatMap((table) => table.faults()),
    warnings: () => all.flatMap((table) => table.warnings()),
    async close() {
      for (const table of all) table.close();
    },
  };
  return result;
}

function domainSet(table: LiveTable, given: readonly string[]): DomainSet {
  const fixed = new Set(given.map(domainKey));
  return {
    get file() {
      return table.file;
    },
    has: (domain) => fixed.has(domainKey(domain)) || table.get(domainKey(domain)) !== undefined,
    entries: () => new Set([...fixed, ...Array.from(table.entries(), ([name]) => name)]),
  };
}

function fixedSet(given: readonly string[]): DomainSet {
  const fixed = new Set(given.map(domainKey));
  return { file: "", has: (domain) => fixed.has(domainKey(domain)), entries: () => fixed };
}

function userSet(table: LiveTable, given: readonly string[]): DomainSet {
  return {
    get file() {
      return table.file;
    },
    has: (user) => given.includes(user) || table.get(user) !== undefined,
    entries: () => new Set([...given, ...Array.from(table.entries(), ([name]) => name)]),
  };
}

/** Class R: what the file says, and what the settings add to it. */
function withNames(table: LiveTable, given: readonly string[]): Table {
  if (given.length === 0) return table;
  const added = parseRelayDomains(given.join("\n"), "domains.relay").entries;
  return {
    get file() {
      return table.file;
    },
    get: (key) => table.get(key) ?? added.get(key),
    *entries() {
      yield* added;
      yield* table.entries();
    },
  };
}

function joinedAliases(tables: readonly AliasTable[]): AliasTable {
  if (tables.length === 1) return tables[0]!;
  return {
    get file() {
      return tables[0]?.file ?? "";
    },
    get(name) {
      for (const table of tables) {
        const targets = table.get(name);
        if (targets !== undefined) return targets;
      }
      return undefined;
    },
    *entries() {
      const seen = new Set<string>();
      for (const table of tables) {
        for (const [name, targets] of table.entries()) {
          if (!seen.has(name)) yield [name, targets];
          seen.add(name);
        }
      }
    },
  };
}
