/**
 * What address test mode (`sendmail -bt`) answers. Rulesets are not interpreted: each that people run by hand is answered
 * by the decision of the host that does its work, so that what is printed is what a session or a delivery does.
 */
import { isIP } from "node:net";
import { joinAddress, splitAddress } from "@mailhost/common/address";
import { messageOf } from "@mailhost/common/errors";
import { printTarget } from "@mailhost/common/tables/alias-targets";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { isAbsent, type Resolver } from "../dns/resolver.ts";
import { EXPLAINED_RULESETS, explainRuleset } from "../policy/explain.ts";
import type { Client, PolicyFacts } from "../policy/policy-facts.ts";
import { refusalText } from "../submit/refusal.ts";
import type { Written } from "../submit/written-address.ts";
import { inputLine, returnsLine, TEST_HELP } from "./test-mode-text.ts";
import { mailerOf, type NextHops } from "./verify.ts";

/** What the session knows. */
export interface TestParts {
  readonly hostname: string;
  readonly smartHost: string | undefined;
  readonly tables: SiteTables;
  /** The facts, with the names that `.Cw` has added. */
  facts(moreNames: ReadonlySet<string>): PolicyFacts;
  resolve(address: string, moreNames: ReadonlySet<string>): Promise<Written>;
  /** The sender or a header address as it leaves by a mailer. */
  rewrite(address: string, what: { readonly sender: boolean; readonly header: boolean }): string;
  readonly resolver: Resolver;
  ownNames(): string[];
}

/** A session; `answer` gives the lines for one line of input, undefined at its end. */
export interface TestSession {
  answer(line: string): Promise<string[] | undefined>;
}

/** Names of rulesets by number. */
const NUMBERED: Readonly<Record<string, string>> = {
  "0": "parse",
  "3": "canonify",
  "4": "final",
  "5": "localaddr",
};

/** Opens a session. */
export function openTestSession(parts: TestParts): TestSession {
  const macros = new Map<string, string>([
    ["j", parts.hostname],
    ["w", parts.hostname.split(".")[0] ?? parts.hostname],
    ["m", parts.hostname.split(".").slice(1).join(".")],
    ["client_addr", ""],
    ["client_name", ""],
  ]);
  const added = new Map<string, Set<string>>();
  let tryFlags = "ER";
  const names = (): ReadonlySet<string> => added.get("w") ?? new Set();

  const dot = (rest: string): string[] => {
    const [, kind, macro, value = ""] = /^([DC])(\{[^}]*\}|.)\s*(.*)$/su.exec(rest) ?? [];
    if (rest === "") return ["Usage: .[DC]macro value(s)"];
    if (kind === undefined || macro === undefined) return [`Unknown "." command .${rest.split(" ")[0]}`];
    const name = macro.replace(/^\{(.*)\}$/, "$1");
    if (kind === "D") macros.set(name, value.replace(/^IPv6:/i, ""));
    else {
      const members = added.get(name) ?? new Set();
      for (const word of value.split(/\s+/)) if (word !== "") members.add(word.toLowerCase());
      added.set(name, members);
    }
    return [];
  };

  const equals = (rest: string): string[] => {
    if (rest === "M") return MAILERS;
    if (!rest.startsWith("S")) return ["Usage: =Sruleset or =M"];
    const name = NUMBERED[rest.slice(1)] ?? rest.slice(1);
    const known = isRuleset(name);
    return [
      known
        ? `${name}: answered by the host's own decision; \`mailhost trace\` shows its look-ups`
        : `Undefined ruleset ${rest.slice(1)}`,
    ];
  };

  const dollar = (rest: string): string[] => {
    if (rest === "") return ["Name required for macro/class"];
    if (!rest.startsWith("=")) {
      const value = macros.get(rest.replace(/^\{(.*)\}$/, "$1"));
      return [value ?? "Undefined"];
    }
    const name = rest.slice(1).replace(/^\{(.*)\}$/, "$1");
    return [...new Set([...membersOf(name, parts), ...(added.get(name) ?? [])])];
  };

  const rulesets = async (which: string, input: string): Promise<string[]> => {
    const lines: string[] = [];
    let text = input;
    for (const written of which.split(",")) {
      const name = NUMBERED[written] ?? written;
      if (!isRuleset(name)) return [...lines, `Undefined ruleset ${written}`];
      lines.push(inputLine(name, text));
      const policy = explainRuleset(name, text, parts.facts(names()), clientOf(macros), senderOf(macros));
      if (policy === undefined) text = await addressRuleset(name, text, parts, names());
      else {
        lines.push(...policy.lookups.map((lookup) => `  ${lookup}`));
        text = policy.returns;
      }
      lines.push(returnsLine(name, text));
    }
    return lines;
  };

  return {
    async answer(line) {
      const text = line.trimEnd();
      if (text === "" || text.startsWith("#") || text.startsWith("-")) return [];
      if (text === "?") return TEST_HELP.split("\n");
      const first = text.charAt(0);
      const rest = text.slice(1);
      if (first === ".") return dot(rest);
      if (first === "=") return equals(rest);
      if (first === "$") return dollar(rest);
      if (first === "/") {
        const [, command = "", argument = ""] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
        if (command === "quit") return undefined;
        if (command === "tryflags") {
          const faulty = /[^SREH]/i.test(argument) || argument === "";
          if (faulty) return ["Usage: /tryflags [Hh|Ee][Ss|Rr]"];
          tryFlags = argument.toUpperCase();
          return [];
        }
        return slash(command, argument, parts, names(), tryFlags);
      }
      const [, which = "", input = ""] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
      return input === "" ? ["No address!"] : rulesets(which, input);
    },
  };
}

