/**
 * Looks at a mailbox and says what is wrong with it and what to do: `popper --verify`. It changes nothing and takes no lock.
 */
import type { Stats } from "node:fs";
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { errnoOf, messageOf } from "@mailhost/common/errors";
import { nodeFileSystem } from "@mailhost/common/fs/file-system";
import { readWhole } from "@mailhost/common/fs/whole-io";
import { lockHolder } from "@mailhost/common/mbox/foreign-locks";
import { journalIsEmpty } from "@mailhost/common/mbox/journal";
import type { MailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { type MessageSpan, scanMbox } from "@mailhost/common/mbox/scan";
import { hasTempDrop, tempDropFiles } from "@mailhost/common/mbox/temp-drop";
import type { Site } from "@mailhost/common/site";
import { readStoredIndex } from "./index-store.ts";
import { identityOf, isUntouched, type MailboxIndex } from "./mailbox-index.ts";
import { suspectPlaces } from "./verify-bytes.ts";

/** Something to know about a mailbox. */
export interface VerifyFinding {
  /** `damage`: something is wrong with the file; `warning`: it may be; `note`: how it is just now. */
  readonly level: "damage" | "warning" | "note";
  /** A word for scripts, such as `junk` or `nul-block`. */
  readonly code: string;
  /** What it is, in one line. */
  readonly text: string;
  /** What to do about it; empty when nothing is to be done. */
  readonly advice: string;
  /** Where in the file, bytes, when it is a place. */
  readonly offset?: number;
  readonly length?: number;
}

/** What was found. */
export interface VerifyReport {
  readonly mailbox: string;
  readonly file: string;
  readonly exists: boolean;
  /** Bytes of the file. */
  readonly size: number;
  readonly messages: number;
  /** Octets of the messages as POP3 announces them. */
  readonly octets: number;
  readonly findings: readonly VerifyFinding[];
  /** No finding is damage. */
  readonly sound: boolean;
}

/** How to look. */
export interface VerifyOptions {
  readonly site: Site;
  /** The user id of the mailbox's owner, where there is one. */
  readonly uid?: number;
  /** The user id that the daemons run as. */
  readonly daemon?: number;
  /** The index to compare the file with; absent: the one that is stored. */
  readonly index?: MailboxIndex | "damaged";
  /** Only what costs nothing: the file's kind, owner and mode, and its first bytes. */
  readonly quick?: boolean;
}

type Findings = VerifyFinding[];

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * Verifies one mailbox.
 *
 * @throws errors of the system in reading it; what is wrong with the file is a finding
 */
export async function verifyMailbox(paths: MailboxPaths, options: VerifyOptions): Promise<VerifyReport> {
  const findings: Findings = [];
  await lookAround(paths, options.site, findings);
  const stat = await lstat(paths.mbox).catch((error: unknown) => {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  });
  const counts = { size: stat?.size ?? 0, messages: 0, octets: 0 };
  if (stat !== undefined && isMailboxFile(stat, findings)) {
    checkOwner(stat, options, findings);
    Object.assign(counts, await lookInside(paths, options, findings));
  }
  return {
    mailbox: paths.name,
    file: paths.mbox,
    exists: stat !== undefined,
    ...counts,
    findings,
    sound: findings.every(({ level }) => level !== "damage"),
  };
}

/** Locks, an unfinished change, what Qpopper left. */
async function lookAround(paths: MailboxPaths, site: Site, findings: Findings): Promise<void> {
  const lock = await lstat(paths.lock).catch(() => undefined);
  if (lock !== undefined) {
    const age = Math.max(0, Math.round((Date.now() - lock.mtimeMs) / 1000));
    findings.push({
      level: "note",
      code: "locked",
      text: `${paths.lock} is there, ${age} s old`,
      advice: "nothing: whoever needs the mailbox waits, and breaks it when it is stale",
    });
  }
  if (!(await journalIsEmpty(nodeFileSystem, paths.journal))) {
    findings.push({
      level: "warning",
      code: "unfinished",
      text: `a change of the mailbox is under way or was cut off (${paths.journal})`,
      advice: "nothing: the next delivery, login or start finishes or undoes it; do not remove the journal",
    });
  }
  for (const path of tempDropFiles(site, paths)) {
    if (!(await hasTempDrop(nodeFileSystem, path))) continue;
    findings.push({
      level: "warning",
      code: "temp-drop",
      text: `${path} holds mail of a session that died under Qpopper`,
      advice: "nothing: the next login or start puts it back; if that refuses, the log says why",
    });
  }
}

function isMailboxFile(stat: Stats, findings: Findings): boolean {
  if (!stat.isFile()) {
    const what = stat.isSymbolicLink()
      ? "a symbolic link"
      : stat.isDirectory()
        ? "a folder"
        : "no plain file";
    findings.push({
      level: "damage",
      code: "not-a-file",
      text: `it is ${what}: mail is neither delivered to it nor fetched from it`,
      advice: "move it away; the next delivery makes a mailbox",
    });
    return false;
  }
  if (stat.nlink > 1) {
    findings.push({
      level: "damage",
      code: "names",
      text: `the file has ${stat.nlink} names: mail is neither delivered to it nor fetched from it`,
      advice: `remove the others: find / -xdev -inum ${stat.ino}`,
    });
  }
  return true;
}

function checkOwner({ uid, mode }: Stats, options: VerifyOptions, findings: Findings): void {
  const expected = [options.uid, options.daemon].filter((id) => id !== undefined);
  if (expected.length > 0 && !expected.includes(uid)) {
    findings.push({
      level: "damage",
      code: "owner",
      text: `it belongs to user id ${uid}, not to ${expected.join(" or ")}`,
      advice: `chown ${options.uid ?? options.daemon} it, once you know how it came to be so`,
    });
  }
  const open = mode & 0o007;
  if (open !== 0) {
    const what = (open & 0o002) === 0 ? "read" : "write";
    findings.push({
      level: "damage",
      code: "mode",
      text: `its mode is 0${(mode & 0o777).toString(8)}: everybody can ${what} it`,
      advice: "chmod 0660 it",
    });
  }
  if ((mode & 0o600) !== 0o600 && (mode & 0o060) !== 0o060) {
    findings.push({
      level: "warning",
      code: "mode",
      text: `its mode is 0${(mode & 0o777).toString(8)}: it may not be read and written by the daemons`,
      advice: "chmod 0660 it",
    });
  }
}

async function lookInside(
  paths: MailboxPaths,
  options: VerifyOptions,
  findings: Findings,
): Promise<{ size: number; messages: number; octets: number }> {
  let file: FileHandle;
  try {
    file = await open(paths.mbox, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (errnoOf(error) !== "EACCES") throw error;
    findings.push({
      level: "warning",
      code: "unreadable",
      text: messageOf(error),
      advice: "run this as root",
    });
    return { size: 0, messages: 0, octets: 0 };
  }
  try {
    const before = await identityOf(file);
    if (options.quick === true) {
      await checkStart(file, before.size, findings);
      return { size: before.size, messages: 0, octets: 0 };
    }
    const holder = await lockHolder(await file.stat());
    if (holder !== undefined) {
      const who = holder > 0 ? `process ${holder}` : "a process";
      findings.push({ level: "note", code: "locked", text: `${who} holds a kernel lock on it`, advice: "" });
    }
    const spans: MessageSpan[] = [];
    for await (const some of scanMbox(file, 0, before.size)) for (const span of some) spans.push(span);
    checkJunk(spans, before.size, findings);
    await checkEnd(file, before.size, findings);
    checkIds(spans, findings);
    await checkPlaces(file, spans, findings);
    const index =
      options.index ?? (await readStoredIndex(options.site, paths.name).catch(() => "damaged" as const));
    checkIndex(index, spans, before, findings);
    if (!isUntouched(before, await identityOf(file))) {
      findings.push({
        level: "note",
        code: "changed",
        text: "it changed while it was read",
        advice: "run this again",
      });
    }
    return {
      size: before.size,
      messages: spans.length,
      octets: spans.reduce((sum, { octets }) => sum + octets, 0),
    };
  } finally {
    await file.close();
  }
}

/** The first bytes: those of a message, or none. */
async function checkStart(file: FileHandle, size: number, findings: Findings): Promise<void> {
  const start = Buffer.alloc(Math.min(5, size));
  await readWhole(file, start, 0);
  if (!"From ".startsWith(start.toString("latin1")) || (size > 0 && size < 5)) {
    findings.push(junk(0, undefined));
  }
}

function junk(offset: number, length: number | undefined): VerifyFinding {
  const many = length === undefined ? "it begins with bytes that" : `${length} bytes at offset ${offset}`;
  return {
    level: "damage",
    code: "junk",
    text: `${many} belong to no message: they are kept and shown to nobody`,
    advice: "look at them; if they are a message, give it a From line: From nobody Thu Jan  1 00:00:00 2026",
    offset,
    ...(length !== undefined && { length }),
  };
}

function checkJunk(spans: readonly MessageSpan[], size: number, findings: Findings): void {
  const length = spans[0]?.start ?? size;
  if (length > 0) findings.push(junk(0, length));
}

async function checkEnd(file: FileHandle, size: number, findings: Findings): Promise<void> {
  if (size === 0) return;
  const last = Buffer.alloc(1);
  await readWhole(file, last, size - 1);
  if (last[0] === 10) return;
  findings.push({
    level: "warning",
    code: "cut-short",
    text: "its last line has no end: the last message may be cut short",
    advice: "nothing: the message is served as it is, and the next delivery supplies the line end",
    offset: size,
  });
}

/** X-UIDL fields that two messages share: only the first is called so. */
function checkIds(spans: readonly MessageSpan[], findings: Findings): void {
  const first = new Map<string, number>();
  for (const [i, { uidl, start }] of spans.entries()) {
    if (uidl === undefined) continue;
    const before = first.get(uidl);
    if (before === undefined) first.set(uidl, i + 1);
    else {
      findings.push({
        level: "warning",
        code: "uid-twin",
        text: `messages ${before} and ${i + 1} have the same X-UIDL field, ${uidl}`,
        advice: "nothing: the later one has an id of its own, and a client may fetch it once more",
        offset: start,
      });
    }
  }
}

const PLACES = {
  nul: {
    level: "damage",
    code: "nul-block",
    text: "NUL bytes, as a power loss leaves them: what stood there is lost",
    advice: "nothing: the message around them is served with them",
  },
  from: {
    level: "warning",
    code: "from-line",
    text: "a line that begins with From and ends in no date: it starts no message",
    advice: "if a message should start there, correct the date; else put > before it",
  },
  headless: {
    level: "warning",
    code: "headless",
    text: "looks like a message's header without a From line: it is part of the message before",
    advice: "if it is one, insert: From nobody Thu Jan  1 00:00:00 2026",
  },
} as const;

async function checkPlaces(
  file: FileHandle,
  spans: readonly MessageSpan[],
  findings: Findings,
): Promise<void> {
  const starts = Float64Array.from(spans, ({ start }) => start);
  for (const { kind, offset, length } of await suspectPlaces(file, starts)) {
    const { level, code, text, advice } = PLACES[kind];
    findings.push({
      level,
      code,
      text: `${length} bytes at offset ${offset}: ${text}`,
      advice,
      offset,
      length,
    });
  }
}

function checkIndex(
  index: MailboxIndex | "damaged" | undefined,
  spans: readonly MessageSpan[],
  identity: MailboxIndex["identity"],
  findings: Findings,
): void {
  if (index === undefined) return;
  if (index === "damaged") {
    const text = "its index can not be read";
    findings.push({ level: "warning", code: "index", text, advice: "nothing: the next login makes it anew" });
    return;
  }
  // An older one is compared with the file before it is believed.
  if (index.outdated === true || !isUntouched(index.identity, identity)) return;
  const same =
    index.messages.count === spans.length &&
    spans.every(({ start, end, octets }, i) => {
      const message = index.messages.at(i);
      return message?.start === start && message.end === end && message.octets === octets;
    });
  if (same) return;
  findings.push({
    level: "damage",
    code: "index",
    text: "its index does not agree with the file, though the file has not changed",
    advice: "stop mailhost, remove var/lib/mailhost/pop3-index.mdb and report this",
  });
}
