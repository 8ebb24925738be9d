/**
 * Dovecot's POP3 server over one mbox, with its defaults; only paths, port and the account are set.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../test/harness/programs.ts";
import { freePort, startServer } from "./background.ts";
import type { Pop3Peer } from "./peer.ts";

const dovecot = findProgram("dovecot");
/** The user that owns the mailbox: nobody. */
const OWNER = 65_534;

function configuration(dir: string, port: number): string {
  return `protocols = pop3
listen = 127.0.0.1
base_dir = ${dir}/run
state_dir = ${dir}/run
log_path = ${dir}/dovecot.log
ssl = no
disable_plaintext_auth = no
mail_location = mbox:${dir}/mail/folders:INBOX=${dir}/mail/inbox
first_valid_uid = 100
passdb {
  driver = static
  args = password=pw
}
userdb {
  driver = static
  args = uid=${OWNER} gid=${OWNER} home=${dir}/mail
}
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

/** Process ids whose command is Dovecot's pop3 program. */
function pop3Processes(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "latin1").startsWith("dovecot/pop3\0");
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Dovecot as a peer. */
export const dovecotPop3: Pop3Peer = {
  name: "dovecot",
  version:
    reason === undefined
      ? (execFileSync("dovecot", ["--version"], { encoding: "utf8" }).split(" ")[0] ?? "")
      : "",
  ...(reason === undefined ? {} : { missing: reason }),
  async start(scope, mbox) {
    const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-dovecot-"));
    scope.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    chmodSync(dir, 0o755);
    for (const name of ["run", "mail", "mail/folders"]) mkdirSync(join(dir, name));
    const place = join(dir, "mail/inbox");
    renameSync(mbox, place);
    scope.after(() => renameSync(place, mbox));
    for (const name of ["mail", "mail/folders", "mail/inbox"]) chownSync(join(dir, name), OWNER, OWNER);
    const port = await freePort();
    writeFileSync(join(dir, "dovecot.conf"), configuration(dir, port));
    await startServer(scope, [dovecot!, "-F", "-c", join(dir, "dovecot.conf")], port);
    return { port, user: "big", password: "pw", mbox: place, processes: pop3Processes };
  },
};
