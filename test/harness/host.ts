/**
 * A whole mail host for one test: the built `mailhost start` on a root of its own below the temporary folder, on free
 * loopback ports, with the article's tables and a DNS server of its own. Whatever happens, nothing of it is left behind.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanUpLater, type Scope } from "./clean-ups.ts";
import type { Endpoint } from "./connection.ts";
import { type DnsServer, startDnsServer, type ZoneEntry } from "./dns-server.ts";
import { eventually } from "./eventually.ts";
import { HostProcess, type ProcessName } from "./host-process.ts";
import { type MboxEntry, readMbox } from "./mbox-reader.ts";
import { type Ran, runProgram } from "./programs.ts";

export type { Scope };

/** The commands as installed. */
const BIN = {
  mailhost: fileURLToPath(new URL("../../packages/launcher/bin/mailhost.js", import.meta.url)),
  sendmail: fileURLToPath(new URL("../../packages/launcher/bin/sendmail.js", import.meta.url)),
  mailq: fileURLToPath(new URL("../../packages/mta/bin/mailq.js", import.meta.url)),
  newaliases: fileURLToPath(new URL("../../packages/mta/bin/newaliases.js", import.meta.url)),
  makemap: fileURLToPath(new URL("../../packages/mta/bin/makemap.js", import.meta.url)),
  praliases: fileURLToPath(new URL("../../packages/mta/bin/praliases.js", import.meta.url)),
} as const;

/** The article's `/etc/mail`; 127.0.0.2 stands for its LAN, every other loopback address for the outside. */
export const ARTICLE_FILES: Readonly<Record<string, string>> = {
  "etc/mail/access": "127.0.0.1 RELAY\n127.0.0.2 RELAY\n",
  "etc/mail/local-host-names": "linuxaid.com.cn.\nmail.linuxaid.com.cn.\n",
  "etc/mail/aliases": "MAILER-DAEMON: postmaster\npostmaster: root\nbin: root\ndaemon: root\nnobody: root\n",
  "etc/passwd": "root:x:0:0:root:/root:/bin/sh\n",
};

/** Addresses that stand for the article's parties. */
export const LAN = "127.0.0.2";
export const OUTSIDE = "127.0.0.9";
/** Every account of a test has this password. */
export const PASSWORD = "kept in mind";

/** Settings as in mailhost.yaml, to any depth. */
export type SettingsTree = { readonly [key: string]: unknown };

/** What a test wants of its host. */
export interface HostOptions {
  /** Laid over the harness's own settings. */
  readonly settings?: SettingsTree;
  /** Files below the root, laid over {@link ARTICLE_FILES}; undefined leaves one out. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  /** Accounts, made with `mailhost user add`. */
  readonly users?: readonly string[];
  /** What its DNS answers. */
  readonly zone?: Readonly<Record<string, ZoneEntry>>;
}

/** A root with files in it that no host runs on yet. */
export interface Site {
  readonly root: string;
  readonly dns: DnsServer;
  /** The command line of `mailhost ARGS --root ROOT`, to run it below another program. */
  commandLine(args: readonly string[]): string[];
  path(name: string): string;
  write(name: string, text: string): void;
  read(name: string): string;
  /** Runs `mailhost ARGS --root ROOT`, or another of the commands with MAILHOST_ROOT set. */
  mailhost(args: readonly string[], input?: string): Promise<Ran>;
  command(name: Exclude<keyof typeof BIN, "mailhost">, args: readonly string[], input?: string): Promise<Ran>;
  /** Messages in a mailbox. */
  mailbox(user: string): MboxEntry[];
  /** Waits until a mailbox has that many messages, and returns them. */
  arrived(user: string, count?: number, within?: number): Promise<MboxEntry[]>;
  /** The log so far. */
  log(): string;
  /** Waits for a line of the log. */
  logged(pattern: RegExp, within?: number): Promise<string>;
}

/** A running host. Its ports may be others after a restart. */
export interface MailHost extends Site {
  readonly smtp: Endpoint;
  readonly submission: Endpoint;
  readonly pop3: Endpoint;
  /** What it printed. */
  readonly output: string;
  /** The ready line's addresses of a kind, all of them. */
  listening(kind: string): Endpoint[];
  pid(name: ProcessName): number;
  /** True while the process that the pid file names is there. */
  alive(name: ProcessName): boolean;
  signal(name: ProcessName, signal: NodeJS.Signals): void;
  /** SIGTERM and the exit code. */
  stop(within?: number): Promise<number>;
  /** Resolves with the exit code when the launcher has ended by itself or was ended. */
  ended(within?: number): Promise<number>;
  /** Starts it again on the same root after it ended. */
  start(): Promise<void>;
  restart(): Promise<void>;
}

