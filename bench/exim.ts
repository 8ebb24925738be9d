/**
 * Exim with its defaults: a process a message, appendfile into mboxes. Limits on connections at once are off, and names are not looked
 * up.
 */
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort, startServer } from "./background.ts";
import { DOMAIN, type SmtpPeer } from "./peer.ts";
import { missingUnpacked, privateSite, unpackedPackage } from "./private-site.ts";

const BIN = "usr/sbin/exim4";
/** Debian-exim of the private site. */
const EXIM = 12_343;
const base = unpackedPackage("exim4-daemon-light", BIN);
const program = base === undefined ? "" : join(base, BIN);
const reason = missingUnpacked("Exim", "exim4-daemon-light", base);

function configuration(dir: string, port: number, sink: number): string {
  return `exim_path = ${program}
primary_hostname = mx.bench.test
spool_directory = ${dir}/spool
log_file_path = ${dir}/log/%slog
pid_file_path = ${dir}/exim.pid
domainlist local_domains = ${DOMAIN}
hostlist relay_from_hosts = 127.0.0.0/8
acl_smtp_rcpt = acl_check_rcpt
host_lookup =
rfc1413_query_timeout = 0s
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
smtp_accept_max = 0
smtp_accept_queue = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1024
message_size_limit = 100M
tls_advertise_hosts =
never_users = root
keep_environment =
add_environment = PATH=/usr/bin:/bin
begin acl
acl_check_rcpt:
  accept domains = +local_domains
  accept hosts = +relay_from_hosts
  deny
begin routers
smarthost:
  driver = manualroute
  domains = !+local_domains
  transport = remote_smtp
  route_list = * 127.0.0.1
  self = send
  no_more
localuser:
  driver = accept
  check_local_user
  transport = local_delivery
begin transports
remote_smtp:
  driver = smtp
  port = ${sink}
  allow_localhost
  hosts_try_prdr =
local_delivery:
  driver = appendfile
  file = /var/mail/$local_part_data
  delivery_date_add
  envelope_to_add
  return_path_add
  group = mail
  mode = 0660
  home_directory = /
  current_directory = /
begin retry
*  *  F,2h,1m
`;
}

/** It says nothing without its account, so that is laid over for the moment. */
const ASK = `mount -t tmpfs tmpfs /mnt
for file in passwd group; do
  { cat /etc/$file; echo "Debian-exim:x:${EXIM}:${EXIM}::/:/bin/false"; } >/mnt/$file
  mount --bind /mnt/$file /etc/$file
done
exec "$@"`;

function version(): string {
  const words = ["--mount", "sh", "-c", ASK, "sh", program, "-C", "/dev/null", "-bV"];
  const said = spawnSync("unshare", words, { encoding: "utf8", timeout: 10_000 });
  return /Exim version ([\d.]+)/.exec(`${said.stdout}${said.stderr}`)?.[1] ?? "";
}

/** Exim as a peer. */
export const eximSmtp: SmtpPeer = {
  name: "exim",
  version: reason === undefined ? version() : "",
  ...(reason === undefined ? {} : { missing: reason }),
  relays: true,
  setuid: true,
  async start(scope, prefix = [], sink = 9) {
    const site = privateSite(scope, "exim");
    const { dir } = site;
    for (const name of ["spool", "log"]) {
      mkdirSync(join(dir, name));
      chownSync(join(dir, name), EXIM, EXIM);
    }
    const port = await freePort();
    site.write("etc/exim4/exim4.conf", configuration(dir, port, sink));
    chmodSync(join(dir, "etc/exim4/exim4.conf"), 0o644);
    await startServer(scope, [...prefix, ...site.prefix, program, "-bdf", "-q1m"], port);
    return { port, mailboxes: join(dir, "mail") };
  },
};
