/**
 * A real Sendmail of Debian's packages for the comparison: its files in a folder, its cf built from a .mc by m4, started and
 * stopped. It runs only within the private namespace (private-namespace.sh), where that folder lies over /etc/mail and the rest.
 */
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Connection, type Endpoint } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { type MboxEntry, readMbox } from "../harness/mbox-reader.ts";
import { type Ran, runProgram } from "../harness/programs.ts";
import { soon } from "./run-cases.ts";

/** Where Debian's package puts the program; /usr/sbin/sendmail may be another's. */
export const SENDMAIL = "/usr/libexec/sendmail/sendmail";
const MAKEMAP = "/usr/libexec/sendmail/makemap";
const CF_MACROS = "/usr/share/sendmail/cf/m4/cf.m4";

/** Why the comparison cannot run here, as test/run.mjs counts it; undefined when it can. */
export function missingSendmail(): string | undefined {
  if (!existsSync(SENDMAIL)) return "needs sendmail (Debian package sendmail-bin)";
  if (!existsSync(CF_MACROS)) return "needs cf.m4 (Debian package sendmail-cf)";
  return undefined;
}

/** What differs between the two in one .mc: ports, and what mailhost alone knows. */
export interface McVariant {
  readonly port: string;
  /** Further lines, such as MAILHOST_SETTING. */
  readonly lines?: readonly string[];
}

/** The .mc that both hosts are built from: the article's, with the given lines where its FEATUREs are. */
export function configMc(features: string, { port, lines = [] }: McVariant): string {
  return `divert(-1)
include(\`${CF_MACROS}')dnl
divert(0)dnl
VERSIONID(\`side by side')dnl
OSTYPE(\`linux')dnl
define(\`confDOMAIN_NAME', \`mail.linuxaid.com.cn')dnl
define(\`ALIAS_FILE', \`/etc/mail/aliases')dnl
define(\`STATUS_FILE', \`/var/spool/mqueue/statistics')dnl
define(\`HELP_FILE', \`/etc/mail/helpfile')dnl
define(\`confPID_FILE', \`/var/spool/mqueue/sendmail.pid')dnl
define(\`confEBINDIR', \`/usr/libexec/sendmail')dnl
define(\`confTO_IDENT', \`0s')dnl
define(\`confTO_ICONNECT', \`2s')dnl
define(\`confTO_CONNECT', \`2s')dnl
define(\`confDONT_PROBE_INTERFACES', \`True')dnl
define(\`confDELIVERY_MODE', \`interactive')dnl
define(\`confREFUSE_LA', \`1000')dnl
define(\`confQUEUE_LA', \`1000')dnl
FEATURE(\`use_cw_file')dnl
${features.trim()}
FEATURE(\`no_default_msa')dnl
DAEMON_OPTIONS(\`Port=${port}, Addr=192.0.2.1, Name=MTA, M=A')dnl
DAEMON_OPTIONS(\`Port=${port}, Addr=2001:db8::25, Family=inet6, Name=MTA6, M=AO')dnl
${lines.map((line) => `${line}dnl\n`).join("")}MAILER(\`local')dnl
MAILER(\`smtp')dnl
`;
}

/** Tables that makemap compiles, when they are there. */
const MAPS = ["access", "virtusertable", "mailertable", "genericstable", "domaintable"];

const FIRST_UID = 2001;

