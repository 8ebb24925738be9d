/**
 * FEATURE calls of a `config.mc`: what each adds to maps, classes and defines, as Sendmail's files would. Its meaning for the
 * settings is in features.ts.
 */

import { ConfigError } from "../../errors.ts";
import { nearest } from "../nearest.ts";
import { FEATURES } from "./features.ts";
import { define, type M4, macroOf } from "./m4.ts";
import { readMapLine } from "./maps.ts";
import type { McReading } from "./mc-macros.ts";
import { addFeature, addNote, addToClass, type Origin } from "./model.ts";

/** One call. */
export interface FeatureCall {
  readonly name: string;
  readonly args: readonly string[];
  readonly origin: Origin;
}

/** Maps by FEATURE: the map's name and the file it usually is. */
const MAPS: Readonly<Record<string, readonly [name: string, file: string]>> = {
  access_db: ["access", "access"],
  virtusertable: ["virtuser", "virtusertable"],
  mailertable: ["mailertable", "mailertable"],
  domaintable: ["domaintable", "domaintable"],
  genericstable: ["generics", "genericstable"],
  authinfo: ["authinfo", "authinfo"],
  drac: ["drac", "drac"],
};

/** FEATUREs that Sendmail's files take only after access_db. */
const NEED_ACCESS = new Set([
  "blacklist_recipients",
  "blocklist_recipients",
  "ratecontrol",
  "conncontrol",
  "relay_mail_from",
]);

/** Calls a FEATURE. */
export function callFeature(m4: M4, reading: McReading, call: FeatureCall): void {
  const { config } = reading;
  const { name, args, origin } = call;
  if (!Object.hasOwn(FEATURES, name)) {
    const guess = nearest(name, Object.keys(FEATURES));
    const reason = name === "" ? "FEATURE needs a name" : `unknown FEATURE ${JSON.stringify(name)}`;
    const meant = guess === undefined ? "" : `; did you mean ${guess}?`;
    reading.faults.push(new ConfigError(origin.file, origin.line, reason + meant));
    return;
  }
  if (NEED_ACCESS.has(name) && !config.features.has("access_db")) {
    addNote(config, origin, `FEATURE(${name}): does nothing without FEATURE(access_db) before it`);
    return;
  }
  const map = MAPS[name];
  if (map !== undefined) {
    const [given = ""] = args;
    const settings = text(m4, "MAIL_SETTINGS_DIR");
    const line = given.trim() === "" ? `${text(m4, "DATABASE_MAP_TYPE")} ${settings}${map[1]}` : given.trim();
    const read = readMapLine(`${map[0]} ${line === "LDAP" ? "ldap" : line}`);
    if (read !== undefined) config.maps.set(read.name, { value: read.map, origin });
  }
  SPECIAL[name]?.(m4, reading, call);
  addFeature(
    config,
    name,
    args.map((arg) => arg.trim()),
    origin,
  );
}

type Special = (m4: M4, reading: McReading, call: FeatureCall) => void;

const SPECIAL: Readonly<Record<string, Special>> = {
  block_bad_helo: (_m4, { config }, { origin }) => {
    addToClass(config, "R", "127.0.0.1 IPv6:0:0:0:0:0:0:0:1 IPv6:::1", origin);
    addToClass(config, "w", "[127.0.0.1] [IPv6:0:0:0:0:0:0:0:1] [IPv6:::1]", origin);
  },
  local_lmtp: (m4, _reading, { args: [path = "", args = ""], origin }) => {
    const folder = macroOf(m4, "confEBINDIR") === undefined ? "/usr/libexec" : text(m4, "confEBINDIR");
    put(m4, "LOCAL_MAILER_PATH", path === "" ? `${folder}/mail.local` : path, origin);
    put(m4, "LOCAL_MAILER_ARGS", args === "" ? "mail.local -l" : args, origin);
  },
  local_procmail: (m4, _reading, { args: [path = "", args = ""], origin }) => {
    const usual =
      macroOf(m4, "PROCMAIL_MAILER_PATH") === undefined
        ? "/usr/local/bin/procmail"
        : text(m4, "PROCMAIL_MAILER_PATH");
    put(m4, "LOCAL_MAILER_PATH", path === "" ? usual : path, origin);
    put(m4, "LOCAL_MAILER_ARGS", args === "" ? "procmail -a $h -d $u" : args, origin);
  },
  msp: (m4, reading, { args: [host = "", port = ""], origin }) => {
    m4.macros.delete("ALIAS_FILE");
    put(m4, "confDELIVERY_MODE", "i", origin);
    put(m4, "confUSE_MSP", "True", origin);
    put(m4, "confFORWARD_PATH", "", origin);
    put(m4, "confPRIVACY_FLAGS", "goaway,noetrn,restrictqrun", origin);
    put(m4, "LOCAL_MAILER_PATH", "[IPC]", origin);
    put(m4, "LOCAL_MAILER_ARGS", "TCP $h", origin);
    put(m4, "LOCAL_SHELL_PATH", "[IPC]", origin);
    put(m4, "LOCAL_SHELL_ARGS", "TCP $h", origin);
    if (port === "MSA") put(m4, "RELAY_MAILER_ARGS", "TCP $h 587", origin);
    if (macroOf(m4, "STATUS_FILE") === undefined)
      put(m4, "STATUS_FILE", "/var/spool/clientmqueue/sm-client.st", origin);
    reading.flags.add("noMsa");
    reading.flags.add("ostype");
    if (reading.daemons.length === 0)
      reading.daemons.push({ value: "Name=NoMTA, Addr=127.0.0.1, M=E", origin });
    reading.mailers.set("local", origin);
    reading.mailers.set("smtp", origin);
    reading.config.macros.set("MTAHost", { value: host === "" ? "[localhost]" : host, origin });
  },
  no_default_msa: (_m4, { flags }) => void flags.add("noMsa"),
  nouucp: (_m4, { flags }) => void flags.add("noUucp"),
  nullclient: (m4, reading, { args: [hub = ""], origin }) => {
    m4.macros.delete("ALIAS_FILE");
    put(m4, "MAIL_HUB", hub, origin);
    put(m4, "SMART_HOST", hub, origin);
    put(m4, "confFORWARD_PATH", "", origin);
    reading.config.macros.set("M", { value: hub, origin });
    for (const name of ["allmasquerade", "masquerade_envelope"])
      callFeature(m4, reading, { name, args: [], origin });
    reading.mailers.set("local", origin);
    reading.mailers.set("smtp", origin);
  },
  smrsh: (m4, _reading, { args: [path = ""], origin }) => {
    const folder = macroOf(m4, "confEBINDIR") === undefined ? "/usr/libexec" : text(m4, "confEBINDIR");
    put(m4, "LOCAL_SHELL_PATH", path === "" ? `${folder}/smrsh` : path, origin);
    if (macroOf(m4, "LOCAL_SHELL_ARGS") === undefined) put(m4, "LOCAL_SHELL_ARGS", "smrsh -c $u", origin);
  },
  use_ct_file: (_m4, { flags }) => void flags.add("ct"),
  use_cw_file: (_m4, { flags }) => void flags.add("cw"),
};

/** The text that a macro stands for now. */
function text(m4: M4, name: string): string {
  return m4.expand(name, { file: "", line: 0 });
}

function put(m4: M4, name: string, body: string, origin: Origin): void {
  define(m4, name, { kind: "text", body, origin });
}
