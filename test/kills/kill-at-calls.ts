/**
 * Real kills at each system call that changes something: strace(1) sends SIGKILL to a process as it enters its n-th call of a kind.
 * Afterwards the mailbox is the old or the new one, and the index tells the truth about it.
 */
import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { lockMailbox } from "@mailhost/common/mbox/lock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { type MessageSpan, scanMbox } from "@mailhost/common/mbox/scan";
import { siteAt } from "@mailhost/common/site";
import { openIndexStore } from "@mailhost/pop3/maildrop/index-store";
import { openMaildrop } from "@mailhost/pop3/maildrop/open";
import { runProgram } from "../harness/programs.ts";

const CHILD = fileURLToPath(new URL("./change-child.mjs", import.meta.url));
const NAME = "wang";

/** What the process does. */
export const ACTIONS = ["append", "quit", "quit-all"] as const;
export type Action = (typeof ACTIONS)[number];

/** A place to kill it at: its n-th call of that name. */
export interface CallPlace {
  readonly call: string;
  readonly number: number;
}

/** Calls that change a file or a folder, or bring it to stable storage. */
const CALLS =
  "pwrite64,pwritev,ftruncate,fsync,fdatasync,msync,fallocate,rename,renameat2,unlink,rmdir,mkdir,fchmod,utimensat";

/** A message; its body's lines are all different, so that a piece out of place shows. */
function message(subject: string): string {
  const lines = Array.from({ length: 60 }, (_, i) => `${subject} ${i}\n`).join("");
  return `From a@example.net Tue Nov 24 21:00:00 2026\nSubject: ${subject}\n\n${lines}\n`;
}

const SUBJECTS = ["one", "two", "three", "four", "five"];
const OLD = SUBJECTS.map(message).join("");
const LEFT = ["one", "three", "five"];

/** Runs the process under strace; where it is killed, if at a place. */
async function run(
  root: string,
  action: Action,
  place?: CallPlace,
): Promise<{ told: string; trace: string }> {
  const site = siteAt(root);
  for (const folder of [site.spoolDir, site.stateDir]) mkdirSync(folder, { recursive: true });
  writeFileSync(mailboxPaths(site, NAME).mbox, OLD);
  const log = join(root, "strace");
  const kill = place && ["-e", `inject=${place.call}:signal=SIGKILL:when=${place.number}`];
  const args = ["-f", "-qq", "-o", log, "-e", `trace=${CALLS}`, ...(kill ?? []), process.execPath, CHILD];
  // One thread makes all calls on files, so that they come in the same order each time.
  const env = { UV_THREADPOOL_SIZE: "1", NODE_OPTIONS: "" };
  const { stdout } = await runProgram("strace", [...args, root, action], { env, within: 120_000 });
  return { told: stdout, trace: readFileSync(log, "latin1") };
}

async function inFolder<T>(work: (root: string) => Promise<T>): Promise<T> {
  const root = mkdtempSync(join(tmpdir(), "mailhost-kills-"));
  try {
    return await work(root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** Every place at which the process can be killed. */
export async function placesOf(action: Action): Promise<CallPlace[]> {
  const { told, trace } = await inFolder((root) => run(root, action));
  assert.equal(told, "done\n");
  const most = new Map<string, number>();
  const counts = new Map<string, number>();
  for (const [, thread, call] of trace.matchAll(/^(\d+) +(\w+)\(/gm)) {
    const key = `${thread} ${call}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    most.set(call!, Math.max(most.get(call!) ?? 0, count));
  }
  return [...most].flatMap(([call, count]) =>
    Array.from({ length: count }, (_, i) => ({ call, number: i + 1 })),
  );
}

/** What was found after a kill. */
export interface AfterKill {
  /** The process was killed, and not done before. */
  readonly killed: boolean;
  /** The mailbox is the new one. */
  readonly changed: boolean;
}

/**
 * Kills the process at a place, and looks.
 *
 * @throws AssertionError when mailbox, undo window or index is not as it must be
 */
export async function killAt(action: Action, place: CallPlace): Promise<AfterKill> {
  return await inFolder(async (root) => {
    const { told, trace } = await run(root, action, place);
    const where = `${action} killed at ${place.call} ${place.number}`;
    const site = siteAt(root);
    const paths = mailboxPaths(site, NAME);
    // A lock that the dead left is stale by then, and the file's times are settled.
    const clock: Clock = { ...systemClock, now: () => systemClock.now() + 20_000 };
    const box = await lockMailbox(paths, { timeout: 1000, clock, log: silentLog });
    await box!.release();
    assert.ok(!existsSync(paths.lock), where);
    assert.equal(existsSync(paths.journal) ? readFileSync(paths.journal).length : 0, 0, where);
    const text = readFileSync(paths.mbox, "latin1");
    const changed = text !== OLD;
    if (changed) assert.equal(withoutStatus(text), newText(action, text), where);
    if (told.includes("done")) assert.ok(changed, `${where}, behind its answer`);
    if (changed && action === "quit-all") assert.equal(keptIn(root), message("two") + message("four"), where);
    await checkIndex(root, clock, where);
    return { killed: trace.includes("+++ killed by SIGKILL +++"), changed };
  });
}

/** The mailbox without what quit-all writes into headers, which is a change of its own. */
function withoutStatus(text: string): string {
  return text.replaceAll(/^(?:Status|X-UIDL): [^\n]*\n/gm, "");
}

function newText(action: Action, text: string): string {
  if (action !== "append") return LEFT.map(message).join("");
  const appended = (subject: string) =>
    `From a@example.net Tue Nov 24 21:00:00 2026\nReturn-Path: <a@example.net>\nSubject: ${subject}\n\nbody of ${subject}\n\n`;
  assert.ok(text.length > OLD.length);
  return OLD + appended("six") + appended("seven");
}

/** What the undo window has, fields that it adds left out. */
function keptIn(root: string): string {
  const folder = join(siteAt(root).stateDir, "removed", NAME);
  const files = readdirSync(folder).filter((name) => !name.startsWith("."));
  return withoutStatus(files.map((name) => readFileSync(join(folder, name), "latin1")).join(""));
}

/** A login sees what a scan of the whole file finds, whatever the index says. */
async function checkIndex(root: string, clock: Clock, where: string): Promise<void> {
  const site = siteAt(root);
  const store = openIndexStore(site, { log: silentLog, clock });
  try {
    const context = { site, store, clock, log: silentLog, lockTimeout: 1000, preparations: [] };
    for (const login of ["first", "second"]) {
      const opened = await openMaildrop(context, NAME);
      assert.equal(opened.kind, "open", where);
      if (opened.kind !== "open") return;
      const seen = [...opened.drop.messages].map(({ start, end, octets, digest }) => ({
        start,
        end,
        octets,
        digest,
      }));
      const ids = new Set([...opened.drop.messages].map(({ uid }) => uid));
      await opened.drop.close();
      assert.deepEqual(
        seen,
        await scanned(opened.drop.paths.mbox),
        `${where}, at the ${login} login after it`,
      );
      assert.equal(ids.size, seen.length, where);
    }
  } finally {
    await store.close();
  }
}

async function scanned(path: string): Promise<Pick<MessageSpan, "start" | "end" | "octets" | "digest">[]> {
  const file = await open(path, "r");
  try {
    const found: MessageSpan[] = [];
    for await (const spans of scanMbox(file, 0, (await file.stat()).size)) found.push(...spans);
    return found.map(({ start, end, octets, digest }) => ({ start, end, octets, digest }));
  } finally {
    await file.close();
  }
}
