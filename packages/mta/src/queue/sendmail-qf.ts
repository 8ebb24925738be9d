/**
 * Reads the control file of a message in Sendmail's queue (`qfID`, in quarantine `hfID`): one field a line, by its first
 * letter, until a line that is a dot. Pure: bytes in, fields out. Versions 4 to 8 of the form, Sendmail 8.9 to 8.18.
 */
import type { NotifyWhen } from "./queue-entry.ts";

/** A recipient as an R line and the lines before it tell. */
export interface QfRecipient {
  /** As it stands there: an address, `|"command"`, `/file`; brackets taken off. */
  readonly address: string;
  readonly notify?: readonly NotifyWhen[];
  /** ORCPT (`Q`), decoded as it stands. */
  readonly originalRecipient?: string;
  /** The address before aliases (`r`). */
  readonly finalRecipient?: string;
  /** On whose behalf it is delivered (`C`): a user, or an alias with DefaultUser's number; and the alias that led there. */
  readonly controller?: { readonly user: string; readonly uid?: number; readonly alias?: string };
}

/** A control file's content. */
export interface QfMessage {
  /** `<>` and MAILER-DAEMON are empty. */
  readonly sender: string;
  readonly recipients: readonly QfRecipient[];
  /** ms since 1970. */
  readonly receivedAt: number;
  readonly lastAttemptAt: number;
  readonly attempts: number;
  readonly envelopeId?: string;
  readonly dsnReturn?: "FULL" | "HDRS";
  readonly eightBit: boolean;
  /** The sender was told of the delay. */
  readonly warned: boolean;
  readonly isReport: boolean;
  readonly quarantine?: string;
  /** Why it is still there (`M`). */
  readonly reason?: string;
  /** `$_`: `host [ip]`, `user@localhost`. */
  readonly relay: string;
  /** `$r`, `$s`. */
  readonly protocol: string;
  readonly helo: string;
  /** The header as it is relayed, CRLF line ends, latin1 for its bytes. */
  readonly header: string;
}

/** What was read, or why not. */
export type QfRead =
  | { readonly ok: true; readonly message: QfMessage }
  | { readonly ok: false; readonly reason: string };

/** Forms that are known. */
const OLDEST = 4;
const NEWEST = 8;

/** Headers that Sendmail keeps conditionally and would not send: the return path is made at delivery. */
const NOT_SENT = /^(return-path|full-name)$/i;

const NOTIFY: Readonly<Record<string, NotifyWhen>> = { S: "SUCCESS", F: "FAILURE", D: "DELAY" };

/** What the lines so far have told. */
interface Draft {
  version: number;
  sender?: string;
  receivedAt: number;
  lastAttemptAt: number;
  attempts: number;
  envelopeId?: string;
  flags: string;
  bodyType: string;
  quarantine?: string;
  reason?: string;
  macros: Map<string, string>;
  headers: string[];
  recipients: QfRecipient[];
  /** Of the next R line. */
  next: {
    originalRecipient?: string;
    finalRecipient?: string;
  };
  /** Of all R lines up to the next C line. */
  controller?: NonNullable<QfRecipient["controller"]>;
}

/** Reads a whole control file. One that has no end was cut off and is refused. */
export function readQf(bytes: Uint8Array): QfRead {
  const lines = logicalLines(Buffer.from(bytes).toString("latin1"));
  const end = lines.indexOf(".");
  if (end < 0) return { ok: false, reason: "it has no end: Sendmail was still writing it, or it is cut off" };
  const draft: Draft = {
    version: 0,
    receivedAt: 0,
    lastAttemptAt: 0,
    attempts: 0,
    flags: "",
    bodyType: "",
    macros: new Map(),
    headers: [],
    recipients: [],
    next: {},
  };
  for (const line of lines.slice(0, end)) {
    const fault = take(draft, line[0] ?? "", line.slice(1));
    if (fault !== undefined) return { ok: false, reason: fault };
  }
  if (draft.version === 0) return { ok: false, reason: "it has no version line (V): not a control file" };
  if (draft.sender === undefined) return { ok: false, reason: "it names no sender (S)" };
  return { ok: true, message: finished(draft, draft.sender) };
}