/** The commands that begin with a slash. */
async function slash(
  command: string,
  argument: string,
  parts: TestParts,
  names: ReadonlySet<string>,
  flags: string,
): Promise<string[]> {
  switch (command) {
    case "parse":
      return argument === "" ? ["Usage: /parse address"] : parseLines(argument, parts, names);
    case "try": {
      const [, mailer, address] = /^(\S+)\s+(.+)$/s.exec(argument) ?? [];
      if (mailer === undefined || address === undefined) return ["Usage: /try mailer address"];
      const what = { sender: flags.includes("S"), header: flags.includes("H") };
      const kind = `${what.header ? "header" : "envelope"} ${what.sender ? "sender" : "recipient"}`;
      return [
        `Trying ${kind} address ${address} for mailer ${mailer}`,
        `Rcode = 0, addr = ${parts.rewrite(address, what)}`,
      ];
    }
    case "mx":
      return argument === "" ? ["Usage: /mx address"] : mxLines(argument, parts.resolver);
    case "canon":
      return argument === "" ? ["Usage: /canon address"] : [`getcanonname(${argument}) returns ${argument}`];
    case "map":
      return mapLines(argument, parts.tables);
    default:
      return [`Unknown "/" command /${command}`];
  }
}

async function parseLines(address: string, parts: TestParts, names: ReadonlySet<string>): Promise<string[]> {
  const canonical = focused(address);
  const found = await parts.resolve(address, names);
  const lines = [
    "Cracked address = $g",
    "Parsing envelope recipient address",
    inputLine("canonify", address),
    returnsLine("canonify", canonical),
    inputLine("parse", canonical),
  ];
  if (found.kind === "refused") {
    const { enhanced, code } = found.reply;
    const text = refusalText(found.reply).replace(/^.*?\.\.\. /, "");
    return [
      ...lines,
      returnsLine("parse", `$# error $@ ${enhanced} $: "${code} ${text}"`),
      `mailer error, host ${enhanced}, user ${code} ${text}`,
    ];
  }
  const ways = found.recipients.map((r) => mailerOf(r.address, r.target, hopsOf(parts)));
  return [
    ...lines,
    ...ways.slice(0, 1).map((way) => returnsLine("parse", tripleOf(way))),
    ...ways.map(({ mailer, host, user }) =>
      host === undefined ? `mailer ${mailer}, user ${user}` : `mailer ${mailer}, host ${host}, user ${user}`,
    ),
  ];
}

function hopsOf({ tables, smartHost }: TestParts): NextHops {
  return { mailertable: tables.mailertable, smartHost };
}

function tripleOf({ mailer, host, user }: ReturnType<typeof mailerOf>): string {
  const to = host === undefined ? user : focused(user);
  return `$# ${mailer}${host === undefined ? "" : ` $@ ${host}`} $: ${to}`;
}

/** `joe@example.com` as ruleset 3 leaves it: `joe<@example.com.>`. */
function focused(address: string): string {
  if (address.includes("<")) return address;
  const { localPart, domain } = splitAddress(address);
  return domain === "" ? localPart : `${localPart}<@${domain}${domain.startsWith("[") ? "" : "."}>`;
}

/** The address in ruleset 3's form again as people write it. */
function unfocused(text: string): string {
  const address = text.replace(/\s+/g, "").replace(/<@(.*?)\.?>/, "@$1");
  return joinAddress(splitAddress(address));
}