/** Lays out a root with tables, settings and accounts; it is removed at the end of the test. */
export async function prepareSite(t: Scope, options: HostOptions = {}): Promise<Site> {
  const root = mkdtempSync(join(tmpdir(), "mailhost-e2e-"));
  cleanUpLater(t, () => rmSync(root, { recursive: true, force: true, maxRetries: 5 }));
  const dns = await startDnsServer(options.zone ?? {});
  cleanUpLater(t, () => dns.close());
  const site = siteOver(root, dns);
  for (const [name, text] of Object.entries({ ...ARTICLE_FILES, ...options.files })) {
    if (text !== undefined) site.write(name, text);
  }
  if (options.files === undefined || !("etc/mail/mailhost.yaml" in options.files)) {
    const settings = merged(harnessSettings(dns), options.settings ?? {});
    site.write("etc/mail/mailhost.yaml", `${JSON.stringify(settings, undefined, 2)}\n`);
  }
  for (const user of options.users ?? []) {
    const added = await site.mailhost(["user", "add", user], `${PASSWORD}\n`);
    if (added.code !== 0) throw new Error(`user add ${user}: exit code ${added.code}\n${added.stderr}`);
  }
  return site;
}

/** Prepares a root and starts a host on it; it is stopped at the end of the test. */
export async function startHost(t: Scope, options: HostOptions = {}): Promise<MailHost> {
  return startOn(t, await prepareSite(t, options));
}

/**
 * Starts a host on a prepared root.
 *
 * @param prefix a command that runs the launcher, such as `strace -f`
 */
export async function startOn(t: Scope, site: Site, prefix: readonly string[] = []): Promise<MailHost> {
  const host = new HostProcess(site, prefix);
  cleanUpLater(t, () => host.destroy());
  await host.start();
  return Object.assign(host, { ...site });
}

function harnessSettings(dns: DnsServer): SettingsTree {
  return {
    hostname: "mail.linuxaid.com.cn",
    smtp: { listen: ["127.0.0.1:0"], submission: ["127.0.0.1:0"], smtps: [] },
    pop3: { listen: ["127.0.0.1:0"], pop3s: [] },
    relay: { connectTimeout: "2s", greetingTimeout: "5s" },
    queue: { interval: "1s" },
    dns: { servers: [dns.address], timeout: "2s" },
    lockTimeout: "10s",
    // Tests of TLS have certificates of their own, or say true, which is what a host has without being told.
    tls: { selfSigned: false },
  };
}

function merged(base: SettingsTree, over: SettingsTree): SettingsTree {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const below = result[key];
    result[key] = isTree(value) && isTree(below) ? merged(below, value) : value;
  }
  return result;
}

function isTree(value: unknown): value is SettingsTree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function siteOver(root: string, dns: DnsServer): Site {
  const path = (name: string) => join(root, name);
  const read = (name: string) => readFileSync(path(name), "utf8");
  const mailbox = (user: string) => readMbox(path(`var/spool/mail/${user}`));
  const log = () => {
    try {
      return read("var/log/mail.log");
    } catch {
      return "";
    }
  };
  return {
    root,
    dns,
    path,
    read,
    write(name, text) {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), text);
    },
    commandLine: (args) => [process.execPath, BIN.mailhost, ...args, "--root", root],
    mailhost: (args, input = "") =>
      runProgram(process.execPath, [BIN.mailhost, ...args, "--root", root], { input }),
    command: (name, args, input = "") =>
      runProgram(process.execPath, [BIN[name], ...args], { input, env: { MAILHOST_ROOT: root } }),
    mailbox,
    async arrived(user, count = 1, within = 30_000) {
      await eventually(() => mailbox(user).length >= count, {
        within,
        what: () =>
          `${count} messages for ${user}, who has ${mailbox(user).length}; the log ends\n${log().slice(-3000)}`,
      });
      return mailbox(user);
    },
    log,
    async logged(pattern, within = 30_000) {
      return eventually(
        () =>
          log()
            .split("\n")
            .find((line) => pattern.test(line)),
        {
          within,
          what: `a line ${pattern} in the log, which ends\n${log().slice(-3000)}`,
        },
      );
    },
  };
}
