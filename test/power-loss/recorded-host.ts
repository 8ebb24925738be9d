/**
 * A host at work with every call recorded that changes a file: mail comes in, small and large and for several, is delivered, fetched
 * and deleted; a table is rebuilt. With it, when what was promised to whom.
 */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomFrom } from "../corpus/random.ts";
import { markedMessage } from "../crash/marked-mail.ts";
import { cleanUpLater, type Scope } from "../harness/clean-ups.ts";
import { PASSWORD, prepareSite, startOn } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { runProgram } from "../harness/programs.ts";
import { openSmtp } from "../harness/smtp-client.ts";
import { readTrace, type TracedCall } from "./strace-lines.ts";

/** A message that was answered with 250. */
export interface Promised {
  readonly mark: string;
  readonly users: readonly string[];
  /** Seconds since 1970. */
  readonly at: number;
}

/** A POP3 session that deleted messages. */
export interface Deletion {
  readonly user: string;
  readonly marks: readonly string[];
  /** When QUIT was about to be sent, and when `+OK` had come (seconds since 1970). */
  readonly asked: number;
  readonly done: number;
}

/** What was recorded. */
export interface Recording {
  readonly root: string;
  /** What was below the root before. */
  readonly before: string;
  readonly calls: readonly TracedCall[];
  readonly promised: readonly Promised[];
  readonly deletions: readonly Deletion[];
}

const CALLS =
  "open,openat,creat,write,pwrite64,writev,pwritev,lseek,ftruncate,truncate,fsync,fdatasync,mkdir,mkdirat,rmdir,unlink,unlinkat,rename,renameat,renameat2,link,linkat,clone,clone3,fork,vfork";
/** Who has a mailbox. */
export const USERS = ["wang", "li", "zhao"];
const DOMAIN = "linuxaid.com.cn";

const traced = (file: string) => [
  "strace",
  "-f",
  "-ttt",
  "-y",
  "-qq",
  "-s",
  "10000000",
  "-o",
  file,
  "-e",
  `trace=${CALLS}`,
];
const now = () => (performance.timeOrigin + performance.now()) / 1000;

/** Records one. */
export async function recordHost(t: Scope, seed: number): Promise<Recording> {
  const traces = mkdtempSync(join(tmpdir(), "mailhost-traces-"));
  cleanUpLater(t, () => rmSync(traces, { recursive: true, force: true }));
  const site = await prepareSite(t, { users: USERS });
  const before = join(traces, "before");
  cpSync(site.root, before, { recursive: true });
  const random = randomFrom(seed);
  const promised: Promised[] = [];
  const deletions: Deletion[] = [];
  // After a power loss the system has started anew: what counts in one boot alone must not count any more.
  const boot = join(traces, "boot");
  writeFileSync(boot, "5e7c1a52-0000-4000-8000-000000000000\n");
  const elsewhen = `mount --bind ${boot} /proc/sys/kernel/random/boot_id && exec "$@"`;
  const prefix = ["unshare", "--mount", "sh", "-c", elsewhen, "sh", ...traced(join(traces, "host"))];
  const host = await startOn(t, site, prefix);

  const send = async (from: number, to: number, name: string) => {
    const client = await openSmtp(host.smtp);
    for (let n = from; n < to; n++) {
      const mark = `${name}-${n}`;
      const users = random.chance(0.3) ? ["wang", "li"] : [random.pick(USERS)];
      // One in eight does not fit into the queue's own file.
      const padding =
        n % 8 === 3 ? "padding that makes it large, line by line by line by line\r\n".repeat(2000) : "";
      const recipients = users.map((user) => `${user}@${DOMAIN}`);
      const reply = await client.send(
        { from: `li@${DOMAIN}`, to: recipients },
        markedMessage(mark, randomFrom(seed + n), padding),
      );
      if (reply.code === 250) promised.push({ mark, users, at: now() });
    }
    await client.quit();
  };
  const fetch = async (user: string) => {
    const session = await loggedIn(host.pop3, user, PASSWORD);
    const count = await session.count();
    const marks: string[] = [];
    for (let n = 1; n <= count; n += 2) {
      marks.push(/^X-Mark: (\S+)/m.exec((await session.retrieve(n)).toString("latin1"))![1]!);
      await session.command(`DELE ${n}`);
    }
    const asked = now();
    const answer = await session.quit();
    if (answer.startsWith("+OK")) deletions.push({ user, marks, asked, done: now() });
  };
  await Promise.all([send(0, 6, "a"), send(0, 6, "b"), send(0, 4, "c")]);
  await host.arrived("li", 1);
  site.write("etc/mail/aliases", "postmaster: wang\nroot: wang\ninfo: li, zhao\n");
  const aliases = site
    .commandLine([])
    .slice(1, 2)[0]!
    .replace("launcher/bin/mailhost.js", "mta/bin/newaliases.js");
  const [strace = "", ...options] = traced(join(traces, "newaliases"));
  const rebuild = runProgram(strace, [...options, process.execPath, aliases], {
    env: { MAILHOST_ROOT: site.root },
  });
  await Promise.all([send(6, 10, "a"), fetch("li"), rebuild]);
  await Promise.all([send(10, 12, "a"), fetch("wang")]);
  await host.stop();
  const calls = ["host", "newaliases"].flatMap((name) =>
    readTrace(readFileSync(join(traces, name), "latin1")),
  );
  return { root: site.root, before, calls: calls.toSorted((a, b) => a.ended - b.ended), promised, deletions };
}
