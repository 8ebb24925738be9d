/**
 * Opens a mailbox for a session: the session's lock, then the mbox's lock for as long as its index is brought up to
 * date. After that the mbox is free, and mail can arrive. Where nothing was done to the mbox since the last session, the
 * mbox's lock is not needed (open-unlocked.ts).
 */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import { type Clock, delay } from "@mailhost/common/clock";
import { messageOf } from "@mailhost/common/errors";
import type { FileSystem } from "@mailhost/common/fs/file-system";
import type { Log } from "@mailhost/common/log/log";
import type { LockedMailbox } from "@mailhost/common/mbox/lock";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import type { MailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { MboxError } from "@mailhost/common/mbox/mbox-error";
import { lockSession, type SessionLock } from "@mailhost/common/mbox/session-lock";
import type { UidFormat } from "@mailhost/common/settings/pop3-settings";
import type { Site } from "@mailhost/common/site";
import type { BackgroundMoves } from "./background-moves.ts";
import type { IndexStore } from "./index-store.ts";
import { identityOf, isSameFile, type MailboxIndex } from "./mailbox-index.ts";
import { Maildrop, type MaildropParts } from "./maildrop.ts";
import { openUnlocked } from "./open-unlocked.ts";
import { type Refreshed, refreshIndex } from "./refresh.ts";

/** How long a login waits for the session before it, ms: one that its client has left is over within this. */
const SESSION_ENDS = 1_000;

/** The pauses between two looks whether it is over, ms: the first, each twice the one before, and the longest. */
const FIRST_PAUSE = 10;
const LONGEST_PAUSE = 100;

/** What opening and updating a mailbox needs. */
export interface MaildropContext {
  readonly site: Site;
  readonly store: IndexStore;
  readonly clock: Clock;
  readonly log: Log;
  /** The file calls of an update; the machine's own unless a test makes some of them fail. */
  readonly fileSystem?: FileSystem;
  /** How long to wait for another program's lock, ms. */
  readonly lockTimeout: number;
  /** Where large removals go on behind the reply; absent: they are finished before it. */
  readonly moves?: BackgroundMoves;
  /** What is done to a mailbox before a session sees it, in their order. */
  readonly preparations: readonly MailboxPreparation[];
  /** By what rule messages are called; absent: the default one. */
  readonly uidFormat?: UidFormat;
}

/** Something that puts mail into a mailbox, or puts it right, as it is opened: bulletins, what Qpopper left over. */
export interface MailboxPreparation {
  /** Whether there is something to do. Cheap: it is asked at every login, with no lock held. */
  isNeeded(paths: MailboxPaths, user: string): Promise<boolean>;
  /**
   * Does it, under the mailbox's lock, before its index is brought up to date. It is called when it was needed a
   * moment ago, and looks again.
   */
  run(box: LockedMailbox, user: string): Promise<void>;
}

/** How opening went. */
export type Opened =
  | { readonly kind: "open"; readonly drop: Maildrop }
  /** Another session has the mailbox, and keeps it. */
  | { readonly kind: "in-use" }
  /** Another program has it locked. */
  | { readonly kind: "locked" }
  /** The reason is for the log. */
  | { readonly kind: "failed"; readonly permanent: boolean; readonly reason: string };

/** Opens the mailbox of an account. A mailbox that does not exist yet is an empty one. */
export async function openMaildrop(context: MaildropContext, name: string): Promise<Opened> {
  try {
    const paths = mailboxPaths(context.site, name);
    const lock = await lockSessionSoon(paths, context.clock);
    if (lock === undefined) return { kind: "in-use" };
    let drop: Maildrop | undefined;
    try {
      drop = new Maildrop({ paths, lock, ...(await readMailbox(context, paths, name)) });
      return { kind: "open", drop };
    } finally {
      if (drop === undefined) await lock.release();
    }
  } catch (error) {
    if (error instanceof MboxError && error.fault === "busy") return { kind: "locked" };
    const permanent =
      error instanceof MboxError && (error.fault === "permission" || error.fault === "not-a-file");
    return { kind: "failed", permanent, reason: messageOf(error) };
  }
}

/** The session's lock, waited for a moment: a client that hangs up and comes again meets the end of its own session. */
async function lockSessionSoon(paths: MailboxPaths, clock: Clock): Promise<SessionLock | undefined> {
  const until = clock.now() + SESSION_ENDS;
  for (let pause = FIRST_PAUSE; ; pause = Math.min(2 * pause, LONGEST_PAUSE)) {
    const lock = await lockSession(paths);
    const left = until - clock.now();
    if (lock !== undefined || left <= 0) return lock;
    await delay(clock, Math.min(pause, left));
  }
}

async function readMailbox(
  context: MaildropContext,
  paths: MailboxPaths,
  user: string,
): Promise<Omit<MaildropParts, "paths" | "lock">> {
  const { store, clock, log, lockTimeout: timeout, preparations, uidFormat = "default" } = context;
  const [asked, unlocked] = await Promise.allSettled([
    neededOf(preparations, paths, user),
    openUnlocked({ store, clock, uidFormat }, paths),
  ]);
  const needed = asked.status === "fulfilled" ? asked.value : [];
  const create = needed.length > 0;
  if (asked.status === "fulfilled" && !create) {
    if (unlocked.status === "rejected") throw unlocked.reason;
    if (unlocked.value !== undefined) return unlocked.value;
  }
  if (unlocked.status === "fulfilled") await unlocked.value?.file.close();
  if (asked.status === "rejected") throw asked.reason;
  const box = await lockMailbox(paths, { timeout, clock, log, create });
  if (box === undefined) {
    await store.forget(paths.name);
    return { file: undefined, index: undefined };
  }
  let file: FileHandle | undefined;
  let refreshed: Refreshed | undefined;
  try {
    for (const preparation of needed) await preparation.run(box, user);
    file = await openToRead(box);
    refreshed = await refreshIndex(file, await store.read(paths.name), uidFormat);
  } finally {
    if (refreshed === undefined) await file?.close();
    await box.release();
  }
  const { index, how, unchanged } = refreshed;
  if (how === "scanned") tellOfJunk(index, paths, log);
  if (how === "kept") return { file, index };
  // The client need not wait until it is on the disk.
  return { file, index, written: store.write(paths.name, index, unchanged) };
}

async function neededOf(
  preparations: readonly MailboxPreparation[],
  paths: MailboxPaths,
  user: string,
): Promise<MailboxPreparation[]> {
  const needed: MailboxPreparation[] = [];
  for (const preparation of preparations) {
    if (await preparation.isNeeded(paths, user)) needed.push(preparation);
  }
  return needed;
}

/** What stands before the first From line is no message: it stays where it is, and an administrator is told. */
function tellOfJunk({ identity, messages }: MailboxIndex, { mbox }: MailboxPaths, log: Log): void {
  const junk = messages.start(0) ?? identity.size;
  if (junk === 0) return;
  log.write(
    "warn",
    `${mbox}: damaged: its first ${junk} octets belong to no message; they are kept where they are and shown to nobody`,
  );
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

/**
 * A descriptor of the session's own: the lock's is closed with the lock. A pipe or a link that was put in the mbox's
 * place this moment is neither waited for nor followed.
 */
async function openToRead(box: LockedMailbox): Promise<FileHandle> {
  const file = await open(box.paths.mbox, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (isSameFile(await identityOf(file), await identityOf(box.file))) return file;
  await file.close();
  throw new MboxError("busy", box.paths.mbox, "was replaced while it was locked");
}
