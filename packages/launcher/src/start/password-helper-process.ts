/**
 * The helper that stays root to check passwords of the system's accounts (common/accounts/password-helper.ts), from the side
 * of the launcher, which gives root up.
 *
 * As nobody who is not root could start it again, a shell does: it runs for as long as the helper ends with another code than
 * 0, and the helper ends so when its standard input does, which is when the launcher ends.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type PasswordsWay, passwordsWay } from "@mailhost/common/accounts/system-passwords";
import { type Clock, delay } from "@mailhost/common/clock";
import type { Identity } from "@mailhost/common/daemon/identity";
import { messageOf } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";

/** The running helper. */
export interface PasswordHelper {
  /** The settings have changed. */
  reload(): void;
  /** Has it end. */
  stop(): void;
}

const KEEP_RUNNING = 'while :; do "$@" && exit 0; sleep 1; done';
/** ms to wait for it at the start; the host starts without it then. */
const READY_WITHIN = 15_000;
/** Threads for modules that wait behind wrong passwords. */
const THREADS = "16";

/** What is needed. */
export interface PasswordHelperParts {
  readonly site: Site;
  readonly settings: Settings;
  /** Who the servers will be; undefined: they stay who we are, and need no helper. */
  readonly identity: Identity | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly execArgv: readonly string[];
}

/** Starts it where the servers could not check passwords themselves; resolves when it answers. */
export async function startPasswordHelper(parts: PasswordHelperParts): Promise<PasswordHelper | undefined> {
  const { site, settings, identity, clock, log, execArgv } = parts;
  if (identity === undefined || identity.uid === 0 || !settings.accounts.includes("system")) return undefined;
  const way = passwordsWay(site, settings.system);
  if (way.kind === "none") {
    log.write("info", `passwords: none of the system's are checked: ${way.reason}`);
    return undefined;
  }
  const program = fileURLToPath(import.meta.resolve("@mailhost/common/accounts/password-helper-main"));
  const owner = [String(identity.uid), String(identity.gid)];
  const command = [process.execPath, ...execArgv, program, site.root, ...owner];
  const child = spawn("/bin/sh", ["-c", KEEP_RUNNING, "sh", ...command], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, UV_THREADPOOL_SIZE: THREADS },
  });
  let stopping = false;
  child.stdin.on("error", () => undefined);
  const ready = new Promise<void>((resolve) => {
    child.once("error", (error) => {
      log.write("error", `passwords: the helper can not be started: ${messageOf(error)}`);
      resolve();
    });
    child.once("exit", () => {
      if (!stopping)
        log.write("error", "passwords: the helper has ended; a restart of mailhost starts it again");
      resolve();
    });
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line === "ready") {
        log.write("info", `passwords: the system's are checked ${nameOfWay(way)}`);
        resolve();
      } else log.write("warn", `passwords: ${line}`);
    });
  });
  await Promise.race([ready, delay(clock, READY_WITHIN)]);
  return {
    reload: () => void child.stdin.write("\n"),
    stop() {
      stopping = true;
      child.stdin.end();
    },
  };
}

/** How passwords are checked, for people: the end of the sentence "they are checked …". */
export function nameOfWay(way: PasswordsWay): string {
  switch (way.kind) {
    case "pam":
      return `by PAM, service ${way.service}`;
    case "shadow":
      return `against ${way.file}`;
    case "none":
      return `by nobody: ${way.reason}`;
  }
}
