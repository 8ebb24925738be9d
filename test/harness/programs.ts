/**
 * The real programs that tests work with: which are there, and running one with a time limit.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** Programs and the Debian packages that hold them. */
const PACKAGES = {
  curl: "curl",
  dnsmasq: "dnsmasq-base",
  dotlockfile: "liblockfile-bin",
  dovecot: "dovecot-pop3d",
  openssl: "openssl",
  gdbm_dump: "gdbmtool",
  gdbm_load: "gdbmtool",
  "db5.3_load": "db5.3-util",
  "db5.3_dump": "db5.3-util",
  fetchmail: "fetchmail",
  getmail: "getmail6",
  lockfile: "procmail",
  "lockfile-create": "lockfile-progs",
  movemail: "mailutils",
  mpop: "mpop",
  mkpasswd: "whois",
  htpasswd: "apache2-utils",
  msmtp: "msmtp",
  ip: "iproute2",
  logwatch: "logwatch",
  m4: "m4",
  mutt: "mutt",
  popa3d: "popa3d, unpacked: it and dovecot-pop3d can not both be installed",
  procmail: "procmail",
  setpriv: "util-linux",
  unshare: "util-linux",
  strace: "strace",
  swaks: "swaks",
  "systemd-socket-activate": "systemd",
  tcpserver: "ucspi-tcp",
  "git-send-email": "git-email",
  mail: "mailutils",
  pebble: "pebble",
  php: "php-cli",
  python3: "python3",
  gcc: "gcc libc6-dev libtirpc-dev",
  rpcbind: "rpcbind",
  rpcgen: "rpcsvc-proto",
  rpcinfo: "rpcbind",
  "fail2ban-regex": "fail2ban",
  script: "bsdutils",
  "s-nail": "s-nail",
  slapd: "slapd",
} as const;

/** A program that tests know. */
export type ProgramName = keyof typeof PACKAGES;

/** The full path of a program, or undefined when it is not installed. */
export function findProgram(name: string): string | undefined {
  const folders = [
    ...(process.env.PATH ?? "").split(":"),
    "/usr/sbin",
    "/sbin",
    "/usr/local/sbin",
    "/usr/lib/git-core",
  ];
  return folders
    .map((folder) => join(folder, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/** Options for a test that needs programs: it is skipped, and says why, when one is missing. */
export function needs(...names: ProgramName[]): { skip?: string } {
  const missing = names.find((name) => findProgram(name) === undefined);
  if (missing !== undefined) return { skip: `needs ${missing} (Debian package ${PACKAGES[missing]})` };
  return names.includes("unshare") && !canMakeNamespaces()
    ? { skip: "this system lets us make no namespaces (that takes root)" }
    : {};
}

let namespaces: boolean | undefined;

/** Whether a private network, host name and mounts can be had. */
function canMakeNamespaces(): boolean {
  namespaces ??= spawnSync("unshare", ["--net", "--mount", "--uts", "true"]).status === 0;
  return namespaces;
}

/** What a program did. */
export interface Ran {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to run one. */
export interface RunOptions {
  /** Written to its standard input, which is then closed. */
  readonly input?: string | Buffer;
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Milliseconds; 60 s when not given. */
  readonly within?: number;
}

/**
 * Runs a program to its end.
 *
 * @param command a name or a path
 * @throws when it cannot be started or takes too long (it is ended then)
 */
export function runProgram(command: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { within = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(findProgram(command) ?? command, args, {
      cwd: options.cwd,
      env: { ...process.env, LC_ALL: "C.UTF-8", ...options.env },
      stdio: "pipe",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => (stdout += chunk));
    child.stderr.on("data", (chunk) => (stderr += chunk));
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${command} took longer than ${within / 1000} s\n${stdout}\n${stderr}`));
    }, within);
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(error);
    });
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code: code ?? -1, stdout, stderr });
    });
  });
}

/**
 * Starts a program that runs until the test is over.
 *
 * @throws when it cannot be started
 */
export async function startProgram(
  t: TestContext,
  command: string,
  args: readonly string[],
): Promise<ChildProcess> {
  const child = spawn(findProgram(command) ?? command, args, { stdio: "ignore" });
  await once(child, "spawn");
  t.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  });
  return child;
}