/** Lays out the folder that private-namespace.sh takes. */
export function layOut(dir: string, accounts: readonly string[]): void {
  mkdirSync(join(dir, "home/written"), { recursive: true });
  chmodSync(join(dir, "home/written"), 0o777);
  for (const name of [
    "root",
    "etc/mail",
    "var/mail",
    "var/spool/mqueue",
    "var/spool/mqueue-client",
    "home",
    "log",
  ]) {
    mkdirSync(join(dir, name), { recursive: true });
  }
  chmodSync(join(dir, "var/mail"), 0o3777);
  const system = [
    "root:x:0:0:root:/root:/bin/sh",
    "daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin",
    "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin",
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin",
    "smmta:x:103:105::/var/lib/sendmail:/usr/sbin/nologin",
    "smmsp:x:104:106::/var/lib/sendmail:/usr/sbin/nologin",
  ];
  const users = accounts.map(
    (name, i) => `${name}:x:${FIRST_UID + i}:${FIRST_UID + i}:${name}:/home/${name}:/bin/sh`,
  );
  writeFileSync(join(dir, "etc/passwd"), `${[...system, ...users].join("\n")}\n`);
  const groups = [
    "root:x:0:",
    "daemon:x:1:",
    "mail:x:8:",
    "nogroup:x:65534:",
    "smmta:x:105:",
    "smmsp:x:106:",
  ];
  const own = accounts.map((name, i) => `${name}:x:${FIRST_UID + i}:`);
  writeFileSync(join(dir, "etc/group"), `${[...groups, ...own].join("\n")}\n`);
  writeFileSync(
    join(dir, "etc/hosts"),
    "127.0.0.1 localhost\n::1 localhost\n192.0.2.1 mail.linuxaid.com.cn mail\n",
  );
  writeFileSync(join(dir, "etc/resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
  writeFileSync(join(dir, "etc/nsswitch.conf"), "passwd: files\ngroup: files\nhosts: files dns\n");
}

/** The real one, on a folder that lies over the system's. */
export class RealSendmail {
  readonly smtp: Endpoint = { host: "192.0.2.1", port: 25 };
  readonly smtp6: Endpoint = { host: "2001:db8::25", port: 25 };
  readonly dir: string;
  #daemon: ChildProcess | undefined;
  #logger: ChildProcess | undefined;
  #marks = 0;

  readonly #accounts: readonly string[];

  constructor(dir: string, accounts: readonly string[]) {
    this.dir = dir;
    this.#accounts = accounts;
  }

  /** Starts the taker of its log lines. */
  async openLog(): Promise<void> {
    const script = new URL("syslog-socket.pl", import.meta.url).pathname;
    const logger = spawn("perl", [script, "/dev/log", join(this.dir, "log/maillog")], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#logger = logger;
    await new Promise((ready) => logger.stdout.once("data", ready));
  }

  write(name: string, text: string): void {
    const file = name.startsWith("/") ? name : join("/", name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: text.startsWith("#!") ? 0o755 : 0o644 });
    // What is in somebody's home is theirs.
    const owner = /^\/home\/(\w+)\//.exec(file)?.[1];
    const account = this.#accounts.indexOf(owner ?? "");
    if (account < 0) return;
    for (const path of [dirname(file), file]) chownSync(path, FIRST_UID + account, FIRST_UID + account);
  }

  /** Builds sendmail.cf. */
  async build(features: string): Promise<void> {
    const mc = configMc(features, { port: "smtp" });
    this.write("etc/mail/config.mc", mc);
    const built = await runProgram("m4", ["/etc/mail/config.mc"], { cwd: "/usr/share/sendmail/cf/cf" });
    if (built.code !== 0 || /\*\*\* (?!WARNING)/.test(built.stderr)) throw new Error(`m4: ${built.stderr}`);
    this.write("etc/mail/sendmail.cf", built.stdout);
  }

  /** Compiles the tables as a postmaster would. */
  async makeMaps(): Promise<void> {
    for (const name of MAPS) {
      const file = `/etc/mail/${name}`;
      if (!existsSync(file)) continue;
      const made = await runProgram(MAKEMAP, ["hash", file], { input: readFileSync(file) });
      if (made.code !== 0) throw new Error(`makemap ${name}: ${made.stderr}`);
    }
    const made = await this.run("newaliases", []);
    if (made.code !== 0) throw new Error(`newaliases: ${made.stdout}${made.stderr}`);
  }

  /** Runs it as a command: `sendmail`, `mailq`, `newaliases`, `praliases` … */
  run(name: string, args: readonly string[], input = ""): Promise<Ran> {
    return runProgram(`${dirname(SENDMAIL)}/${name}`, args, { input });
  }

  async start(): Promise<void> {
    const daemon = spawn(SENDMAIL, ["-bD"], { stdio: ["ignore", "pipe", "pipe"] });
    this.#daemon = daemon;
    let output = "";
    daemon.stdout.on("data", (chunk) => (output += chunk));
    daemon.stderr.on("data", (chunk) => (output += chunk));
    const from = this.log().length;
    await eventually(
      () => {
        if (daemon.exitCode !== null) throw new Error(`sendmail ended: ${output} ${this.log().slice(from)}`);
        return this.log().slice(from).includes("starting daemon");
      },
      { within: 60_000, what: `a Sendmail that starts; it printed ${output}` },
    );
    // It says so before it listens.
    await eventually(async () => (await Connection.open(this.smtp6)).close() === undefined, {
      within: 60_000,
      what: "a Sendmail that listens",
    });
  }

  async stop(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null) return;
    const ended = new Promise((done) => daemon.once("close", done));
    daemon.kill("SIGTERM");
    await ended;
  }

  closeLog(): void {
    this.#logger?.stdin?.end();
  }

  log(): string {
    const file = join(this.dir, "log/maillog");
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  /** Takes a site's files away again. */
  removeSite(files: Readonly<Record<string, string>>): void {
    for (const name of Object.keys(files)) rmSync(join("/", name), { force: true });
    for (const name of readdirSync("/etc/mail")) if (name.endsWith(".db")) rmSync(`/etc/mail/${name}`);
  }

  /** Resolves when all that it has told the log so far is there. */
  async logIsWritten(): Promise<void> {
    this.#marks += 1;
    const mark = `mark ${this.#marks}`;
    this.#logger!.stdin!.write(`${mark}\n`);
    await soon(() => this.log().includes(`\n${mark}\n`), mark);
  }

  mailbox(user: string): MboxEntry[] {
    return readMbox(`/var/mail/${user}`);
  }

  /** Empties mailboxes and queue. */
  clear(): void {
    for (const folder of ["/var/mail", "/var/spool/mqueue", "/var/spool/mqueue-client"]) {
      for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true });
    }
    // Procmail waits for a second before it makes a mailbox that is not there.
    for (const [i, name] of ["root", ...this.#accounts].entries()) {
      writeFileSync(`/var/mail/${name}`, "", { mode: 0o600 });
      chownSync(`/var/mail/${name}`, i === 0 ? 0 : FIRST_UID + i - 1, 8);
    }
  }
}
