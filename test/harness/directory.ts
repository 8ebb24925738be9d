/**
 * slapd, the LDAP server of Debian's package, on a free port of loopback with a folder of its own.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { cleanUpLater, type Scope } from "./clean-ups.ts";
import { findProgram, runProgram } from "./programs.ts";
import { reservedPort } from "./reserved-port.ts";

/** How often another port is tried: one that was free may be somebody else's a moment later. */
const ATTEMPTS = 10;

export const BASE = "dc=example,dc=com";
/** Who may change entries, and its password. */
export const MANAGER = `cn=manager,${BASE}`;
export const MANAGER_PASSWORD = "manages";

/** A running directory. */
export interface TestDirectory {
  readonly folder: string;
  readonly port: number;
  /** `ldap://127.0.0.1:PORT`, or with `localhost` and ldaps where it has a certificate. */
  readonly url: string;
  /** Applies LDIF changes as the manager. */
  modify(ldif: string): Promise<void>;
  stop(): Promise<void>;
  /** Starts it again on the same port. */
  start(): Promise<void>;
}

/** What it starts with. */
export interface DirectoryOptions {
  /** LDIF below {@link BASE}; the base itself and `ou=people` are made. */
  readonly entries: string;
  /** PEM files; it then speaks ldaps, or StartTLS, and refuses passwords in clear. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly mode: "ldaps" | "starttls" };
  /** Lines for slapd.conf, such as access rules. */
  readonly config?: readonly string[];
}

/** Starts it; it is ended with the test. @throws when it does not come up, with what it wrote */
export async function startDirectory(t: Scope, options: DirectoryOptions): Promise<TestDirectory> {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-slapd-"));
  cleanUpLater(t, () => rmSync(folder, { recursive: true, force: true }));
  const config = join(folder, "slapd.conf");
  writeFileSync(config, configOf(folder, options));
  mkdirSync(join(folder, "db"));
  const root = [
    `dn: ${BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: Example`,
    `dn: ou=people,${BASE}\nobjectClass: organizationalUnit\nou: people`,
  ];
  const ldif = `${root.join("\n\n")}\n\n${options.entries}\n`;
  const added = await runProgram("slapadd", ["-f", config], { input: ldif });
  if (added.code !== 0) throw new Error(`slapadd: ${added.stderr}`);
  let server: ChildProcess | undefined;
  const scheme = options.tls?.mode === "ldaps" ? "ldaps" : "ldap";
  const run = async (port: number): Promise<boolean> => {
    const address = `${scheme}://127.0.0.1:${port}/`;
    const child = spawn(findProgram("slapd") ?? "slapd", ["-f", config, "-h", address, "-d", "0"], {
      stdio: "ignore",
    });
    server = child;
    return await comesUp(child, port);
  };
  const stop = async () => {
    if (server !== undefined) await end(server);
  };
  cleanUpLater(t, stop);
  let port = 0;
  let up = false;
  for (let attempt = 0; attempt < ATTEMPTS && !up; attempt += 1) {
    port = await reservedPort();
    up = await run(port);
  }
  if (!up) throw new Error("slapd did not come up");
  const name = options.tls === undefined ? "127.0.0.1" : "localhost";
  return {
    folder,
    port,
    url: `${scheme}://${name}:${port}`,
    async modify(changes) {
      const how = ["-x", "-H", `${scheme}://127.0.0.1:${port}`, "-D", MANAGER, "-w", MANAGER_PASSWORD];
      const done = await runProgram("ldapmodify", how, { input: changes });
      if (done.code !== 0) throw new Error(`ldapmodify: ${done.stderr}`);
    },
    stop,
    async start() {
      if (!(await run(port))) throw new Error(`slapd did not come up again on port ${port}`);
    },
  };
}

/** An entry of a person. */
export function person(uid: string, password: string, more: readonly string[] = []): string {
  return [
    `dn: uid=${uid},ou=people,${BASE}`,
    "objectClass: inetOrgPerson",
    `uid: ${uid}`,
    `cn: ${uid}`,
    `sn: ${uid}`,
    `userPassword: ${password}`,
    ...more,
  ].join("\n");
}

function configOf(folder: string, { tls, config = [] }: DirectoryOptions): string {
  return [
    ...["core", "cosine", "inetorgperson", "nis"].map((name) => `include /etc/ldap/schema/${name}.schema`),
    `pidfile ${folder}/slapd.pid`,
    "modulepath /usr/lib/ldap",
    "moduleload back_mdb",
    ...(tls === undefined
      ? []
      : [`TLSCertificateFile ${tls.cert}`, `TLSCertificateKeyFile ${tls.key}`, "security simple_bind=128"]),
    "database mdb",
    "maxsize 16777216",
    `suffix "${BASE}"`,
    `rootdn "${MANAGER}"`,
    `rootpw ${MANAGER_PASSWORD}`,
    `directory ${folder}/db`,
    ...config,
    "access to attrs=userPassword by anonymous auth by * none",
    "access to * by * read",
    "",
  ].join("\n");
}

/** False when it has ended; throws when it neither ends nor listens within 30 s. */
async function comesUp(child: ChildProcess, port: number): Promise<boolean> {
  for (const until = Date.now() + 30_000; Date.now() < until; await pause(20)) {
    if (child.exitCode !== null || child.signalCode !== null) return false;
    if (await listens(port)) {
      await pause(20);
      return child.exitCode === null;
    }
  }
  await end(child);
  throw new Error(`slapd on port ${port} does not answer`);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}
