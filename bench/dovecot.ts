/**
 * Dovecot's POP3 server with its defaults; only paths, port, accounts and limits are set.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../test/harness/programs.ts";
import { freePort, startServer } from "./background.ts";
import { OWNER, type Pop3Peer } from "./peer.ts";
import { mailboxFolder } from "./pop3-mailboxes.ts";
import { processGroup } from "./process-group.ts";

const dovecot = findProgram("dovecot");

function configuration(dir: string, port: number): string {
  return `protocols = pop3
listen = 127.0.0.1
base_dir = ${dir}/run
state_dir = ${dir}/run
log_path = ${dir}/dovecot.log
ssl = no
disable_plaintext_auth = no
mail_location = mbox:${dir}/home/%u:INBOX=${dir}/mail/%u
first_valid_uid = 100
passdb {
  driver = static
  args = password=pw
}
userdb {
  driver = static
  args = uid=${OWNER} gid=${OWNER} home=${dir}/home/%u
}
default_process_limit = 5000
default_client_limit = 20000
mail_max_userip_connections = 5000
service pop3-login {
  inet_listener pop3 {
    port = ${port}
  }
  inet_listener pop3s {
    port = 0
  }
}
`;
}

function missing(): string | undefined {
  if (dovecot === undefined || findProgram("doveadm") === undefined) {
    return "Dovecot is not installed (Debian package dovecot-pop3d)";
  }
  return process.getuid?.() === 0 ? undefined : "Dovecot needs root";
}

const reason = missing();

/** Dovecot as a peer. */
export const dovecotPop3: Pop3Peer = {
  name: "dovecot",
  version:
    reason === undefined
      ? (execFileSync("dovecot", ["--version"], { encoding: "utf8" }).split(" ")[0] ?? "")
      : "",
  ...(reason === undefined ? {} : { missing: reason }),
  async start(scope, users) {
    const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-d-"));
    scope.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    chmodSync(dir, 0o755);
    mkdirSync(join(dir, "run"));
    const boxes = mailboxFolder(join(dir, "mail"), OWNER);
    mailboxFolder(join(dir, "home"), OWNER);
    for (const user of users) mailboxFolder(join(dir, "home", user), OWNER);
    const port = await freePort();
    writeFileSync(join(dir, "dovecot.conf"), configuration(dir, port));
    const group = processGroup(scope, "dovecot");
    await startServer(scope, [...group.prefix, dovecot!, "-F", "-c", join(dir, "dovecot.conf")], port);
    return { port, password: "pw", ...boxes, group };
  },
};
