/**
 * One daemon under the launcher's eyes: started, started again when it dies, stopped in the end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import type { Clock, Timer } from "@mailhost/common/clock";
import { SUBMISSION_TIMEOUT } from "@mailhost/common/daemon/control";
import type {
  ChildMessage,
  LauncherMessage,
  SubmissionOrder,
  SubmissionResult,
} from "@mailhost/common/daemon/launcher-messages";
import type { PidFile } from "@mailhost/common/daemon/pid-file";
import { messageOf, UserError } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import { EX_CONFIG, EX_SOFTWARE } from "@mailhost/common/sysexits";
import type { Certificate } from "@mailhost/common/tls/certificate";
import { HEALTHY_AFTER, restartDelay } from "./backoff.ts";

/** Deaths in a row before the first `ready` after which starting is given up. */
export const DEATHS_AT_START = 5;

/** How long the answer to a question about its work may take (ms): the asker of the control socket waits a second longer. */
const UNDER_WAY_LIMIT = 4000;

/** What is started. */
export interface ChildPlan {
  /** `mta` or `pop3`. */
  readonly name: string;
  /** Absolute path of the program. */
  readonly entry: string;
  /** Our descriptors of its ports, by kind. */
  readonly listeners: Readonly<Record<string, readonly number[]>>;
  /** Its number is written there; its lock is shared with the process. */
  readonly pidFile: PidFile;
  /** Options of Node for this child alone. */
  readonly execArgv?: readonly string[];
}

/** What a child is started with besides its plan. */
export interface ChildSurroundings {
  readonly root: string;
  /** The settings in force now. */
  settings(): Settings;
  /** The certificates in force now. */
  certificates(): readonly Certificate[];
  readonly clock: Clock;
  readonly log: Log;
  /** Options of Node itself. */
  readonly execArgv: readonly string[];
}

/** How one child is. */
export interface ChildStatus {
  readonly name: string;
  readonly state: "starting" | "ready" | "waiting" | "stopped";
  readonly pid?: number;
  /** Starts after the first. */
  readonly restarts: number;
}

/**
 * The C library makes each thread a heap of its own, and a daemon has a dozen threads: what one has freed no other uses. Two for all
 * take 6 MiB less and cost nothing measurable. Who has set it in our surroundings has the last word; only glibc heeds it.
 */
const HEAPS = { MALLOC_ARENA_MAX: "2" } as const;

/** The first three descriptors are the standard streams, then the IPC channel, then what is inherited. */
const FIRST_INHERITED = 4;

export class ManagedChild {
  readonly #plan: ChildPlan;
  readonly #around: ChildSurroundings;
  readonly #ready: Promise<void>;
  #resolveReady: () => void = () => undefined;
  #rejectReady: (error: Error) => void = () => undefined;
  #process: ChildProcess | undefined;
  #state: ChildStatus["state"] = "waiting";
  #everReady = false;
  #readyAt = 0;
  #deaths = 0;
  #starts = 0;
  #timer: Timer | undefined;
  #failure: UserError | undefined;
  #onStopped: (() => void) | undefined;
  #askers: ((ids: readonly string[]) => void)[] = [];
  readonly #submissions = new Map<number, (result: SubmissionResult | undefined) => void>();
  #submitted = 0;

  constructor(plan: ChildPlan, around: ChildSurroundings) {
    this.#plan = plan;
    this.#around = around;
    this.#ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    // Whoever starts us waits for it; a failure after a stop concerns nobody.
    this.#ready.catch(() => undefined);
  }

  get name(): string {
    return this.#plan.name;
  }

  /** Starts it; resolves at its first `ready`, rejects with its own error when it can not get there. */
  start(): Promise<void> {
    this.#spawn();
    return this.#ready;
  }

