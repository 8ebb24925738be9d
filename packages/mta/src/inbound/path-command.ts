/**
 * The grammar of `MAIL FROM:<path> parameters` and `RCPT TO:<path> parameters` (RFC 5321 sections 4.1.1.2, 4.1.1.3, 4.1.2).
 * Pure. Addresses keep every byte: no case is changed, no domain recoded.
 */
import { splitAddress } from "@mailhost/common/address";
import type { SmtpReply } from "@mailhost/common/errors";
import { reply, replyAbout } from "../policy/reply.ts";

/** A path and its parameters. */
export interface PathCommand {
  /** Empty for `<>`. A source route has been taken off (RFC 5321 appendix C). */
  readonly address: string;
  /** Names in upper case; a parameter with no value has `""`. */
  readonly parameters: ReadonlyMap<string, string>;
}

/** What was read, or the refusal. */
export type PathRead =
  | { readonly ok: true; readonly value: PathCommand }
  | { readonly ok: false; readonly reply: SmtpReply };

/** RFC 5321 section 4.5.3.1.3 allows 256; longer ones are in use. */
const MAX_PATH = 512;

/**
 * Reads what follows the verb.
 *
 * @param argument the line after `MAIL` or `RCPT`
 */
export function readPathCommand(keyword: "FROM" | "TO", argument: string): PathRead {
  const plain = PLAIN.exec(argument);
  if (plain !== null && plain[1]!.toUpperCase() === keyword && isPlain(plain[2]!))
    return { ok: true, value: { address: plain[2]!, parameters: NO_PARAMETERS } };
  const match = /^\s*(from|to)\s*:\s*/i.exec(argument);
  if (match?.[1]?.toUpperCase() !== keyword || argument.includes("\ufffd")) return syntaxError(argument);
  const end = pathEnd(argument, match[0].length);
  if (end === undefined) return unbalanced(argument.slice(match[0].length)) ?? syntaxError(argument);
  const path = argument.slice(match[0].length, end);
  const bracketed = path.startsWith("<");
  const address = (bracketed ? path.slice(1, -1) : path).trim().replace(/^@[^\s,:@]+(?:,@[^\s,:@]+)*:/, "");
  const parameters = readParameters(argument.slice(end));
  if (!parameters.ok) return parameters;
  if (path === "") return syntaxError(argument);
  const fault = address === "" ? undefined : addressFault(address);
  return fault === undefined
    ? { ok: true, value: { address, parameters: parameters.value } }
    : refused(fault);
}

/**
 * What nearly every client sends, read at once: a host name and a local part of characters none of which means anything here, and no
 * parameters. It gives what the rest of this file would give, which a test holds against it.
 */
