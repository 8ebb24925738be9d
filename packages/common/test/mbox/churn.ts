/**
 * Real kills: a process appends, removes and inserts messages, a lock each, and is killed at a random moment; what it said it
 * had done is done, what it was at is done or not, and every message is whole.
 *
 * As a program it is that process:
 *
 *     churn.ts ROOT NAME SEED FIRST      FIRST is the number of its first message
 *
 * It writes `begin KIND NUMBERS` before each change and `end` once it is on stable storage.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeSync } from "node:fs";
import { argv, execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { type Clock, systemClock } from "../../src/clock.ts";
import { silentLog } from "../../src/log/log.ts";
import { appendMessages } from "../../src/mbox/append.ts";
import { type LockedMailbox, lockMailbox } from "../../src/mbox/lock.ts";
import { mailboxPaths } from "../../src/mbox/mailboxes.ts";
import { removeMessages } from "../../src/mbox/remove.ts";
import { replaceTail } from "../../src/mbox/replace-tail.ts";
import { type Site, siteAt } from "../../src/site.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { numberedMessage, numbersIn, spansIn, storedMessage } from "./numbered-messages.ts";

const SELF = fileURLToPath(import.meta.url);
/** Numbers that a row of changes repeats in the same order when it has the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0 || 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const TAG = "churn";
const say = (line: string) => writeSync(1, `${line}\n`);

async function lock(site: Site, name: string, clock: Clock): Promise<LockedMailbox> {
  const options = { timeout: 10_000, clock, log: silentLog, create: true };
  return (await lockMailbox(mailboxPaths(site, name), options))!;
}

/** Changes the mailbox until it is killed. */
async function churn(site: Site, name: string, seed: number, first: number): Promise<void> {
  const random = randomOf(seed);
  let number = first;
  for (;;) {
    const box = await lock(site, name, systemClock);
    const spans = await spansIn(box.file);
    const { size } = await box.file.stat();
    const kind = spans.length > 12 ? "remove" : (["append", "insert", "remove"] as const)[random(3)]!;
    if (kind === "append") {
      const some = [number++, number++];
      say(`begin append ${some.join(" ")}`);
      await appendMessages(
        box,
        some.map((n) => numberedMessage(TAG, n)),
      );
    } else if (kind === "insert") {
      const at = random(spans.length + 1);
      const start = spans[at]?.start ?? size;
      say(`begin insert ${at} ${number}`);
      const pieces = [Buffer.from(storedMessage(TAG, number++)), { file: box.file, start, end: size }];
      await replaceTail(box, start, pieces);
    } else {
      const gone = spans.map((_, i) => i).filter(() => random(2) === 0);
      say(`begin remove ${gone.join(" ")}`);
      const ranges = gone.map((i) => ({ start: spans[i]!.start, end: spans[i + 1]?.start ?? size }));
      await removeMessages(box, ranges, [1024, 4096, 1024 * 1024][random(3)]);
    }
    say("end");
    await box.release();
  }
}

/** The mailbox after one of the changes that a process told of. */
function changed(messages: readonly string[], told: string): string[] {
  const [, kind, ...rest] = told.trim().split(" ");
  const numbers = rest.map(Number);
  const named = (number: number) => `${TAG} ${number}`;
  if (kind === "append") return [...messages, ...numbers.map(named)];
  if (kind === "insert") return messages.toSpliced(numbers[0]!, 0, named(numbers[1]!));
  return messages.filter((_, i) => !numbers.includes(i));
}

/** What a run of kills came to. */
export interface Kills {
  readonly kills: number;
  /** Changes that were finished. */
  readonly changes: number;
  /** Kills in the middle of a change, and how many of these changes were there afterwards. */
  readonly within: number;
  readonly carriedOut: number;
}

/**
 * Kills processes until the time is over.
 *
 * @param seconds how long
 * @throws Error that names the seed when a mailbox is neither the old nor the new one
 */
export async function killForAWhile(site: Site, name: string, seconds: number, seed: number): Promise<Kills> {
  const end = systemClock.now() + seconds * 1000;
  const random = randomOf(seed);
  let messages: readonly string[] = [];
  let [kills, changes, within, carriedOut, next] = [0, 0, 0, 0, 0];
  while (systemClock.now() < end) {
    const own = seed * 1000 + kills;
    const told = await killed(site, name, own, next, random(400));
    let open: string | undefined;
    for (const line of told) {
      if (line !== "end") open = line;
      else {
        messages = changed(messages, open!);
        open = undefined;
        changes++;
      }
    }
    next += 2 * told.length + 2;
    const box = await lock(site, name, new ManualClock(systemClock.now() + 16_000));
    const found = await numbersIn(box.file);
    await box.release();
    const possible = open === undefined ? [messages] : [messages, changed(messages, open)];
    const now = possible.findIndex((state) => state.join() === found.join());
    if (now < 0) throw new Error(`seed ${own}: ${found.join()} is none of ${possible.join(" and ")}`);
    kills++;
    if (open !== undefined) within++;
    if (now === 1) carriedOut++;
    messages = found;
  }
  return { kills, changes, within, carriedOut };
}

/** Starts a process, kills it some ms after it has begun its first change, and returns what it said. */
async function killed(
  site: Site,
  name: string,
  seed: number,
  first: number,
  after: number,
): Promise<string[]> {
  const args = ["--conditions=@mailhost/source", "--import", "tsx", SELF];
  const child = spawn(execPath, [...args, site.root, name, String(seed), String(first)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (data: Buffer) => {
    if (output === "") systemClock.after(after, () => child.kill("SIGKILL"));
    output += data.toString();
  });
  const [, signal] = (await once(child, "close")) as [number | null, string | null];
  if (signal !== "SIGKILL") throw new Error(`seed ${seed}: the process ended by itself: ${output}`);
  return output.split("\n").filter(Boolean);
}

if (argv[1] === SELF) {
  const [, , root = "", name = "", seed = "", first = ""] = argv;
  await churn(siteAt(root), name, Number(seed), Number(first));
}