  status(): ChildStatus {
    const pid = this.#process?.pid;
    return {
      name: this.#plan.name,
      state: this.#state,
      ...(pid === undefined ? {} : { pid }),
      restarts: Math.max(0, this.#starts - 1),
    };
  }

  /** Says something to it; lost when it is not running, as it starts with the present state anyway. */
  send(message: LauncherMessage): void {
    if (this.#process?.connected === true) this.#process.send(message, () => undefined);
  }

  /** Which messages it is delivering; none when it does not run or does not say so in time. */
  underWay(): Promise<readonly string[]> {
    if (this.#state !== "ready") return Promise.resolve([]);
    return new Promise((resolve) => {
      const late = this.#around.clock.after(UNDER_WAY_LIMIT, () => resolve([]));
      this.#askers.push((ids) => {
        late.cancel();
        resolve(ids);
      });
      this.send({ type: "under-way" });
    });
  }

  /** Has it take a message from the drop folder; undefined when it does not run, or dies or is slow over it. */
  submission(order: SubmissionOrder): Promise<SubmissionResult | undefined> {
    if (this.#state !== "ready") return Promise.resolve(undefined);
    const number = ++this.#submitted;
    return new Promise((resolve) => {
      const settle = (result: SubmissionResult | undefined) => {
        late.cancel();
        this.#submissions.delete(number);
        resolve(result);
      };
      const late = this.#around.clock.after(SUBMISSION_TIMEOUT, () => settle(undefined));
      this.#submissions.set(number, settle);
      this.send({ type: "submission", number, ...order });
    });
  }

  /** Has it end: it may finish its sessions for `limit` ms, then it is killed. Resolves when it is gone. */
  stop(limit: number): Promise<void> {
    this.#state = "stopped";
    this.#timer?.cancel();
    if (this.#process === undefined) return Promise.resolve();
    this.send({ type: "stop" });
    this.#timer = this.#around.clock.after(limit, () => {
      this.#around.log.write("warn", `${this.#plan.name}: sessions did not finish in time; killed`);
      this.kill();
    });
    return new Promise((resolve) => {
      this.#onStopped = resolve;
    });
  }

  /** Ends it at once. */
  kill(): void {
    this.#process?.kill("SIGKILL");
  }

  #spawn(): void {
    const { entry, listeners, pidFile, name, execArgv = [] } = this.#plan;
    const kinds = Object.entries(listeners);
    const inherited = kinds.flatMap(([, fds]) => fds);
    this.#state = "starting";
    this.#starts++;
    this.#failure = undefined;
    const child = spawn(process.execPath, [...this.#around.execArgv, ...execArgv, entry], {
      stdio: ["ignore", "ignore", "inherit", "ipc", ...inherited, pidFile.fd],
      env: { ...HEAPS, ...process.env },
    });
    this.#process = child;
    let ended = false;
    const end = (how: string) => {
      if (ended) return;
      ended = true;
      this.#ended(how);
    };
    child.once("error", (error) => end(`cannot be started: ${messageOf(error)}`));
    child.once("exit", (code, signal) =>
      end(signal === null ? `ended with code ${code}` : `killed by ${signal}`),
    );
    child.on("message", (message) => this.#heard(message as ChildMessage));
    if (child.pid === undefined) return;
    pidFile.write(child.pid);
    let next = FIRST_INHERITED;
    const own = Object.fromEntries(kinds.map(([kind, fds]) => [kind, fds.map(() => next++)]));
    const { root } = this.#around;
    const [settings, certificates] = [this.#around.settings(), this.#around.certificates()];
    this.send({ type: "start", root, settings, listeners: own, certificates });
    this.#around.log.write("info", `${name}: started, pid ${child.pid}`);
  }

  #heard(message: ChildMessage): void {
    if (message.type === "failed") {
      this.#failure = new UserError(message.message, message.exitCode);
      return;
    }
    if (message.type === "under-way") {
      for (const tell of this.#askers.splice(0)) tell(message.ids);
      return;
    }
    if (message.type === "submission") {
      this.#submissions.get(message.number)?.(message.result);
      return;
    }
    if (this.#state === "starting") this.#state = "ready";
    this.#readyAt = this.#around.clock.now();
    this.#everReady = true;
    this.#resolveReady();
  }

  #ended(how: string): void {
    const { clock, log } = this.#around;
    const { name, pidFile } = this.#plan;
    const wasHealthy = this.#state === "ready" && clock.now() - this.#readyAt >= HEALTHY_AFTER;
    this.#process = undefined;
    pidFile.clear();
    for (const settle of [...this.#submissions.values()]) settle(undefined);
    if (this.#state === "stopped") {
      this.#timer?.cancel();
      log.write("info", `${name}: ${how}`);
      this.#onStopped?.();
      return;
    }
    this.#deaths = wasHealthy ? 1 : this.#deaths + 1;
    this.#state = "waiting";
    // A fault in what the administrator wrote is the same at the next start.
    const hopeless = this.#failure?.exitCode === EX_CONFIG;
    if (!this.#everReady && (hopeless || this.#deaths >= DEATHS_AT_START)) {
      this.#state = "stopped";
      log.write("error", `${name}: ${how}; given up (start ${this.#deaths})`);
      this.#rejectReady(this.#failure ?? new UserError(`${name} ${how} before it was ready`, EX_SOFTWARE));
      return;
    }
    const wait = restartDelay(this.#deaths);
    log.write("error", `${name}: ${how}; starting it again${wait === 0 ? "" : ` in ${wait} ms`}`);
    if (wait === 0) this.#spawn();
    else this.#timer = clock.after(wait, () => this.#spawn());
  }
}
