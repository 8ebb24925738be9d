/**
 * Postfix with its defaults; only paths, port, smart host and the mailboxes are set. By default local(8) delivers to Unix accounts in
 * /var/mail. Tuned, it has more processes and no brake between accepting and delivering. With virtual(8) the mailboxes belong to one
 * user, under the same locks, which saves it a change of user a message.
 */
import { execFileSync } from "node:child_process";
import { chownSync, copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { findProgram } from "../test/harness/programs.ts";
import { freePort, startServer } from "./background.ts";
import { DOMAIN, MAILBOXES, OWNER, type SmtpPeer } from "./peer.ts";
import { privateSite } from "./private-site.ts";

const postfix = findProgram("postfix");
const reason = missing();

const LOCAL = () => [`mydestination = ${DOMAIN}`, "mailbox_size_limit = 0"];

/** What is set beyond the defaults when it is to be as fast as it can be. */
const TUNED = () => [
  ...LOCAL(),
  "in_flow_delay = 0",
  "default_process_limit = 250",
  "local_destination_concurrency_limit = 20",
  "default_destination_concurrency_limit = 50",
  "initial_destination_concurrency = 20",
  "qmgr_message_active_limit = 40000",
];

const VIRTUAL = (config: string) => [
  "mydestination =",
  `virtual_mailbox_domains = ${DOMAIN}`,
  "virtual_mailbox_base = /var/mail",
  `virtual_mailbox_maps = texthash:${config}/mailboxes`,
  "virtual_mailbox_limit = 0",
  `virtual_minimum_uid = ${OWNER}`,
  `virtual_uid_maps = static:${OWNER}`,
  `virtual_gid_maps = static:${OWNER}`,
];

/** Postfix as a peer. */
export const postfixLocal = postfixPeer("postfix", LOCAL);
export const postfixTuned = postfixPeer("postfix-tuned", TUNED);
export const postfixVirtual = postfixPeer("postfix-virtual", VIRTUAL);

function postfixPeer(name: string, mailboxes: (config: string) => readonly string[]): SmtpPeer {
  return {
    name,
    version:
      reason === undefined
        ? execFileSync("postconf", ["-dh", "mail_version"], { encoding: "utf8" }).trim()
        : "",
    ...(reason === undefined ? {} : { missing: reason }),
    relays: true,
    async start(scope, prefix = [], sink = 9) {
      const site = privateSite(scope, name);
      const config = join(site.dir, "postfix");
      for (const folder of ["spool", "data"]) mkdirSync(join(site.dir, folder));
      chownSync(
        join(site.dir, "data"),
        Number(execFileSync("id", ["-u", "postfix"], { encoding: "utf8" })),
        -1,
      );
      const port = await freePort();
      site.write("postfix/main.cf", [...mainCf(site.dir, sink), ...mailboxes(config), ""].join("\n"));
      site.write("postfix/master.cf", masterCf(port));
      site.write("postfix/mailboxes", MAILBOXES.map((user) => `${user}@${DOMAIN} ${user}\n`).join(""));
      for (const file of ["postfix-files", "dynamicmaps.cf", "postfix-script", "post-install"]) {
        if (existsSync(`/etc/postfix/${file}`)) copyFileSync(`/etc/postfix/${file}`, join(config, file));
      }
      const command = [...site.prefix, postfix!, "-c", config];
      await startServer(scope, [...prefix, ...command, "start-fg"], port);
      scope.after(() => {
        try {
          execFileSync(command[0]!, [...command.slice(1), "stop"], { stdio: "ignore" });
        } catch {
          // It had ended already.
        }
      });
      return { port, mailboxes: join(site.dir, "mail") };
    },
  };
}

function mainCf(dir: string, sink: number): string[] {
  return [
    "compatibility_level = 3.6",
    `queue_directory = ${dir}/spool`,
    `data_directory = ${dir}/data`,
    "command_directory = /usr/sbin",
    "daemon_directory = /usr/lib/postfix/sbin",
    `meta_directory = ${dir}/postfix`,
    "mail_owner = postfix",
    "setgid_group = postdrop",
    "myhostname = mx.bench.test",
    "mynetworks = 127.0.0.0/8",
    "inet_interfaces = 127.0.0.1",
    "inet_protocols = ipv4",
    "alias_maps =",
    "alias_database =",
    "smtp_dns_support_level = disabled",
    "smtpd_tls_security_level = none",
    "smtp_tls_security_level = none",
    `relayhost = [127.0.0.1]:${sink}`,
    "message_size_limit = 104857600",
    // The load comes from one address; no default limit is meant for that.
    "smtpd_client_connection_count_limit = 0",
  ];
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