async function addressRuleset(
  name: string,
  text: string,
  parts: TestParts,
  names: ReadonlySet<string>,
): Promise<string> {
  if (text.startsWith("$#")) return text;
  switch (name.toLowerCase()) {
    case "canonify":
      return focused(unfocused(text));
    case "final":
      return unfocused(text);
    case "parse":
    case "localaddr": {
      const found = await parts.resolve(unfocused(text), names);
      if (found.kind === "targets") {
        const [first] = found.recipients;
        return first === undefined ? text : tripleOf(mailerOf(first.address, first.target, hopsOf(parts)));
      }
      const { code, enhanced } = found.reply;
      return `$# error $@ ${enhanced} $: "${code} ${refusalText(found.reply).replace(/^.*?\.\.\. /, "")}"`;
    }
    default:
      return text;
  }
}

function isRuleset(name: string): boolean {
  const key = name.toLowerCase();
  return (
    ["canonify", "parse", "final", "localaddr", "1", "2"].includes(key) ||
    EXPLAINED_RULESETS.some((ruleset) => ruleset.toLowerCase() === key)
  );
}

async function mxLines(host: string, resolver: Resolver): Promise<string[]> {
  try {
    const found = await resolver.mx(host);
    const sorted = [...found].sort((a, b) => a.preference - b.preference);
    return [
      `getmxrr(${host}) returns ${sorted.length} value(s):`,
      ...sorted.map((mx) => `\t${mx.exchange}.`),
    ];
  } catch (error) {
    return [`getmxrr(${host}) returns ${isAbsent(error) ? "0 value(s):" : `-1 (${messageOf(error)})`}`];
  }
}

function mapLines(argument: string, tables: SiteTables): string[] {
  const [, name, key] = /^(\S+)\s+(.+)$/s.exec(argument) ?? [];
  if (name === undefined || key === undefined) return ["Usage: /map mapname key"];
  const value = lookUp(name, key.toLowerCase(), tables);
  if (value === false) return [`Map named "${name}" not found`];
  return [
    value === undefined
      ? `map_lookup: ${name} (${key}) no match (0)`
      : `map_lookup: ${name} (${key}) returns ${value} (0)`,
  ];
}

/** @returns false when there is no such map */
function lookUp(name: string, key: string, tables: SiteTables): string | undefined | false {
  switch (name) {
    case "aliases":
    case "aliases.files":
      return tables.aliases.get(key)?.map(printTarget).join(", ");
    case "access":
      return tables.access.get(key);
    case "virtuser":
    case "virtusertable":
      return tables.virtusertable.get(key);
    case "mailertable":
      return tables.mailertable.get(key);
    case "domaintable":
      return tables.domaintable.get(key);
    case "generics":
    case "genericstable":
      return tables.genericstable.get(key);
    case "authinfo":
      // Passwords are nobody's business here.
      return tables.authinfo.get(key) === undefined ? undefined : "(not shown)";
    default:
      return false;
  }
}

function membersOf(name: string, parts: TestParts): Iterable<string> {
  const { tables } = parts;
  switch (name) {
    case "w":
      return parts.ownNames();
    case "R":
      return [...tables.relayDomains.entries()].map(([key]) => key);
    case "t":
      return [...tables.trustedUsers.entries()];
    case "m":
      return [...parts.facts(new Set()).ownDomains];
    case "G":
      return [...tables.genericsDomains.entries()];
    case "VirtHost":
      return [...tables.virtualDomains.entries()];
    default:
      return [];
  }
}

function clientOf(macros: ReadonlyMap<string, string>): Client {
  const ip = macros.get("client_addr") ?? "";
  const name = macros.get("client_name") ?? "";
  const helo = macros.get("s");
  const account = macros.get("auth_authen") ?? "";
  const mechanism = macros.get("auth_type") ?? "";
  // Without an address the session is this host's own, as for Sendmail.
  return {
    ip: isIP(ip) === 0 ? "127.0.0.1" : ip,
    name: name.startsWith("[") ? "" : name.toLowerCase(),
    ...(helo === undefined ? {} : { helo }),
    // As in Sendmail, who has logged in relays once the mechanism is known too.
    ...(account === "" || mechanism === "" ? {} : { auth: { account, mechanism } }),
  };
}

function senderOf(macros: ReadonlyMap<string, string>): { sender?: string } {
  const sender = macros.get("f");
  return sender === undefined ? {} : { sender };
}

const MAILERS: string[] = [
  "mailer 0 (prog): a |program of an alias or .forward",
  "mailer 1 (*file*): a /file of an alias or .forward",
  "mailer 2 (*include*): an :include: file",
  "mailer 3 (local): a mailbox, see local.mailer",
  "mailer 4 (smtp): SMTP",
  "mailer 5 (esmtp): SMTP with EHLO",
  "mailer 6 (smtp8): SMTP with EHLO",
  "mailer 7 (dsmtp): SMTP with EHLO",
  "mailer 8 (relay): SMTP to a hub or smart host",
];
