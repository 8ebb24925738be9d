/**
 * Postfix with its defaults; only paths, port, smart host and the mailboxes are set. virtual(8) writes mboxes under the same locks
 * as local(8) and needs no system accounts. Tuned, it has more processes and no brake between accepting and delivering.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../test/harness/programs.ts";
import { freePort, startServer } from "./background.ts";
import { DOMAIN, MAILBOXES, type SmtpPeer } from "./peer.ts";

const postfix = findProgram("postfix");
/** The user that owns the mailboxes: nobody. */
const OWNER = 65_534;

/** What is set beyond the defaults when it is to be as fast as it can be. */
const TUNED = [
  "in_flow_delay = 0",
  "default_process_limit = 250",
  "virtual_destination_concurrency_limit = 20",
  "default_destination_concurrency_limit = 50",
  "initial_destination_concurrency = 20",
  "qmgr_message_active_limit = 40000",
];

function mainCf(dir: string, sink: number, more: readonly string[]): string {
  return [
    "compatibility_level = 3.6",
    `queue_directory = ${dir}/spool`,
    `data_directory = ${dir}/data`,
    "command_directory = /usr/sbin",
    "daemon_directory = /usr/lib/postfix/sbin",
    `meta_directory = ${dir}/etc`,
    "mail_owner = postfix",
    "setgid_group = postdrop",
    "myhostname = mx.bench.test",
    "mydestination =",
    "mynetworks = 127.0.0.0/8",
    "inet_interfaces = 127.0.0.1",
    "inet_protocols = ipv4",
    "alias_maps =",
    "alias_database =",
    "smtp_dns_support_level = disabled",
    "smtpd_tls_security_level = none",
    // The load comes from one address; no default limit is meant for that.
    "smtpd_client_connection_count_limit = 0",
    `virtual_mailbox_domains = ${DOMAIN}`,
    `virtual_mailbox_base = ${dir}/mail`,
    `virtual_mailbox_maps = texthash:${dir}/etc/mailboxes`,
    "virtual_mailbox_limit = 0",
    "message_size_limit = 104857600",
    `relayhost = [127.0.0.1]:${sink}`,
    "smtp_tls_security_level = none",
    `virtual_minimum_uid = ${OWNER}`,
    `virtual_uid_maps = static:${OWNER}`,
    `virtual_gid_maps = static:${OWNER}`,
    ...more,
    "",
  ].join("\n");
}

/** master.cf as installed, without chroot, its smtpd on our port. */
function masterCf(port: number): string {
  const installed = ["/usr/share/postfix/master.cf.dist", "/etc/postfix/master.cf.proto"].find((path) =>
    existsSync(path),
  );
  return readFileSync(installed ?? "/etc/postfix/master.cf", "utf8")
    .split("\n")
    .map((line) => {
      const fields = line.split(/\s+/);
      if (!/^\w/.test(line) || fields.length < 8) return line;
      fields[4] = "n";
      if (fields[0] === "smtp" && fields[1] === "inet") fields[0] = `127.0.0.1:${port}`;
      return fields.join(" ");
    })
    .join("\n");
}

function missing(): string | undefined {
  if (postfix === undefined) return "Postfix is not installed (Debian package postfix)";
  return process.getuid?.() === 0 ? undefined : "Postfix needs root";
}

const reason = missing();

/** Postfix as a peer. */
export const postfixSmtp = postfixPeer("postfix", []);
export const postfixTunedSmtp = postfixPeer("postfix-tuned", TUNED);

function postfixPeer(name: string, more: readonly string[]): SmtpPeer {
  return {
    name,
    version:
      reason === undefined
        ? execFileSync("postconf", ["-dh", "mail_version"], { encoding: "utf8" }).trim()
        : "",
    ...(reason === undefined ? {} : { missing: reason }),
    relays: true,
    async start(scope, prefix = [], sink = 9) {
      const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-postfix-"));
      scope.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
      chmodSync(dir, 0o755);
      for (const name of ["spool", "data", "etc", "mail"]) mkdirSync(join(dir, name));
      const mailOwner = Number(execFileSync("id", ["-u", "postfix"], { encoding: "utf8" }));
      chownSync(join(dir, "data"), mailOwner, -1);
      chownSync(join(dir, "mail"), OWNER, OWNER);
      const port = await freePort();
      writeFileSync(join(dir, "etc/main.cf"), mainCf(dir, sink, more));
      writeFileSync(join(dir, "etc/master.cf"), masterCf(port));
      writeFileSync(
        join(dir, "etc/mailboxes"),
        MAILBOXES.map((name) => `${name}@${DOMAIN} ${name}\n`).join(""),
      );
      for (const name of ["postfix-files", "dynamicmaps.cf", "postfix-script", "post-install"]) {
        if (existsSync(`/etc/postfix/${name}`)) copyFileSync(`/etc/postfix/${name}`, join(dir, "etc", name));
      }
      const config = ["-c", join(dir, "etc")];
      await startServer(scope, [...prefix, postfix!, ...config, "start-fg"], port);
      scope.after(() => {
        try {
          execFileSync(postfix!, [...config, "stop"], { stdio: "ignore" });
        } catch {
          // It had ended already.
        }
      });
      return { port, mailboxes: join(dir, "mail") };
    },
  };
}
