/**
 * Sendmail 8 as it delivers at once: background delivery, SuperSafe, mail.local over LMTP. Its limits by load average are off, and its
 * backlog of connections is as long as the others'.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../test/harness/programs.ts";
import { freePort, startServer } from "./background.ts";
import { DOMAIN, type SmtpPeer } from "./peer.ts";
import { missingUnpacked, privateSite, unpackedPackage } from "./private-site.ts";

const BIN = "usr/libexec/sendmail/sendmail";
const CF = ["usr/share/sendmail/cf", "usr/share/sendmail/sendmail.cf"];
const base = unpackedPackage("sendmail-bin", BIN);
const program = base === undefined ? "" : join(base, BIN);
const macros = CF.flatMap((path) => {
  const found = unpackedPackage("sendmail-cf", join(path, "m4/cf.m4"));
  return found === undefined ? [] : [join(found, path)];
})[0];

function missing(): string | undefined {
  const reason = missingUnpacked("Sendmail", "sendmail-bin", base);
  if (reason !== undefined) return reason;
  if (macros === undefined) return "Sendmail needs the Debian package sendmail-cf, unpacked or installed";
  return findProgram("m4") === undefined ? "Sendmail needs m4 (Debian package m4)" : undefined;
}

function configuration(dir: string, port: number, sink: number): string {
  return `divert(0)dnl
OSTYPE(\`linux')dnl
define(\`confDOMAIN_NAME', \`mx.bench.test')dnl
define(\`QUEUE_DIR', \`${dir}/mqueue')dnl
define(\`confPID_FILE', \`${dir}/sendmail.pid')dnl
define(\`ALIAS_FILE', \`/etc/aliases')dnl
define(\`STATUS_FILE', \`')dnl
define(\`confTO_IDENT', \`0s')dnl
define(\`confSERVICE_SWITCH_FILE', \`${dir}/service.switch')dnl
define(\`confDELIVERY_MODE', \`background')dnl
define(\`confQUEUE_LA', \`900')dnl
define(\`confREFUSE_LA', \`1000')dnl
define(\`confDONT_BLAME_SENDMAIL', \`groupwritabledirpathsafe')dnl
define(\`SMART_HOST', \`relay:[127.0.0.1]')dnl
define(\`RELAY_MAILER_ARGS', \`TCP $h ${sink}')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
FEATURE(\`no_default_msa')dnl
FEATURE(\`promiscuous_relay')dnl
FEATURE(\`local_lmtp', \`${join(program, "../mail.local")}')dnl
DAEMON_OPTIONS(\`Name=MTA, Addr=127.0.0.1, Port=${port}, Listen=1024')dnl
MAILER(\`local')dnl
MAILER(\`smtp')dnl
LOCAL_CONFIG
Cw${DOMAIN}
`;
}

const reason = missing();

function version(): string {
  const said = spawnSync(program, ["-d0.1", "-bv", "-C/dev/null", "root"], {
    encoding: "utf8",
    timeout: 10_000,
  });
  return /Version ([\d.]+)/.exec(`${said.stdout}${said.stderr}`)?.[1] ?? "";
}

/** Sendmail as a peer. */
export const sendmailSmtp: SmtpPeer = {
  name: "sendmail",
  version: reason === undefined ? version() : "",
  ...(reason === undefined ? {} : { missing: reason }),
  relays: true,
  async start(scope, prefix = [], sink = 9) {
    const site = privateSite(scope, "sendmail");
    const { dir } = site;
    mkdirSync(join(dir, "mqueue"), { mode: 0o700 });
    const port = await freePort();
    site.write("etc/aliases", "postmaster: root\n");
    site.write("service.switch", "hosts files\naliases files\npasswd files\n");
    site.write("bench.mc", configuration(dir, port, sink));
    const m4 = ["-D", `_CF_DIR_=${macros}/`, join(macros!, "m4/cf.m4"), join(dir, "bench.mc")];
    writeFileSync(join(dir, "sendmail.cf"), execFileSync("m4", m4, { cwd: macros, stdio: "pipe" }));
    chmodSync(join(dir, "sendmail.cf"), 0o644);
    const command = [...site.prefix, program, "-C", join(dir, "sendmail.cf")];
    execFileSync(command[0]!, [...command.slice(1), "-bi"], { stdio: "ignore" });
    await startServer(scope, [...prefix, ...command, "-bD", "-q1m"], port);
    if (!existsSync(join(dir, "sendmail.pid"))) throw new Error("Sendmail wrote no pid file");
    return { port, mailboxes: join(dir, "mail") };
  },
};