const PLAIN = /^(from|to):<([a-z0-9._=-]+@[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)>$/i;

const NO_PARAMETERS: ReadonlyMap<string, string> = new Map();

/** What {@link PLAIN} lets through and no host name has. The whole is shorter than a domain may be. */
function isPlain(address: string): boolean {
  return address.length <= 253 && !address.includes("..");
}

/** Sendmail shows the keyword that it could not use, and not what follows its colon. */
function syntaxError(argument: string): { readonly ok: false; readonly reply: SmtpReply } {
  const shown = argument.replace(/:.*/s, "").slice(0, 200);
  return refused(reply(501, "5.5.2", `Syntax error in parameters scanning "${shown}"`));
}

function refused(r: SmtpReply): { readonly ok: false; readonly reply: SmtpReply } {
  return { ok: false, reply: r };
}

/** The refusal of a path whose bracket or quotation mark has no partner. */
function unbalanced(text: string): PathRead | undefined {
  const bare = text.replace(/\\./gs, "").replace(/"[^"]*"/g, "");
  const [opened, closed] = [bare.includes("<"), bare.includes(">")];
  const missing = bare.includes('"') ? '"' : opened && !closed ? "<" : closed && !opened ? ">" : undefined;
  if (missing === undefined || /\p{Cc}/u.test(text)) return undefined;
  return refused(reply(553, "5.0.0", `${text.slice(0, MAX_PATH)}... Unbalanced '${missing}'`));
}

/** Where the path ends: after its `>`, or, with no brackets, before the first blank. Quoted strings hide both. */
function pathEnd(text: string, start: number): number | undefined {
  const bracketed = text[start] === "<";
  let quoted = false;
  for (let at = start + (bracketed ? 1 : 0); at < text.length; at += 1) {
    const c = text[at]!;
    // Also within quotes and behind a backslash: it would end up in log, mailboxes and other hosts' commands.
    if (isControl(c)) return undefined;
    if (quoted) {
      if (c === "\\" && !isControl(text[at + 1] ?? "")) at += 1;
      else if (c === '"') quoted = false;
    } else if (c === '"') {
      quoted = true;
    } else if (bracketed) {
      if (c === "<") return undefined;
      if (c === ">") return text[at + 1] === undefined || /\s/.test(text[at + 1]!) ? at + 1 : undefined;
    } else if (c === "<" || c === ">") {
      return undefined;
    } else if (/\s/.test(c)) {
      return at;
    }
  }
  return bracketed || quoted ? undefined : text.length;
}

/** Of category Cc; false for the end of the text. */
function isControl(c: string): boolean {
  const code = c.charCodeAt(0);
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/** What is wrong with an address, in Sendmail's words, or undefined. */
function addressFault(address: string): SmtpReply | undefined {
  if (address.length > MAX_PATH)
    return reply(553, "5.1.0", `<${address.slice(0, 40)}...>... Address too long`);
  const { localPart, domain } = splitAddress(address);
  const about = (text: string, enhanced = "5.1.3") => replyAbout(address, 553, enhanced, text);
  if (/^@/.test(address) || localPart === "") return about("User address required");
  if (/@\.?$/.test(address)) return about("Hostname required");
  const bare = localPart.replace(/"(?:[^"\\]|\\.)*"/gs, "");
  if (/[@,]/.test(bare)) return about("Invalid route address");
  if (!isLocalPart(localPart)) return about("Invalid user address");
  return domain === "" || isDomain(domain) ? undefined : about("Invalid host name", "5.1.2");
}

/** A quoted string, or characters none of which needs quoting. */
function isLocalPart(text: string): boolean {
  if (/^"(?:[^"\\]|\\.)*"$/s.test(text) || /^:include:[^\s"(),;<>[\]\\]+$/i.test(text)) return true;
  return !/[\s"(),:;<>[\]\\]/.test(text);
}

/** A host name, or an address literal. Letters beyond ASCII are an IDN's. */
function isDomain(text: string): boolean {
  if (/^\[[0-9A-Za-z.:]+\]$/.test(text)) return true;
  return (
    text.length <= 253 &&
    /^[A-Za-z0-9_\u0080-\u{10ffff}-]+(?:\.[A-Za-z0-9_\u0080-\u{10ffff}-]+)*$/u.test(text)
  );
}

function readParameters(
  text: string,
):
  | { readonly ok: true; readonly value: Map<string, string> }
  | { readonly ok: false; readonly reply: SmtpReply } {
  const parameters = new Map<string, string>();
  for (const word of text.split(/\s+/).filter((w) => w !== "")) {
    const at = word.indexOf("=");
    const name = (at < 0 ? word : word.slice(0, at)).toUpperCase();
    if (!/^[A-Z0-9][A-Z0-9-]*$/.test(name)) {
      // Sendmail reads as far as a name goes: of `<a@b>` that is nothing, of `bob@c` it is `bob`.
      const read = /^[A-Za-z0-9-]*/.exec(word)![0].slice(0, 80);
      return refused(reply(555, "5.5.4", `${read} parameter unrecognized`));
    }
    if (parameters.has(name)) return refused(reply(501, "5.5.0", `Duplicate ${name} parameter`));
    parameters.set(name, at < 0 ? "" : word.slice(at + 1));
  }
  return { ok: true, value: parameters };
}
