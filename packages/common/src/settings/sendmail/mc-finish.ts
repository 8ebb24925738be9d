/**
 * The end of a `config.mc`: what Sendmail's files make of everything that was defined and called.
 */
import { ConfigError } from "../../errors.ts";
import { nearest } from "../nearest.ts";
import type { M4, Macro } from "./m4.ts";
import { macroOf } from "./m4.ts";
import { MACRO_DEFINES, NOTED_DEFINES, OLD_DEFINES, READ_DEFINES, UNUSED_DEFINES } from "./mc-defines.ts";
import type { McReading } from "./mc-macros.ts";
import { addNote, addToClass, classOf, type Given, type Origin } from "./model.ts";
import { optionDefined, SENDMAIL_OPTION_TABLE } from "./options.ts";

/** Nobody's line: what Sendmail's own files say. */
const STOCK: Origin = { file: "", line: 0 };

/** Fills the configuration from defines and marks. */
export function finishConfig(m4: M4, reading: McReading): void {
  judgeDefines(m4, reading);
  const { config, flags } = reading;
  const end: Origin = { file: m4.input.origin().file, line: 0 };
  if (!flags.has("ostype"))
    addNote(config, end, "no OSTYPE(…): Sendmail would not build this; mailhost goes on without");
  if (!reading.mailers.has("smtp")) {
    addNote(config, end, "no MAILER(smtp): Sendmail could send nothing to other hosts; mailhost can");
  }
  giveOptions(m4, reading);
  giveMacros(m4, reading);
  giveClasses(m4, reading);
  giveMailers(m4, reading);
}

/** The text of a define and where it was made; undefined when there is none. */
function defined(m4: M4, name: string): Given | undefined {
  const macro = macroOf(m4, name);
  if (macro?.kind !== "text") return undefined;
  return { value: m4.expand(name, macro.origin), origin: macro.origin };
}

function giveOptions(m4: M4, { config, daemons, flags }: McReading): void {
  for (const { name, define } of SENDMAIL_OPTION_TABLE) {
    const given = define === "" ? undefined : defined(m4, define);
    if (given === undefined || name === "QueueTimeout") continue;
    if (name === "TimeZoneSpec" && /^USE_/.test(given.value)) continue;
    config.options.set(name, [given]);
  }
  const message = defined(m4, "confMESSAGE_TIMEOUT");
  if (message !== undefined) {
    const [back = "", warn] = message.value.split("/");
    config.options.set("Timeout.queuereturn", [{ value: back, origin: message.origin }]);
    if (warn !== undefined)
      config.options.set("Timeout.queuewarn", [{ value: warn, origin: message.origin }]);
  }
  const usual =
    macroOf(m4, "_NETINET6_") === undefined
      ? ["Name=MTA"]
      : ["Name=MTA-v4, Family=inet", "Name=MTA-v6, Family=inet6"];
  const ports = daemons.length > 0 ? daemons : usual.map((value) => ({ value, origin: STOCK }));
  const submission = flags.has("noMsa") ? [] : [{ value: "Port=587, Name=MSA, M=E", origin: STOCK }];
  config.options.set("DaemonPortOptions", [...ports, ...submission]);
}

function giveMacros(m4: M4, { config }: McReading): void {
  for (const [define, name] of Object.entries(MACRO_DEFINES)) {
    const given = defined(m4, define);
    if (given !== undefined) config.macros.set(name, given);
  }
  const reject = defined(m4, "confREJECT_MSG");
  if (reject !== undefined) {
    config.own.set("policy.rejectMessage", {
      value: reject.value.replaceAll('"', "").trim(),
      origin: reject.origin,
    });
  }
}

function giveClasses(m4: M4, { config, flags }: McReading): void {
  classOf(config, "w").words.unshift({ value: "localhost", origin: STOCK });
  const file = (className: string, define: string, usual?: string) => {
    const given = defined(m4, define) ?? (usual === undefined ? undefined : { value: usual, origin: STOCK });
    // Before files that the site names itself: this is the one that Sendmail's files put first.
    if (given !== undefined) classOf(config, className).files.unshift(given);
  };
  if (flags.has("cw")) file("w", "confCW_FILE");
  file("R", "confCR_FILE");
  if (flags.has("ct")) file("t", "confCT_FILE", "/etc/mail/trusted-users");
  addToClass(config, "t", flags.has("noUucp") ? "root daemon" : "root daemon uucp", STOCK);
  const trusted = defined(m4, "confTRUSTED_USERS");
  if (trusted !== undefined) addToClass(config, "t", trusted.value, trusted.origin);
  if (flags.has("virtHosts")) addToClass(config, "R", "$={VirtHost}", STOCK);
}

function giveMailers(m4: M4, { config, mailers }: McReading): void {
  const give = (
    name: string,
    [path, usualPath]: readonly [string, string],
    [args, usualArgs]: readonly [string, string],
  ) => {
    const program = defined(m4, path) ?? { value: usualPath, origin: STOCK };
    config.mailers.set(name, {
      value: { path: program.value.trim(), args: defined(m4, args)?.value.trim() ?? usualArgs },
      origin: program.origin,
    });
  };
  give("local", ["LOCAL_MAILER_PATH", "/bin/mail"], ["LOCAL_MAILER_ARGS", "mail -d $u"]);
  give("prog", ["LOCAL_SHELL_PATH", "/bin/sh"], ["LOCAL_SHELL_ARGS", "sh -c $u"]);
  if (mailers.has("smtp")) {
    for (const name of ["smtp", "esmtp", "smtp8", "dsmtp", "relay"]) {
      const define = `${name.toUpperCase()}_MAILER_ARGS`;
      const args = defined(m4, define) ?? { value: "TCP $h", origin: STOCK };
      config.mailers.set(name, { value: { path: "[IPC]", args: args.value }, origin: args.origin });
    }
  }
  if (mailers.has("procmail")) {
    give(
      "procmail",
      ["PROCMAIL_MAILER_PATH", "/usr/local/bin/procmail"],
      ["PROCMAIL_MAILER_ARGS", "procmail -Y -m $h $f $u"],
    );
  }
}

/** Refuses `conf` names that do not exist; other names may be the site's own, unless nothing uses them. */
function judgeDefines(m4: M4, { config, faults }: McReading): void {
  const known = [
    ...READ_DEFINES,
    ...UNUSED_DEFINES,
    ...SENDMAIL_OPTION_TABLE.map(({ define }) => define).filter((define) => define !== ""),
  ];
  const names = new Set(known);
  for (const [name, stack] of m4.macros) {
    const macro: Macro | undefined = stack.at(-1);
    if (macro?.kind !== "text" || macro.origin.line === 0) continue;
    const lost = NOTED_DEFINES[name];
    if (lost !== undefined) addNote(config, macro.origin, `${name}: not carried over; ${lost}`);
    if (names.has(name)) continue;
    const { file, line } = macro.origin;
    const instead = OLD_DEFINES[name];
    if (instead !== undefined) {
      faults.push(new ConfigError(file, line, `${name}: no longer exists; ${instead}`));
      continue;
    }
    const guess = nearest(name, known);
    const meant = guess === undefined ? "" : `; did you mean ${guess}?`;
    if (/^conf[A-Z]/.test(name) && optionDefined(name) === undefined) {
      faults.push(new ConfigError(file, line, `unknown define ${name}${meant}`));
    } else if (!name.startsWith("_") && (m4.used.get(name) ?? 0) === 0 && guess !== undefined) {
      addNote(config, macro.origin, `define ${name}: nothing uses it${meant}`);
    }
  }
}
