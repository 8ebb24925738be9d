/**
 * Runs one program with a message as its standard input.
 *
 * It gets an environment of its own, no descriptor of ours but its input and output, and a process group of its own, which
 * is what ends when it takes too long. The message is streamed: a program that does not read keeps nothing in memory, and
 * one that ends without having read has ended all the same. What it prints is kept up to a limit.
 */
import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { constants } from "node:os";
import type { Writable } from "node:stream";
import type { Clock, Timer } from "@mailhost/common/clock";
import { spawnApart } from "@mailhost/common/daemon/closed-descriptors";
import { errnoOf, messageOf } from "@mailhost/common/errors";

/** A program to run. */
export interface ProgramRun {
  /** The program's path and its arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** Whom it runs as; absent: ourselves. For root only. */
  readonly as?: { readonly uid: number; readonly gid: number };
  /** Its standard input. */
  readonly input: AsyncIterable<Buffer>;
  /** ms. */
  readonly timeLimit: number;
  readonly clock: Clock;
  /** Ends it before its time. */
  readonly stop?: AbortSignal;
}

/** How it ended. */
export type ProgramEnd =
  | { readonly kind: "exit"; readonly code: number; readonly output: string }
  | { readonly kind: "signal"; readonly signal: number }
  | { readonly kind: "time limit"; readonly limit: number }
  | { readonly kind: "no start"; readonly reason: string }
  /** The message could not be read to its end; whatever the program made of the rest does not count. */
  | { readonly kind: "no message"; readonly reason: string }
  | { readonly kind: "stopped" };

/** Octets of output that are kept, the last ones. */
const MOST_OUTPUT = 16 * 1024;
/** Time from SIGTERM to SIGKILL (ms). */
const GRACE = 5000;
/** How long output is waited for after the end: a child that it left behind may hold the pipe for ever (ms). */
const OUTPUT_WAIT = 1000;

/** Gives a process its user's groups, which Node's own change of user takes away; not on every system. */
const SETPRIV = "/usr/bin/setpriv";

/** Runs it to its end. Never rejects. */
export async function runProgram(run: ProgramRun): Promise<ProgramEnd> {
  // What waited for its turn when the host was told to stop is not begun.
  if (run.stop?.aborted === true) return { kind: "stopped" };
  let child: ChildProcess;
  try {
    child = start(run);
  } catch (error) {
    // An argument that no program can be given, such as one with a NUL in it.
    return { kind: "no start", reason: messageOf(error) };
  }
  const output = new Output();
  child.stdout?.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => output.push(chunk));
  const ending = new Ending(child, run);
  const fed = feed(child, run.input).then((fault) => {
    if (fault !== undefined) ending.end({ kind: "no message", reason: fault }, "SIGKILL");
  });
  const end = await ending.wait(run);
  // An input that nobody reads any more must not be held open.
  child.stdin?.destroy();
  await fed;
  return end.kind === "exit" ? { ...end, output: output.text } : end;
}

function start({ argv, env, cwd, as }: ProgramRun): ChildProcess {
  const streams = ["pipe", "pipe", "pipe"] as const;
  const common = { cwd, env: { ...env } };
  if (as === undefined) return spawnApart(argv, streams, common);
  if (existsSync(SETPRIV)) {
    const ids = [`--reuid=${as.uid}`, `--regid=${as.gid}`, "--init-groups"];
    return spawnApart([SETPRIV, ...ids, "--", ...argv], streams, common);
  }
  return spawnApart(argv, streams, { ...common, uid: as.uid, gid: as.gid });
}

/**
 * Writes the message to the program.
 *
 * @returns why the message could not be read; its input then stays open, for an end of it would look like the end of the
 *   message. A program that does not want the message is no fault.
 */
async function feed({ stdin }: ChildProcess, input: AsyncIterable<Buffer>): Promise<string | undefined> {
  if (stdin === null) return undefined;
  stdin.on("error", () => undefined);
  const closed = new Promise<void>((gone) => stdin.once("close", () => gone()));
  try {
    for await (const chunk of input) {
      if (stdin.destroyed || stdin.errored !== null) return undefined;
      if (!stdin.write(chunk)) await Promise.race([closed, drained(stdin)]);
    }
  } catch (error) {
    return messageOf(error);
  }
  stdin.end();
  return undefined;
}

function drained(stdin: Writable): Promise<void> {
  return new Promise((ready) => stdin.once("drain", () => ready()));
}

/** Waits for a program's end and sees to it that there is one. */
class Ending {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #timers: Timer[] = [];
  /** Why it was ended, when it did not end by itself. */
  #reason: ProgramEnd | undefined;

  constructor(child: ChildProcess, { clock }: ProgramRun) {
    this.#child = child;
    this.#clock = clock;
  }

  /** Ends the program with its whole group, unless it is being ended. */
  end(reason: ProgramEnd, signal: "SIGTERM" | "SIGKILL"): void {
    if (this.#reason !== undefined || this.#child.exitCode !== null) return;
    this.#reason = reason;
    this.#signal(signal);
    this.#timers.push(this.#clock.after(GRACE, () => this.#signal("SIGKILL")));
  }

  async wait({ timeLimit, stop }: ProgramRun): Promise<ProgramEnd> {
    const limit = () => this.end({ kind: "time limit", limit: timeLimit }, "SIGTERM");
    const stopped = () => this.end({ kind: "stopped" }, "SIGTERM");
    this.#timers.push(this.#clock.after(timeLimit, limit));
    stop?.addEventListener("abort", stopped);
    try {
      return await this.#ended();
    } finally {
      stop?.removeEventListener("abort", stopped);
      for (const timer of this.#timers) timer.cancel();
    }
  }

  #ended(): Promise<ProgramEnd> {
    const child = this.#child;
    return new Promise((resolve) => {
      child.once("error", (error) => {
        if (child.pid === undefined)
          resolve({ kind: "no start", reason: errnoOf(error) ?? messageOf(error) });
      });
      child.once("exit", (code, signal) => {
        const own = endOf(code, signal);
        // Who was told to end and says 0 has taken the message, unless it never got the whole of it.
        const taken = own.kind === "exit" && own.code === 0 && this.#reason?.kind !== "no message";
        const end = taken ? own : (this.#reason ?? own);
        // What was left of its group when it was ended goes too.
        if (this.#reason !== undefined) this.#signal("SIGKILL");
        const done = () => {
          child.stdout?.destroy();
          child.stderr?.destroy();
          resolve(end);
        };
        child.once("close", done);
        this.#timers.push(this.#clock.after(OUTPUT_WAIT, done));
      });
    });
  }

  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch (error) {
      // Gone, or somebody else's by now: a program may have changed its user.
      if (errnoOf(error) !== "ESRCH") this.#child.kill(signal);
    }
  }
}

function endOf(code: number | null, signal: NodeJS.Signals | null): ProgramEnd {
  if (code !== null) return { kind: "exit", code, output: "" };
  return { kind: "signal", signal: signal === null ? 0 : constants.signals[signal] };
}

/** The last of what a program prints. */
class Output {
  #chunks: Buffer[] = [];
  #size = 0;

  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > 2 * MOST_OUTPUT) this.#trim();
  }

  get text(): string {
    this.#trim();
    return Buffer.concat(this.#chunks).toString("utf8");
  }

  #trim(): void {
    const kept = Buffer.concat(this.#chunks).subarray(-MOST_OUTPUT);
    this.#chunks = [Buffer.from(kept)];
    this.#size = kept.length;
  }
}
