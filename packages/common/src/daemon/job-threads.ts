/**
 * Threads for work that would hold the event loop up: each job is one message to a thread, which answers with one.
 *
 * A thread is started when a job finds none idle and there are not too many, and ends when none has come for some time.
 */
import type { Worker } from "node:worker_threads";
import { messageOf } from "../errors.ts";

/** Which threads. */
export interface JobThreadsParts {
  /** Starts one. */
  readonly start: () => Worker;
  /** How many there may be at once. */
  readonly most: number;
  /** How long one waits for another job (ms). */
  readonly idle: number;
}

interface Job<Asked, Answer> {
  readonly asked: Asked;
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** A set of threads that do the same kind of job. */
export class JobThreads<Asked, Answer> {
  readonly #parts: JobThreadsParts;
  readonly #waiting: Job<Asked, Answer>[] = [];
  readonly #idle: JobThread<Asked, Answer>[] = [];
  #threads = 0;

  constructor(parts: JobThreadsParts) {
    this.#parts = parts;
  }

  /**
   * Has a job done, in its turn.
   *
   * @throws what the thread threw, that it ended, or why none can be started
   */
  run(asked: Asked): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ asked, resolve, reject });
      this.#give();
    });
  }

  /** Gives jobs that wait to threads that are idle or can be started. */
  #give(): void {
    while (this.#waiting.length > 0) {
      let thread = this.#idle.pop();
      try {
        if (thread === undefined && this.#threads < this.#parts.most) thread = this.#started();
      } catch (error) {
        // Those that are there go on with what waits; with none nobody would.
        if (this.#threads > 0) return;
        const fault = error instanceof Error ? error : new Error(messageOf(error));
        for (const job of this.#waiting.splice(0)) job.reject(fault);
        return;
      }
      if (thread === undefined) return;
      thread.take(this.#waiting.shift()!);
    }
  }

  #started(): JobThread<Asked, Answer> {
    const thread: JobThread<Asked, Answer> = new JobThread(this.#parts.start(), {
      idle: this.#parts.idle,
      next: () => this.#waiting.shift(),
      rests: () => this.#idle.push(thread),
      leaves: () => this.#forget(thread),
      lost: () => {
        this.#threads--;
        this.#forget(thread);
        this.#give();
      },
    });
    this.#threads++;
    return thread;
  }

  #forget(thread: JobThread<Asked, Answer>): void {
    const at = this.#idle.indexOf(thread);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

interface ThreadParts<Asked, Answer> {
  readonly idle: number;
  next(): Job<Asked, Answer> | undefined;
  rests(): void;
  leaves(): void;
  lost(): void;
}

class JobThread<Asked, Answer> {
  readonly #worker: Worker;
  readonly #parts: ThreadParts<Asked, Answer>;
  #job: Job<Asked, Answer> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #gone = false;

  constructor(worker: Worker, parts: ThreadParts<Asked, Answer>) {
    this.#worker = worker;
    this.#parts = parts;
    worker.on("message", (answer: Answer) => this.#done(answer));
    worker.on("error", (error) => this.#lost(error instanceof Error ? error : new Error(messageOf(error))));
    worker.on("exit", () => this.#lost(new Error("the thread that was asked has ended")));
  }

  take(job: Job<Asked, Answer>): void {
    clearTimeout(this.#timer);
    this.#worker.ref();
    this.#job = job;
    this.#worker.postMessage(job.asked);
  }

  #done(answer: Answer): void {
    this.#job?.resolve(answer);
    this.#job = undefined;
    const next = this.#parts.next();
    if (next !== undefined) {
      this.take(next);
      return;
    }
    // A process with nothing else to do may end.
    this.#worker.unref();
    this.#parts.rests();
    this.#timer = setTimeout(() => this.#leave(), this.#parts.idle).unref();
  }

  #leave(): void {
    this.#parts.leaves();
    void this.#worker.terminate();
  }

  /** Whoever waits for it gets the error. */
  #lost(error: Error): void {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#timer);
    this.#job?.reject(error);
    this.#job = undefined;
    this.#parts.lost();
  }
}
