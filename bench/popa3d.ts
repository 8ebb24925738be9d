/**
 * popa3d, a program a connection, with its accounts and mailboxes in a private mount namespace. tcpserver starts it where that is
 * installed (Debian package ucspi-tcp), else a small spawner of ours, which starts fewer a second. Both send without delay: popa3d
 * writes an answer in pieces, and each would wait for the client to acknowledge the one before.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findProgram } from "../test/harness/programs.ts";
import { freePort, startServer } from "./background.ts";
import { OWNER, type Pop3Peer } from "./peer.ts";
import { mailboxFolder } from "./pop3-mailboxes.ts";
import { processGroup } from "./process-group.ts";

const PASSWORD = "pw";
const program = findProgram("popa3d");

function missing(): string | undefined {
  if (program === undefined) return "popa3d is not installed";
  return process.getuid?.() === 0 ? undefined : "popa3d needs root";
}

const reason = missing();

/** popa3d as a peer. */
export const popa3d: Pop3Peer = {
  name: "popa3d",
  version:
    program === undefined
      ? ""
      : (/version ([^ ]+)/.exec(execFileSync(program, ["-V"], { encoding: "utf8" }))?.[1] ?? ""),
  ...(reason === undefined ? {} : { missing: reason }),
  async start(scope, users) {
    const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-p-"));
    scope.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
    chmodSync(dir, 0o755);
    const boxes = mailboxFolder(join(dir, "mail"), OWNER);
    mkdirSync(join(dir, "lib/popa3d"), { recursive: true });
    for (const folder of ["lib", "lib/popa3d"]) chmodSync(join(dir, folder), 0o755);
    mkdirSync(join(dir, "pam.d"));
    writeFileSync(join(dir, "pam.d/popa3d"), "auth required pam_unix.so\naccount required pam_unix.so\n");
    writeFileSync(join(dir, "pam.d/other"), "auth required pam_deny.so\naccount required pam_deny.so\n");
    const hash = execFileSync("openssl", ["passwd", "-1", PASSWORD], { encoding: "utf8" }).trim();
    const rows = (row: (user: string) => string) => users.map((user) => `${row(user)}\n`).join("");
    writeFileSync(
      join(dir, "passwd"),
      `root:x:0:0::/:/bin/sh\npopa3d:x:12344:12344::/:/bin/false\n${rows((user) => `${user}:x:${OWNER}:${OWNER}::/:/bin/sh`)}`,
    );
    writeFileSync(join(dir, "group"), `root:x:0:\npopa3d:x:12344:\nowner:x:${OWNER}:\n`);
    writeFileSync(
      join(dir, "shadow"),
      `root:*:19000:0:99999:7:::\npopa3d:*:19000:0:99999:7:::\n${rows((user) => `${user}:${hash}:19000:0:99999:7:::`)}`,
      { mode: 0o600 },
    );
    const port = await freePort();
    const here = (name: string) => fileURLToPath(new URL(`../test/pop3-parity/${name}`, import.meta.url));
    const tcpserver = findProgram("tcpserver");
    const spawner =
      tcpserver === undefined
        ? [process.execPath, here("inetd.mjs"), String(port), program!]
        : [tcpserver, "-D", "-R", "-H", "-l", "0", "-c", "5000", "127.0.0.1", String(port), program!];
    const group = processGroup(scope, "popa3d");
    const command = ["unshare", "--mount", here("private-accounts.sh"), dir, ...spawner];
    await startServer(scope, [...group.prefix, ...command], port);
    return { port, password: PASSWORD, ...boxes, group };
  },
};
