/**
 * Hashes of crypt(3) are checked in threads of their own, so that a server goes on while one takes a quarter of a second.
 *
 * A thread is started for the first such password and ends when none has come for a minute; there are at most as many as
 * processors, less one.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** ms that a thread waits for another password. */
const IDLE = 60_000;

const MOST = Math.max(1, Math.min(4, availableParallelism() - 1));

/** A thread keeps nothing: a young generation of 8 MiB does, in place of Node's 32, which it would fill and keep. */
const resourceLimits = { maxYoungGenerationSizeMb: 12 } as const;

interface Job {
  readonly password: string;
  readonly hash: string;
  resolve(fits: boolean): void;
  reject(error: Error): void;
}

const waiting: Job[] = [];
const idle: Thread[] = [];
let threads = 0;

/** Whether a password fits a hash that password-format.ts has let pass. */
export function checkCrypt(password: string, hash: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const job = { password, hash, resolve, reject };
    const thread = idle.pop() ?? (threads < MOST ? new Thread() : undefined);
    if (thread === undefined) waiting.push(job);
    else thread.take(job);
  });
}

class Thread {
  readonly #worker: Worker;
  #job: Job | undefined;
  #timer: NodeJS.Timeout | undefined;
  #gone = false;

  constructor() {
    threads++;
    this.#worker = startThread();
    this.#worker.on("message", (fits: boolean) => this.#done(fits));
    this.#worker.on("error", (error) =>
      this.#lost(error instanceof Error ? error : new Error(String(error))),
    );
    this.#worker.on("exit", () => this.#lost(new Error("the thread that checks passwords has ended")));
  }

  take(job: Job): void {
    clearTimeout(this.#timer);
    this.#worker.ref();
    this.#job = job;
    this.#worker.postMessage({ password: job.password, hash: job.hash });
  }

  #done(fits: boolean): void {
    this.#job?.resolve(fits);
    this.#job = undefined;
    const next = waiting.shift();
    if (next !== undefined) {
      this.take(next);
      return;
    }
    // A process with nothing else to do may end.
    this.#worker.unref();
    idle.push(this);
    this.#timer = setTimeout(() => this.#leave(), IDLE).unref();
  }

  #leave(): void {
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    void this.#worker.terminate();
  }

  /** Whoever waits for it gets the error; the others get another thread. */
  #lost(error: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    threads--;
    clearTimeout(this.#timer);
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    this.#job?.reject(error);
    this.#job = undefined;
    const next = waiting.shift();
    if (next !== undefined) new Thread().take(next);
  }
}

function startThread(): Worker {
  const built = new URL("./crypt-thread.js", import.meta.url);
  if (!import.meta.url.endsWith(".ts")) return new Worker(built, { resourceLimits });
  // From the sources, as tests run: the loader that the process has been started with does not reach its threads.
  const [loader, source] = [import.meta.resolve("tsx/esm/api"), import.meta.resolve("./crypt-thread.ts")];
  const [l, s] = [JSON.stringify(loader), JSON.stringify(source)];
  return new Worker(`import(${l}).then(({ tsImport }) => tsImport(${s}, ${s}))`, {
    eval: true,
    resourceLimits,
  });
}
