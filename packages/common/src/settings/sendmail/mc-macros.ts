/**
 * The macros of Sendmail's m4 files that a `config.mc` calls, each as what it adds to the configuration.
 */
import { ConfigError } from "../../errors.ts";
import { nearest } from "../nearest.ts";
import type { HostMacro, M4, M4Call } from "./m4.ts";
import { define, macroOf } from "./m4.ts";
import { MC_MAILERS, noteMailer } from "./mailers.ts";
import { callFeature } from "./mc-features.ts";
import { DOMAINS, OSTYPES, type StockEffects } from "./mc-systems.ts";
import { addNote, addToClass, classOf, type Given, type Origin, type SendmailConfig } from "./model.ts";

/** A reading in progress. */
export interface McReading {
  readonly config: SendmailConfig;
  readonly faults: ConfigError[];
  readonly daemons: Given[];
  readonly clients: Given[];
  /** MAILER calls by name. */
  readonly mailers: Map<string, Origin>;
  /** Marks that macros leave for the end: `cw`, `ct`, `noMsa`, `virtHosts`, `ostype`. */
  readonly flags: Set<string>;
}

/** Where text goes, as in Sendmail's m4 files. */
export const DIVERSIONS = { head: 0, config: 6, mailers: 7, rulesets: 9 } as const;

/** Macros that give words to a class. */
const CLASS_WORDS: Readonly<Record<string, string>> = {
  LOCAL_DOMAIN: "w",
  LOCAL_USER: "L",
  EXPOSED_USER: "E",
  MASQUERADE_DOMAIN: "M",
  MASQUERADE_EXCEPTION: "N",
  RELAY_DOMAIN: "R",
  GENERICS_DOMAIN: "G",
  VIRTUSER_DOMAIN: "VirtHost",
  CANONIFY_DOMAIN: "Canonify",
  LDAPROUTE_DOMAIN: "LDAPRoute",
  LDAPROUTE_EQUIVALENT: "LDAPRouteEquiv",
  TRUST_AUTH_MECH: "TrustAuthMech",
};

/** Macros that begin a part of the file. */
const PARTS: Readonly<Record<string, number>> = {
  LOCAL_CONFIG: DIVERSIONS.config,
  MAILER_DEFINITIONS: DIVERSIONS.mailers,
  LOCAL_RULESETS: DIVERSIONS.rulesets,
  LOCAL_NET_CONFIG: 1,
  LOCAL_RULE_3: 2,
  LOCAL_RULE_0: 3,
  LOCAL_UUCP: 4,
  LOCAL_DNSBL: 8,
};

/** Macros that begin a ruleset of the site's own. */
const RULESETS: Readonly<Record<string, string>> = {
  LOCAL_RULE_1: "sender=1",
  LOCAL_RULE_2: "recipient=2",
  LOCAL_SRV_FEATURES: "Local_srv_features",
  LOCAL_CLT_FEATURES: "Local_clt_features",
  LOCAL_TRY_TLS: "Local_try_tls",
  LOCAL_TLS_RCPT: "Local_tls_rcpt",
  LOCAL_TLS_CLIENT: "Local_tls_client",
  LOCAL_TLS_SERVER: "Local_tls_server",
};

/** Macros that change nothing here, and why where that is worth a word. */
const UNUSED: Readonly<Record<string, string>> = {
  VERSIONID: "",
  CLIENT_OPTIONS: "deliveries leave from the address that the system chooses",
  MODIFY_MAILER_FLAGS: "",
  MAIL_FILTER: "milters are not called",
  INPUT_MAIL_FILTER: "milters are not called",
  QUEUE_GROUP: "there is one queue, without groups",
  HACK: "a file of rules written by hand, not carried over",
  SITECONFIG: "UUCP is not spoken",
  SITE: "UUCP is not spoken",
  UUCPSMTP: "UUCP is not spoken",
  PUSHDIVERT: "",
  POPDIVERT: "",
};

