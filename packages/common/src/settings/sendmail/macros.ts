/**
 * Macros (`D` lines) that say where mail goes and what the host is called.
 */
import type { Draft } from "./draft.ts";
import { relayPort } from "./mailers.ts";
import type { Given, SendmailConfig } from "./model.ts";

const SETTINGS: Readonly<Record<string, string>> = {
  M: "rewrite.masqueradeAs",
  L: "routing.luserRelay",
  R: "routing.localRelay",
  H: "routing.mailHub",
};

/** Macros of Sendmail's m4 files that mean nothing here, and why where it is worth a word. */
const STOCK_MACROS: Readonly<Record<string, string>> = {
  Z: "",
  n: "",
  m: "",
  w: "",
  k: "",
  e: "",
  o: "",
  l: "",
  q: "",
  U: "",
  V: "",
  W: "",
  X: "",
  Y: "UUCP is not spoken",
  B: "BITNET is no more",
  C: "DECnet is not spoken",
  F: "mail is not faxed",
  sendmailMTACluster: "",
  MTAHost: "",
  addrmode: "",
};

/** Applies the macros. */
export function applyMacros(config: SendmailConfig, draft: Draft, hostname: string): void {
  for (const [name, given] of config.macros) {
    const value = given.value.trim();
    if (name === "j") {
      if (value !== "") draft.set("hostname", expandHostName(value, config, hostname), given.origin);
    } else if (name === "S") {
      if (value !== "" && !config.features.has("nullclient")) {
        draft.set("relay.smartHost", withPort(value, relayPort(config)), given.origin);
      }
    } else if (SETTINGS[name] !== undefined) {
      const ofNullClient = name === "H" && config.features.has("nullclient");
      if (value !== "" && !ofNullClient) draft.set(SETTINGS[name], value, given.origin);
    } else noteUnused(name, given, draft);
  }
}

function noteUnused(name: string, { value, origin }: Given, draft: Draft): void {
  const reason = Object.hasOwn(STOCK_MACROS, name)
    ? STOCK_MACROS[name]
    : "not carried over; only rules written by hand use it";
  if (reason !== undefined && reason !== "" && value.trim() !== "")
    draft.note(origin, `macro ${name}: ${reason}`);
}

/** `$w.example.com`: $w is the machine's short name, $m its domain; macros of the file itself count before them. */
function expandHostName(text: string, config: SendmailConfig, hostname: string): string {
  const [short = hostname, ...domain] = hostname.split(".");
  const known: Readonly<Record<string, string>> = {
    w: short,
    k: hostname,
    j: hostname,
    m: domain.join("."),
  };
  const expand = (whole: string, long?: string, letter?: string): string => {
    const name = long ?? letter ?? "";
    const given = name === "j" ? undefined : config.macros.get(name)?.value.trim();
    return given !== undefined && given !== "" && !given.includes("$") ? given : (known[name] ?? whole);
  };
  return text.replace(/\$(?:\{(\w+)\}|(\w))/g, expand).replace(/^\.+|\.+$/g, "");
}

/** A smart host with the port of the mailer that calls it, where it names none itself. */
function withPort(host: string, port: number | undefined): string {
  if (port === undefined || /:\d+$/.test(host.replace(/^\w+:(?!\d+$)/, ""))) return host;
  return `${host}:${port}`;
}
