/**
 * The process of one host in a test: `mailhost start`, its ready line, its daemons' numbers, and its end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { Endpoint } from "./connection.ts";
import { eventually } from "./eventually.ts";

/** A child process of the launcher, by the name of its pid file; the launcher itself is `mailhost`. */
export type ProcessName = "mailhost" | "mta" | "pop3";

/** What a process needs of its site. */
interface ProcessSite {
  commandLine(args: readonly string[]): string[];
  read(name: string): string;
}

/** The launcher's process and what is known of it. */
export class HostProcess {
  readonly #site: ProcessSite;
  readonly #prefix: readonly string[];
  #child: ChildProcess | undefined;
  #launcher = 0;
  #exit: Promise<number> = Promise.resolve(0);
  output = "";
  #ports = new Map<string, Endpoint[]>();

  constructor(site: ProcessSite, prefix: readonly string[]) {
    this.#site = site;
    this.#prefix = prefix;
  }

  get smtp(): Endpoint {
    return this.#port("smtp");
  }
  get submission(): Endpoint {
    return this.#port("submission");
  }
  get pop3(): Endpoint {
    return this.#port("pop3");
  }

  listening(kind: string): Endpoint[] {
    return this.#ports.get(kind) ?? [];
  }

  #port(kind: string): Endpoint {
    const [endpoint] = this.listening(kind);
    if (endpoint === undefined) throw new Error(`the host has no port for ${kind}`);
    return endpoint;
  }

  async start(): Promise<void> {
    const [command = "", ...args] = [...this.#prefix, ...this.#site.commandLine(["start"])];
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#launcher = child.pid!;
    this.output = "";
    let over = false;
    const collect = (chunk: Buffer) => (this.output += chunk.toString());
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    this.#exit = new Promise((done) =>
      child.on("close", (code) => {
        over = true;
        done(code ?? -1);
      }),
    );
    const ready = await eventually(
      () => /^mailhost ready (.*)$/m.exec(this.output)?.[1] ?? (over ? "" : undefined),
      { within: 60_000, what: `the ready line; it printed\n${this.output}` },
    ).catch((error: unknown) => {
      throw new Error(`no ready line; it printed\n${this.output}`, { cause: error });
    });
    if (ready === undefined || over) throw new Error(`the host ended; it printed\n${this.output}`);
    this.#ports = readPorts(ready);
    // Under a prefix our child may be another program.
    if (this.#prefix.length > 0) this.#launcher = this.pid("mailhost");
  }

  pid(name: ProcessName): number {
    const pid = Number.parseInt(this.#site.read(`run/${name}.pid`), 10);
    if (!(pid > 1)) throw new Error(`run/${name}.pid holds no process id`);
    return pid;
  }

  alive(name: ProcessName): boolean {
    try {
      return isMailhost(this.pid(name));
    } catch {
      return false;
    }
  }

  signal(name: ProcessName, signal: NodeJS.Signals): void {
    process.kill(name === "mailhost" ? this.#launcher : this.pid(name), signal);
  }

  async ended(within = 40_000): Promise<number> {
    let code: number | undefined;
    void this.#exit.then((n) => (code = n));
    await eventually(() => code !== undefined, {
      within,
      what: `the end of the host; it printed\n${this.output}`,
    });
    return code!;
  }

  stop(within?: number): Promise<number> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) this.signal("mailhost", "SIGTERM");
    return this.ended(within);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Ends everything, gently first. Never throws: the test has its result already. */
  async destroy(): Promise<void> {
    const pids = (["mailhost", "mta", "pop3"] as const).flatMap((name) => {
      try {
        return [this.pid(name)];
      } catch {
        return [];
      }
    });
    await this.stop(20_000).catch(() => this.#child?.kill("SIGKILL"));
    for (const pid of pids) {
      if (isMailhost(pid)) process.kill(pid, "SIGKILL");
    }
    this.#child?.stdout?.destroy();
    this.#child?.stderr?.destroy();
  }
}

/** True while a process of that id is one of ours and not some other program with the same number. */
export function isMailhost(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "latin1").includes("mailhost");
  } catch {
    return false;
  }
}

/** `smtp=127.0.0.1:2525,[::1]:2525 pop3=…` as endpoints. */
function readPorts(line: string): Map<string, Endpoint[]> {
  const ports = new Map<string, Endpoint[]>();
  for (const part of line.split(" ")) {
    const [kind = "", addresses = ""] = part.split("=");
    const endpoints = addresses.split(",").map((address) => {
      const match = /^\[?([^\]]+?)\]?:(\d+)$/.exec(address);
      if (match === null) throw new Error(`the ready line has a strange address: ${address}`);
      return { host: match[1]!, port: Number(match[2]) };
    });
    ports.set(kind, endpoints);
  }
  return ports;
}
