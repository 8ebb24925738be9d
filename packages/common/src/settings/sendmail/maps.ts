/**
 * `K` lines: which of mailhost's tables each map is.
 */
import type { Draft } from "./draft.ts";
import { FEATURES } from "./features.ts";
import type { Given, MapLine, SendmailConfig } from "./model.ts";
import { mapPath } from "./option-values.ts";

/** Maps that are tables of mailhost, by the names that Sendmail's m4 files give them. */
const TABLES: Readonly<Record<string, string>> = {
  access: "tables.access",
  virtuser: "tables.virtusertable",
  mailertable: "tables.mailertable",
  domaintable: "tables.domaintable",
  generics: "tables.genericstable",
  authinfo: "tables.authinfo",
};

/** Further maps of the m4 files; only their rules use them, or a FEATURE speaks for them. */
const STOCK_MAPS = new Set(
  (
    "arith mxserved badcmd domainmap_regex badmx BadMXIP bestmx bitdomain bcctable canonicalcanon CERTIssuer CERTSubject dequote dnsbl domain_table drac " +
    "ednsbl ldapmh ldapmra ldaprt macro mtamark mxlist DNSA dnsA dnsMX qgroup queuegroup resolve rhsbl stsxmatch stsxsni stsxsni2 " +
    "stsxnodaneflag sts uudomain user domainmap prefixmod canonifyaltnames"
  ).split(" "),
);

/** Maps whose FEATURE does not name itself in the comments of a `sendmail.cf`. */
const SPEAKING_MAPS: Readonly<Record<string, string>> = {
  sts: "sts",
  bcctable: "bcc",
  domainmap_regex: "domainmap",
};

/** Kinds of maps that are files of keys and values, whose text mailhost reads or imports. */
const FILE_TYPES = new Set(["hash", "btree", "dbm", "cdb", "implicit", "text", "lmdb"]);

/** Reads a `K` line without its `K`; undefined when it names no map or no kind. */
export function readMapLine(text: string): { readonly name: string; readonly map: MapLine } | undefined {
  const [name = "", type = "", ...rest] = text.trim().split(/\s+/);
  if (name === "" || type === "") return undefined;
  const flags = rest.filter((word) => word.startsWith("-"));
  return { name, map: { type, flags, path: rest.filter((word) => !word.startsWith("-")).join(" ") } };
}

/** Applies the maps. */
export function applyMaps(config: SendmailConfig, draft: Draft): void {
  for (const [name, given] of config.maps) {
    const setting = TABLES[name];
    if (setting !== undefined) applyTable(name, setting, given, draft);
    else if (SPEAKING_MAPS[name] !== undefined && !config.features.has(SPEAKING_MAPS[name])) {
      draft.note(given.origin, `FEATURE(${SPEAKING_MAPS[name]}): ${String(FEATURES[SPEAKING_MAPS[name]])}`);
    } else if (!STOCK_MAPS.has(name) && !name.startsWith("domain_")) {
      draft.note(given.origin, `map ${name}: not carried over; only rules written by hand would ask it`);
    }
  }
}

function applyTable(name: string, setting: string, { value, origin }: Given<MapLine>, draft: Draft): void {
  if (!FILE_TYPES.has(value.type.toLowerCase()) || value.path === "" || /^@|:/.test(value.path)) {
    draft.note(
      origin,
      `map ${name}: a map of the kind ${value.type} is not asked; write its entries into a file`,
    );
    return;
  }
  draft.set(setting, mapPath(value.path), origin);
}
