/**
 * The mail host of the demonstration: a temporary root with the article's tables, and `mailhost start` on free ports.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { addUser } from "@mailhost/common/accounts/users-file";
import { type Site, siteAt } from "@mailhost/common/site";
import { initCommand } from "../commands/init.ts";
import type { Terminal } from "../terminal.ts";

/** A running host. */
export interface DemoHost {
  readonly site: Site;
  readonly smtpPort: number;
  readonly smtpsPort: number;
  readonly pop3Port: number;
  /** The certificate (PEM) that its first start has made. */
  readonly certificate: string;
  /** Stops it and removes its root; the exit code of the host. */
  close(): Promise<number | null>;
}

/** What the host is told of the outside. */
export interface DemoHostParts {
  readonly smtpPort: number;
  readonly dnsPort: number;
  readonly domain: string;
  readonly user: string;
  readonly password: string;
}

/** How long a start may take (ms); 5 s are promised. */
const START_LIMIT = 30_000;

/** How long a stop may take before the host is killed (ms). */
const STOP_LIMIT = 40_000;

/** The command of this package, built beside this file or run from its sources. */
const MAIN = fileURLToPath(new URL("../../bin/mailhost.js", import.meta.url));

/** Makes the root, starts the host and waits for its ready line. */
export async function startDemoHost(parts: DemoHostParts): Promise<DemoHost> {
  const root = mkdtempSync(join(tmpdir(), "mailhost-demo-"));
  const site = siteAt(root);
  try {
    await writeSite(site, parts);
  } catch (error) {
    rmSync(root, { recursive: true, force: true });
    throw error;
  }
  const child = spawn(process.execPath, [MAIN, "start", "--root", root], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const close = async () => {
    const code = await stopped(child);
    rmSync(root, { recursive: true, force: true });
    return code;
  };
  try {
    const ready = await readyLineOf(child, site);
    const [smtpPort, smtpsPort, pop3Port] = [
      portOf(ready, "smtp"),
      portOf(ready, "smtps"),
      portOf(ready, "pop3"),
    ];
    const certificate = readFileSync(join(site.etcMail, "tls/cert.pem"), "utf8");
    return { site, smtpPort, smtpsPort, pop3Port, certificate, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function writeSite(site: Site, parts: DemoHostParts): Promise<void> {
  const quiet: Terminal = {
    out: () => undefined,
    err: () => undefined,
    paint: (_colour, text) => text,
    readPassword: () => Promise.resolve(parts.password),
  };
  initCommand(site, { domain: parts.domain, lan: ["202.99.11"] }, quiet);
  writeFileSync(
    site.settingsFile,
    `hostname: mail.${parts.domain}
smtp: { listen: ["127.0.0.1:0"], submission: [], smtps: ["127.0.0.1:0"] }
pop3: { listen: ["127.0.0.1:0"], pop3s: [] }
relay: { smartHost: "[127.0.0.1]:${parts.smtpPort}" }
dns: { servers: ["127.0.0.1:${parts.dnsPort}"], timeout: 1s }
accounts: [file]
tls: { allowPlaintextAuth: true }
`,
  );
  await addUser(site, parts.user, parts.password);
  appendFileSync(join(site.etcMail, "aliases"), `root: ${parts.user}\n`);
}

/** The line in which the host says where it listens; an error with its last words when it ends instead. */
function readyLineOf(child: ChildProcess, site: Site): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string) => reject(new Error(`${why}\n${said}${lastOfLog(site)}`.trimEnd()));
    const timer = setTimeout(
      () => fail(`the host was not ready within ${START_LIMIT / 1000} s`),
      START_LIMIT,
    );
    child.stderr?.on("data", (piece: Buffer) => {
      said += piece.toString();
    });
    createInterface({ input: child.stdout! }).on("line", (line) => {
      if (!line.startsWith("mailhost ready")) return;
      clearTimeout(timer);
      resolve(line);
    });
    child.once("error", (error) => fail(error.message));
    child.once("exit", (code) => {
      clearTimeout(timer);
      fail(`the host ended with code ${code}`);
    });
  });
}

/** The end of the host's log: what it may have to say about a failure. */
export function lastOfLog(site: Site): string {
  try {
    return readFileSync(site.logFile, "utf8").split("\n").slice(-20).join("\n");
  } catch {
    // It did not get as far as a log.
    return "";
  }
}

function portOf(ready: string, kind: string): number {
  const match = new RegExp(`\\b${kind}=\\S+?:(\\d+)`).exec(ready);
  if (match === null) throw new Error(`no ${kind} port in: ${ready}`);
  return Number(match[1]);
}

function stopped(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT);
    child.once("exit", (code) => {
      clearTimeout(timer);
      resolve(code);
    });
    child.kill("SIGTERM");
  });
}
