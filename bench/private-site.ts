/**
 * A folder that a server sees as its own /etc and /var/mail (private-site.sh), with the mailboxes' owners as Unix accounts, for those
 * that have paths built in and deliver as the user; and the peers' packages, unpacked beside each other since Debian installs one
 * mail server only.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scope } from "../test/harness/host.ts";
import { findProgram } from "../test/harness/programs.ts";
import { MAILBOXES, OWNER } from "./peer.ts";

/** Where Debian's packages of peers were unpacked, each in a folder of its name: `dpkg -x exim4-daemon-light_*.deb DIR/exim4-daemon-light`. */
export const UNPACKED = process.env.MAILHOST_BENCH_PEERS ?? "/var/cache/mailhost-bench";

/** The folder of an unpacked package, or the root where it is installed; undefined when `file` of it is in neither. */
export function unpackedPackage(name: string, file: string): string | undefined {
  return [join(UNPACKED, name), "/"].find((base) => existsSync(join(base, file)));
}

/** Why a server that needs such a site can not be had. */
export function missingUnpacked(title: string, name: string, found: string | undefined): string | undefined {
  if (found === undefined) {
    return `${title} is not there (apt-get download ${name}; dpkg -x ${name}_*.deb DIR/${name}; MAILHOST_BENCH_PEERS=DIR)`;
  }
  if (process.getuid?.() !== 0) return `${title} needs root`;
  return findProgram("unshare") === undefined
    ? `${title} needs unshare (Debian package util-linux)`
    : undefined;
}

/** A site of its own. */
export interface PrivateSite {
  readonly dir: string;
  /** Runs a command on it. */
  readonly prefix: readonly string[];
  /** Writes a file below {@link dir}; folders are made. */
  write(name: string, text: string): void;
}

/** The lines of Postfix's own accounts, which its package has made. */
function systems(file: "passwd" | "group"): string {
  const lines = readFileSync(join("/etc", file), "utf8").split("\n");
  return lines
    .filter((line) => /^(?:postfix|postdrop):/.test(line))
    .map((line) => `${line}\n`)
    .join("");
}

const SYSTEM = {
  root: 0,
  daemon: 1,
  mail: 8,
  nobody: 65_534,
  "Debian-exim": 12_343,
  smmta: 12_342,
  smmsp: 12_341,
};

/** Lays one out. */
export function privateSite(scope: Scope, name: string): PrivateSite {
  const dir = mkdtempSync(join(tmpdir(), `mailhost-bench-${name}-`));
  scope.after(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5 }));
  chmodSync(dir, 0o755);
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(dir, file)), { recursive: true });
    writeFileSync(join(dir, file), text);
  };
  const accounts = [...Object.entries(SYSTEM), ...MAILBOXES.map((user, i) => [user, OWNER + 1 + i] as const)];
  write(
    "etc/passwd",
    systems("passwd") + accounts.map(([user, id]) => `${user}:x:${id}:${id}::/:/bin/false\n`).join(""),
  );
  write("etc/group", systems("group") + accounts.map(([user, id]) => `${user}:x:${id}:\n`).join(""));
  write("etc/hosts", "127.0.0.1 mx.bench.test localhost client.test\n");
  write("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\n");
  write("etc/resolv.conf", "");
  for (const file of ["ld.so.cache", "services", "protocols", "localtime"]) {
    if (existsSync(join("/etc", file))) copyFileSync(join("/etc", file), join(dir, "etc", file));
  }
  // A dot lock beside a mailbox is made as its user.
  mkdirSync(join(dir, "mail"));
  chmodSync(join(dir, "mail"), 0o1777);
  const script = fileURLToPath(new URL("private-site.sh", import.meta.url));
  return { dir, prefix: ["unshare", "--mount", "--uts", script, dir], write };
}
