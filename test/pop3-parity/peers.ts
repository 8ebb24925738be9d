/**
 * The two servers that mailhost is compared with, real ones of Debian's packages, each over mailboxes below a temporary
 * folder: Dovecot with a configuration of its own, and popa3d, whose paths are built in, in a private mount namespace.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cleanUpLater, type Scope } from "../harness/clean-ups.ts";
import { Connection, type Endpoint } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { findProgram } from "../harness/programs.ts";
import { reservedPort } from "../harness/reserved-port.ts";

/** A POP3 server with a mailbox for each of its users. */
export interface Server {
  readonly pop3: Endpoint;
  readonly password: string;
  /** Gives a user this mailbox. */
  fill(user: string, mbox: Buffer): void;
}

/** A user that both peers know as the owner of every mailbox; it must not be root, whom popa3d serves not at all. */
const OWNER = { uid: 12_345, gid: 12_345 };
const PASSWORD = "kept";
/** Seconds since 1970. */
const LONG_AGO = 1_700_000_000;

/** Starts Dovecot; it ends with the test. Any name is a user's. */
export async function startDovecot(t: Scope): Promise<Server> {
  const { dir, fill } = mailFolder(t, "d");
  const port = await reservedPort();
  writeFileSync(
    join(dir, "dovecot.conf"),
    `
protocols = pop3
listen = 127.0.0.1
base_dir = ${dir}/run
state_dir = ${dir}/run
log_path = ${dir}/log
ssl = no
disable_plaintext_auth = no
mail_location = mbox:${dir}/home/%u:INBOX=${dir}/mail/%u:INDEX=MEMORY
mbox_write_locks = fcntl
mbox_read_locks = fcntl
first_valid_uid = 1
passdb {
  driver = static
  args = password=${PASSWORD}
}
userdb {
  driver = static
  args = uid=${OWNER.uid} gid=${OWNER.gid} home=${dir}/home/%u
}
service pop3-login {
  service_count = 0
  inet_listener pop3 {
    port = ${port}
  }
  inet_listener pop3s {
    port = 0
  }
}
service pop3 {
  service_count = 1000
}
service stats {
  process_limit = 1
}
`,
  );
  await run(t, "dovecot", ["-F", "-c", join(dir, "dovecot.conf")], port);
  return { pop3: { host: "127.0.0.1", port }, password: PASSWORD, fill };
}

/** Starts popa3d, as inetd would, for these users; it ends with the test. */
export async function startPopa3d(t: Scope, users: readonly string[]): Promise<Server> {
  const { dir, fill } = mailFolder(t, "p");
  const port = await reservedPort();
  const salt = randomBytes(4).toString("hex");
  const hash = spawnSync("openssl", ["passwd", "-1", "-salt", salt, PASSWORD]).stdout.toString().trim();
  mkdirSync(join(dir, "lib/popa3d"), { recursive: true });
  for (const folder of ["lib", "lib/popa3d"]) chmodSync(join(dir, folder), 0o755);
  mkdirSync(join(dir, "pam.d"));
  writeFileSync(join(dir, "pam.d/popa3d"), "auth required pam_unix.so\naccount required pam_unix.so\n");
  writeFileSync(join(dir, "pam.d/other"), "auth required pam_deny.so\naccount required pam_deny.so\n");
  const lines = (line: (user: string) => string) => users.map((user) => `${line(user)}\n`).join("");
  writeFileSync(
    join(dir, "passwd"),
    `root:x:0:0::/:/bin/sh\npopa3d:x:12344:12344::/:/bin/false\n${lines((user) => `${user}:x:${OWNER.uid}:${OWNER.gid}::/:/bin/sh`)}`,
  );
  writeFileSync(join(dir, "group"), `root:x:0:\npopa3d:x:12344:\nowner:x:${OWNER.gid}:\n`);
  writeFileSync(
    join(dir, "shadow"),
    `root:*:19000:0:99999:7:::\npopa3d:*:19000:0:99999:7:::\n${lines((user) => `${user}:${hash}:19000:0:99999:7:::`)}`,
    { mode: 0o600 },
  );
  const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
  const inetd = [process.execPath, here("inetd.mjs"), String(port), findProgram("popa3d")!];
  await run(t, "unshare", ["--mount", here("private-accounts.sh"), dir, ...inetd], port);
  return { pop3: { host: "127.0.0.1", port }, password: PASSWORD, fill };
}

/** A folder with mailboxes that goes with the test; its name is short, for Dovecot has sockets in it. */
function mailFolder(t: Scope, name: string): { dir: string; fill: Server["fill"] } {
  const dir = mkdtempSync(join(tmpdir(), `mailhost-${name}-`));
  cleanUpLater(t, () => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  chmodSync(dir, 0o755);
  for (const folder of ["mail", "home"]) {
    mkdirSync(join(dir, folder));
    chownSync(join(dir, folder), OWNER.uid, OWNER.gid);
  }
  return {
    dir,
    fill(user, mbox) {
      const file = join(dir, "mail", user);
      writeFileSync(file, mbox, { mode: 0o600 });
      chownSync(file, OWNER.uid, OWNER.gid);
      // popa3d waits for the end of a second in which a mailbox was written.
      utimesSync(file, LONG_AGO, LONG_AGO);
    },
  };
}

/** Starts a program and waits for its greeting. */
async function run(t: Scope, command: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(findProgram(command) ?? command, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  cleanUpLater(t, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await ended;
  });
  await eventually(
    async () => {
      if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}\n${output}`);
      const connection = await Connection.open({ host: "127.0.0.1", port });
      const greeting = await connection.readText();
      connection.close();
      return greeting.startsWith("+OK");
    },
    { what: `${command} to answer\n${output}` },
  );
  return child;
}
