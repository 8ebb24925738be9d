/**
 * Reads a whole environment in a process of its own, which may die of it.
 */
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { EX_TEMPFAIL } from "@mailhost/common/sysexits";

/** `tables`: keys and entries; `all`: the messages too. */
export type ReadingDepth = "tables" | "all";

/** How long a reading may take (ms); a queue that is read so long without a fault passes. */
const TIME_LIMIT: Readonly<Record<ReadingDepth, number>> = { tables: 4000, all: 60_000 };
/** How long a copy may take (ms). */
const COPY_LIMIT = 600_000;

/**
 * True when a child process read the environment and lived. One that did not is followed by another before the queue is given up: damage
 * is there again, and it may have been none, but a want of memory.
 *
 * @param read one reading; tests pass another
 */
export async function readsWhole(path: string, depth: ReadingDepth, read = readOnce): Promise<boolean> {
  return (await read(path, depth)) || read(path, depth);
}

/**
 * Has a child process copy what is in the environment into another one.
 *
 * @param queue the data file by whose name the queue's gate goes
 * @returns false when that cannot be done
 */
export async function isCopied(path: string, target: string, queue: string): Promise<boolean> {
  return (await run([path, "copy", target, queue], COPY_LIMIT)) === 0;
}

async function readOnce(path: string, depth: ReadingDepth): Promise<boolean> {
  const ended = await run([path, depth], TIME_LIMIT[depth]);
  // A process that cannot be started, or cannot open the queue for others, says nothing about it.
  return ended === 0 || ended === "late" || ended === "not started" || ended === EX_TEMPFAIL;
}

/** Runs the child process. @returns its exit code, -1 when it died of a signal */
function run(args: readonly string[], limit: number): Promise<number | "late" | "not started"> {
  const script = fileURLToPath(
    new URL(
      import.meta.url.endsWith(".ts") ? "./environment-reader.ts" : "./environment-reader.js",
      import.meta.url,
    ),
  );
  return new Promise((done) => {
    const child = fork(script, args, { stdio: "ignore" });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      child.kill("SIGKILL");
    }, limit);
    const settle = (how: number | "late" | "not started") => {
      clearTimeout(timer);
      done(how);
    };
    child.once("error", () => settle("not started"));
    child.once("exit", (code) => settle(late ? "late" : (code ?? -1)));
  });
}