/** The macros. */
export function stockMacros(m4: M4, reading: McReading): Readonly<Record<string, HostMacro>> {
  const { config } = reading;
  const macros: Record<string, HostMacro> = {};
  const add = (name: string, run: (call: M4Call) => unknown) => {
    macros[name] = {
      run: (call) => {
        const text = run(call);
        return typeof text === "string" ? text : "";
      },
    };
  };
  for (const [name, diversion] of Object.entries(PARTS)) add(name, () => void (m4.diversion = diversion));
  for (const [name, ruleset] of Object.entries(RULESETS)) {
    add(name, () => {
      m4.diversion = DIVERSIONS.rulesets;
      return `\nS${ruleset}\n`;
    });
  }
  for (const [name, className] of Object.entries(CLASS_WORDS)) {
    add(name, ({ args: [words = ""], origin }) => {
      if (className === "VirtHost") reading.flags.add("virtHosts");
      addToClass(config, className, words, origin);
    });
    add(`${name}_FILE`, ({ args: [file = ""], origin }) => {
      if (className === "VirtHost") reading.flags.add("virtHosts");
      classOf(config, className).files.push({ value: file, origin });
    });
  }
  for (const [name, reason] of Object.entries(UNUSED)) {
    add(name, ({ origin, args }) => {
      const shown = args[0] === undefined ? "" : `(${args[0].trim().slice(0, 60)})`;
      if (reason !== "") addNote(config, origin, `${name}${shown}: ${reason}`);
    });
  }
  add(
    "MASQUERADE_AS",
    ({ args: [domain = ""], origin }) => void config.macros.set("M", { value: domain, origin }),
  );
  add("DAEMON_OPTIONS", ({ args, origin }) => void reading.daemons.push({ value: args[0] ?? "", origin }));
  add("FEATURE", (call) => {
    const [name = "", ...args] = call.args;
    if (reading.mailers.size > 0)
      addNote(config, call.origin, `FEATURE(${name}): belongs before the first MAILER`);
    callFeature(m4, reading, { name: name.trim(), args, origin: call.origin });
  });
  add("OSTYPE", ({ args, origin }) => {
    reading.flags.add("ostype");
    applyStock(m4, reading, { what: "OSTYPE", name: (args[0] ?? "").trim(), known: OSTYPES, origin });
  });
  add("DOMAIN", ({ args, origin }) => {
    const name = (args[0] ?? "").trim();
    // A company's own, beside Sendmail's.
    const own = /^[\w.-]+$/.test(name) ? readOwn(m4, `domain/${name}.m4`) : undefined;
    if (own === undefined) applyStock(m4, reading, { what: "DOMAIN", name, known: DOMAINS, origin });
    else m4.input.include(`${own.text}\ndivert(0)dnl\n`, own.file);
  });
  add("MAILER", ({ args, origin }) => {
    const name = (args[0] ?? "").trim();
    if (!Object.hasOwn(MC_MAILERS, name)) {
      reading.faults.push(unknown("MAILER", name, Object.keys(MC_MAILERS), origin));
      return;
    }
    reading.mailers.set(name, origin);
    noteMailer(config, name, { value: name, origin });
  });
  add("MAILHOST_SETTING", ({ args: [path = "", value = ""], origin }) => {
    config.own.set(path.trim(), { value, origin });
  });
  add("DOL", ({ args }) => `$${args[0] ?? ""}`);
  add("CONCAT", ({ args }) => args.slice(0, 7).join(""));
  add("lower", ({ args }) => (args[0] ?? "").toLowerCase());
  // Words that only mean something with an argument list would be taken for text otherwise.
  for (const name of ["DOL", "CONCAT", "lower"]) macros[name] = { ...macros[name]!, needsList: true };
  return macros;
}

function readOwn(m4: M4, path: string): { readonly text: string; readonly file: string } | undefined {
  return m4.files.read(path) ?? m4.files.read(`../${path}`);
}

function applyStock(
  m4: M4,
  reading: McReading,
  {
    what,
    name,
    known,
    origin,
  }: { what: string; name: string; known: Readonly<Record<string, StockEffects>>; origin: Origin },
): void {
  const effects = Object.hasOwn(known, name) ? known[name] : undefined;
  if (effects === undefined) {
    reading.faults.push(unknown(what, name, Object.keys(known), origin));
    return;
  }
  for (const [macro, body] of Object.entries(effects.defines)) {
    // Where the files of mailers and paths are, what was defined before stays.
    const keep = /^(?:LOCAL_|PROCMAIL_|STATUS_FILE|ALIAS_FILE)/.test(macro) && isSiteDefined(m4, macro);
    if (!keep) define(m4, macro, { kind: "text", body, origin });
  }
  for (const user of effects.exposedUsers ?? []) addToClass(reading.config, "E", user, origin);
  for (const feature of effects.features ?? []) callFeature(m4, reading, { name: feature, args: [], origin });
}

/** Whether the site's own file defined a macro, not Sendmail's. */
function isSiteDefined(m4: M4, name: string): boolean {
  const macro = macroOf(m4, name);
  return macro?.kind === "text" && macro.origin.line > 0;
}

/** A name that does not exist, with the one that was probably meant. */
export function unknown(
  what: string,
  name: string,
  known: readonly string[],
  { file, line }: Origin,
): ConfigError {
  const guess = nearest(name, known);
  const named = name === "" ? `${what} needs a name` : `unknown ${what} ${JSON.stringify(name)}`;
  return new ConfigError(file, line, `${named}${guess === undefined ? "" : `; did you mean ${guess}?`}`);
}

/** The macro that was probably meant. */
export function nearestMacro(m4: M4, name: string): string | undefined {
  return nearest(
    name,
    [...m4.macros.keys()].filter(
      (known) => /^[A-Z]/.test(known) || /^(?:define|undefine|include|divert)$/.test(known),
    ),
  );
}