/** Lines, with those that begin with a blank joined to the one before. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  for (const line of text.replace(/\n$/, "").split("\n")) {
    if (/^[ \t]/.test(line) && lines.length > 0) lines[lines.length - 1] += `\n${line}`;
    else lines.push(line);
  }
  return lines;
}

/** One field; returns what is wrong with it. */
function take(draft: Draft, letter: string, value: string): string | undefined {
  switch (letter) {
    case "V":
      draft.version = Number.parseInt(value, 10);
      return draft.version >= OLDEST && draft.version <= NEWEST
        ? undefined
        : `version ${value.slice(0, 20)} of the form is not known (${OLDEST} to ${NEWEST} are)`;
    case "S":
      draft.sender = senderOf(text(value));
      return undefined;
    case "T":
    case "K":
      if (!/^\d{1,12}$/.test(value)) return `${letter}${value.slice(0, 20)}: not a time`;
      draft[letter === "T" ? "receivedAt" : "lastAttemptAt"] = Number(value) * 1000;
      return undefined;
    case "N":
      draft.attempts = Number.parseInt(value, 10) || 0;
      return undefined;
    case "F":
      draft.flags += value;
      return undefined;
    case "B":
      draft.bodyType = value.toUpperCase();
      return undefined;
    case "Z":
      draft.envelopeId = text(value);
      return undefined;
    case "q":
      draft.quarantine = text(value);
      return undefined;
    case "M":
      draft.reason ??= text(value);
      return undefined;
    case "$":
      // The name is a letter, or several in braces.
      draft.macros.set(/^\{[^}]*\}|^./s.exec(value)?.[0] ?? "", text(value.replace(/^\{[^}]*\}|^./s, "")));
      return undefined;
    case "H":
      draft.headers.push(value);
      return undefined;
    case "Q":
      draft.next.originalRecipient = text(value);
      return undefined;
    case "r":
      draft.next.finalRecipient = text(value).replace(/^[^;]*;\s*/, "");
      return undefined;
    case "C":
      if (/^:*$/.test(value)) delete draft.controller;
      else draft.controller = controllerOf(text(value));
      return undefined;
    case "R":
      draft.recipients.push(recipientOf(text(value), draft));
      draft.next = {};
      return undefined;
    default:
      // A (AUTH=), P, I, D, E, X and what later versions add say nothing that we keep.
      return undefined;
  }
}

/** Bytes as text: UTF-8 where they are, else one character each. */
function text(latin1: string): string {
  const bytes = Buffer.from(latin1, "latin1");
  const utf8 = bytes.toString("utf8");
  return Buffer.from(utf8, "utf8").equals(bytes) ? utf8 : latin1;
}

function bare(address: string): string {
  const trimmed = address.trim();
  return /^<.*>$/s.test(trimmed) ? trimmed.slice(1, -1) : trimmed;
}

function senderOf(written: string): string {
  const address = bare(written);
  return /^mailer-daemon(@|$)/i.test(address) ? "" : address;
}

/** `user:uid:gid:alias`, `user:alias`, or a name alone. */
function controllerOf(value: string): NonNullable<QfRecipient["controller"]> {
  const [user = "", ...rest] = value.split(":");
  const alias = rest.at(-1);
  const uid = rest.length > 1 && /^\d{1,10}$/.test(rest[0]!) ? { uid: Number(rest[0]) } : {};
  return { user, ...uid, ...(alias === undefined || /^\d*$/.test(alias) ? {} : { alias: bare(alias) }) };
}

/**
 * `RPFD:<a@b>`: P primary, A from an alias, N NOTIFY was given, S F D when; old files have no flags. A program or a file with
 * blanks in it stands in quotes, `"|/bin/a b"`.
 */
function recipientOf(value: string, { next, controller }: Draft): QfRecipient {
  const match = /^([A-Z]*):(.*)$/s.exec(value);
  const flags = match?.[1] ?? "";
  const written = bare(match?.[2] ?? value);
  const address = /^"(\\?[|/].*)"$/s.exec(written)?.[1]?.replace(/\\(.)/gs, "$1") ?? written;
  const asked = flags.split("").flatMap((flag) => NOTIFY[flag] ?? []);
  const notify: readonly NotifyWhen[] | undefined = flags.includes("N")
    ? asked.length === 0
      ? ["NEVER"]
      : asked
    : undefined;
  return {
    address,
    ...(notify === undefined ? {} : { notify }),
    ...next,
    ...(controller === undefined ? {} : { controller }),
  };
}

function finished(draft: Draft, sender: string): QfMessage {
  const { flags, macros, envelopeId, quarantine, reason } = draft;
  return {
    sender,
    recipients: draft.recipients,
    receivedAt: draft.receivedAt,
    lastAttemptAt: draft.lastAttemptAt,
    attempts: draft.attempts,
    ...(envelopeId === undefined ? {} : { envelopeId }),
    ...(flags.includes("d") ? { dsnReturn: flags.includes("n") ? "HDRS" : "FULL" } : {}),
    eightBit: flags.includes("8") || draft.bodyType === "8BITMIME",
    warned: flags.includes("w"),
    isReport: flags.includes("r"),
    ...(quarantine === undefined ? {} : { quarantine }),
    ...(reason === undefined ? {} : { reason }),
    relay: macros.get("_") ?? "",
    protocol: macros.get("r") ?? "",
    helo: macros.get("s") ?? "",
    header: draft.headers.flatMap(headerField).join(""),
  };
}

/** `?flags?Name: value`, or without flags: the field, unless it is one that is never sent. */
function headerField(line: string): string[] {
  const field = line.replace(/^\?[^?]*\?/, "");
  const name = /^([!-9;-~]+)[ \t]*:/.exec(field)?.[1];
  if (name === undefined || NOT_SENT.test(name)) return [];
  return [`${field.replace(/\r?\n/g, "\r\n")}\r\n`];
}
