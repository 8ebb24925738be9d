/**
 * The helper that stays root to check passwords of the system's accounts (password-helper.ts), from the side
 * of who gives root up: the launcher, or popper.
 *
 * As nobody who is not root could start it again, a shell does: it runs for as long as the helper ends with another code than
 * 0, and the helper ends so when its standard input does, which is when whoever started it ends.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Clock, delay } from "../clock.ts";
import type { Identity } from "../daemon/identity.ts";
import { messageOf } from "../errors.ts";
import type { Log } from "../log/log.ts";
import type { Settings } from "../settings/settings.ts";
import type { Site } from "../site.ts";
import { hasPasswordHelper } from "./password-helper-client.ts";
import { type PasswordsWay, passwordsWay } from "./system-passwords.ts";

/** The running helper. */
export interface PasswordHelper {
  /** The settings have changed. */
  reload(): void;
  /** Has it end. */
  stop(): void;
}

// In a container root may have no right to signal other users' processes: /proc tells then.
const KEEP_RUNNING =
  'while kill -0 $PPID 2>/dev/null || test -e /proc/$PPID; do "$@" && exit 0; sleep 1; done';
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
  const name = import.meta.url.endsWith(".ts") ? "./password-helper-main.ts" : "./password-helper-main.js";
  const program = fileURLToPath(new URL(name, import.meta.url));
  const owner = [String(identity.uid), String(identity.gid)];
  const command = [process.execPath, ...execArgv, program, site.root, ...owner, site.passwordSocket];
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
      if (!stopping) log.write("error", "passwords: the helper has ended; a restart starts it again");
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
  // Whoever started it may end without a word: its end of the pipe goes with it.
  child.unref();
  for (const pipe of [child.stdin, child.stdout]) (pipe as Socket).unref();
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

/**
 * For one process that serves by itself, as popper does: the running host's helper where there is one, else one of its own.
 * Asked before root is given up.
 */
export async function ownPasswordHelper(
  parts: PasswordHelperParts,
): Promise<{ readonly site: Site; readonly helper: PasswordHelper | undefined }> {
  const { site, identity, settings } = parts;
  const isNeeded = identity !== undefined && identity.uid !== 0 && settings.accounts.includes("system");
  if (!isNeeded || (await hasPasswordHelper(site))) return { site, helper: undefined };
  mkdirSync(site.runDir, { recursive: true });
  const own = { ...site, passwordSocket: join(site.runDir, `passwords.${process.pid}.sock`) };
  return { site: own, helper: await startPasswordHelper({ ...parts, site: own }) };
}
