import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, statSync, unlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { lockMailbox } from "../../src/mbox/lock.ts";
import type { MailboxPaths } from "../../src/mbox/mailboxes.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { keptLog, locked, mailbox, temporarySite } from "./mailbox-fixture.ts";

/** Programs that lock a spool with dotlocks, and how each is asked for one try. */
const PROGRAMS = [
  {
    command: "lockfile-create",
    package: "lockfile-progs",
    args: (paths: MailboxPaths) => ["--retry", "0", "--use-pid", paths.mbox],
  },
  {
    command: "dotlockfile",
    package: "liblockfile-bin",
    args: (paths: MailboxPaths) => ["-l", "-r", "0", paths.lock],
  },
  {
    command: "lockfile",
    package: "procmail",
    args: (paths: MailboxPaths) => ["-1", "-r", "0", paths.lock],
  },
];

function isInstalled(command: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => existsSync(join(folder, command)));
}

for (const program of PROGRAMS) {
  const skip = isInstalled(program.command)
    ? false
    : `needs ${program.command} (Debian package ${program.package})`;

  test(`${program.command} and mailhost keep each other out of a mailbox`, { skip }, async (t) => {
    const paths = mailbox(temporarySite(t), "user", "text");
    const run = () => spawnSync(program.command, program.args(paths), { encoding: "utf8" });

    const box = await locked(paths);
    assert.notEqual(run().status, 0, "it got the lock that we hold");
    assert.ok(statSync(paths.lock).isDirectory());
    await box.release();

    const theirs = run();
    assert.equal(theirs.status, 0, theirs.stderr);
    assert.ok(statSync(paths.lock).isFile());
    const later = (ms: number) => ({ timeout: 0, clock: new ManualClock(Date.now() + ms), log: keptLog() });
    await assert.rejects(lockMailbox(paths, later(25_000)), { fault: "busy" });
    unlinkSync(paths.lock);
    await (await lockMailbox(paths, later(0)))!.release();

    assert.equal(run().status, 0);
    await (await lockMailbox(paths, later(301_000)))!.release();
    assert.equal(existsSync(paths.lock), false, "one over 5 minutes old is broken");
  });
}
