/**
 * What the bench counts: disk calls of a trace, messages in mailboxes, medians, and whether a target is met.
 */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { countDeliveries } from "../../bench/delivered.ts";
import { countDiskCalls } from "../../bench/disk-calls.ts";
import { syncsIn } from "../../bench/full-speed-syncs.ts";
import { readOptions } from "../../bench/options.ts";
import { withSection } from "../../bench/results-page.ts";
import type { Measured } from "../../bench/smtp-scenarios.ts";
import { digits, median, times, timesAhead } from "../../bench/statistics.ts";
import { diskVerdicts, pop3Verdicts, smtpVerdicts } from "../../bench/targets.ts";

const BEFORE = `10 openat(AT_FDCWD</>, ""..., O_RDWR|O_CREAT|O_DSYNC|O_CLOEXEC, 0664) = 20</q/data.mdb>
11 openat(AT_FDCWD</>, ""..., O_WRONLY|O_SYNC <unfinished ...>
10 fsync(20</q/data.mdb>)               = 0
11 <... openat resumed>)                = 21</q/large>
`;
const AFTER = `10 pwrite64(20</q/data.mdb>, ""..., 144, 48) = 144
12 pwrite64(20</mail/b00>, ""..., 144, 48) = 144
11 write(21</q/large>, ""..., 10 <unfinished ...>
10 fdatasync(22</mail/b01> <unfinished ...>
11 <... write resumed>)                 = 10
10 <... fdatasync resumed>)             = 0
10 openat(AT_FDCWD</>, ""..., O_RDONLY) = 23</etc/passwd>
10 openat(AT_FDCWD</>, ""..., O_WRONLY|O_CREAT|O_EXCL, 0600) = 24</mail/b01.lock>
10 link(""..., ""...)                   = 0
10 renameat2(AT_FDCWD</>, ""..., AT_FDCWD</>, ""..., 0) = 0
10 mkdir(""..., 0700)                   = -1 EEXIST (File exists)
10 +++ exited with 0 +++
`;

test("of a trace, each call counts once, and only after the offset; synchronous files are known from before", () => {
  const { forcing, naming } = countDiskCalls(BEFORE + AFTER, BEFORE.length);
  assert.deepEqual(Object.fromEntries(forcing), { "synchronous write": 2, fdatasync: 1 });
  assert.deepEqual(Object.fromEntries(naming), { creat: 1, link: 1, rename: 1, mkdir: 1 });
  assert.equal(countDiskCalls(BEFORE + AFTER, 0).forcing.get("fsync"), 1);
});

test("messages in mailboxes are counted while they come, wherever a piece that is read ends", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-bench-test-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const counter = countDeliveries(dir, ["b00", "b01"]);
  assert.equal(counter.count(), 0);
  const message = `From load\n\n${"m".repeat(70_001)}\n=END=\n\n`;
  writeFileSync(join(dir, "b00"), message.repeat(40));
  assert.equal(counter.count(), 40);
  appendFileSync(join(dir, "b00"), "From load\n\nxx\n=EN");
  writeFileSync(join(dir, "b01"), message);
  assert.equal(counter.count(), 41);
  appendFileSync(join(dir, "b00"), "D=\n\n");
  assert.equal(counter.count(), 42);
  assert.equal(counter.count(), 42);
  assert.ok(counter.size() > 41 * message.length);
  counter.clear();
  assert.deepEqual([counter.count(), counter.size(), counter.lastAt()], [0, 0, 0]);
  writeFileSync(join(dir, "b00"), message);
  assert.equal(counter.count(), 1);
});

test("medians and ratios, and how they are written", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
  assert.deepEqual([3612.4, 36.12, 3.612, 0.3612, 0, Number.NaN].map(digits), [
    "3612",
    "36.1",
    "3.61",
    "0.361",
    "0",
    "",
  ]);
  assert.equal(timesAhead(3600, 900, true), 4);
  assert.equal(timesAhead(2, 8, false), 4);
  assert.equal(timesAhead(-19.1, 257, false), Number.POSITIVE_INFINITY);
  assert.ok(Number.isNaN(timesAhead(0, 900, true)));
  assert.deepEqual([4.04, 12.4, Number.NaN].map(times), ["4.0 x", "12 x", ""]);
});

test("a target is judged beside the better Postfix, and is not met when messages are missing", () => {
  const peer = (delivered: number, more: Measured = {}) => [{ delivered, unaccounted: 0, ...more }];
  const figures = (ours: number, unaccounted: number) =>
    new Map([
      [
        "c20",
        new Map([
          ["mailhost", peer(ours, { unaccounted, processor: 0.5, memory: 150 })],
          ["postfix", peer(900)],
          ["postfix-tuned", peer(1000)],
        ]),
      ],
    ]);
  const met = (ours: number, unaccounted: number) =>
    Object.fromEntries(
      smtpVerdicts(figures(ours, unaccounted)).map(({ target, wanted, met }) => [`${target} ${wanted}`, met]),
    );
  const delivered = "20 connections, a message each: delivered a second";
  assert.equal(met(4000, 0)[`${delivered} 4 x Postfix`], true);
  assert.equal(met(3700, 0)[`${delivered} 4 x Postfix`], false);
  assert.equal(met(4000, 0)[`${delivered} 10 x Sendmail`], undefined);
  assert.equal(met(4000, 0)["processor seconds for 1,000 messages <= 0.6"], true);
  assert.equal(met(4000, 1)["messages unaccounted for, in all loads 0"], false);
  const row = { peer: "mailhost", connections: 200, messages: 10, forced: 0.11, parts: {} };
  assert.deepEqual(
    diskVerdicts([row]).map((verdict) => verdict.met),
    [false],
  );
});

test("POP3 is to be ahead of both, opening a mailbox for the first time within 1.5 times popa3d", () => {
  const rows = (mailhost: number) => [
    { scenario: "login to UIDL, cold", unit: "s" as const, medians: { mailhost, dovecot: 8, popa3d: 0.2 } },
    {
      scenario: "RETR of all",
      unit: "MiB/s" as const,
      medians: { mailhost: 300, dovecot: 113, popa3d: 301 },
    },
  ];
  assert.deepEqual(
    pop3Verdicts(rows(0.29)).map(({ met }) => met),
    [true, false],
  );
  assert.deepEqual(
    pop3Verdicts(rows(0.31)).map(({ met }) => met),
    [false, false],
  );
});

test("a section of the results is written anew, and the rest of the page is kept", () => {
  const page = "# Results\n\n<!-- smtp: begin -->\n\nold\n\n<!-- smtp: end -->\n\nBy hand.\n";
  const anew = withSection(page, "smtp", "new\n");
  assert.equal(anew, page.replace("old", "new"));
  assert.equal(withSection(anew, "smtp", "new"), anew);
  assert.ok(
    withSection(page, "disk", "more").endsWith("<!-- disk: begin -->\n\nmore\n\n<!-- disk: end -->\n"),
  );
});

test("the command line is understood, and what is not is told", () => {
  const wrong = (...words: string[]) => {
    const found = readOptions(words);
    return typeof found === "string" ? found : "nothing wrong";
  };
  const options = readOptions(["smtp", "plot", "--rounds", "5", "--peers", "postfix,exim", "--json"]);
  assert.ok(typeof options === "object");
  assert.deepEqual(options.sections, ["smtp", "plot"]);
  assert.deepEqual([options.rounds, options.json, options.write], [5, true, false]);
  assert.deepEqual(options.peers, ["postfix", "exim"]);
  assert.match(wrong("--round", "5"), /^--round is not understood/);
  assert.match(wrong("--rounds", "x"), /^a number is missing/);
});

test("syncs at full speed: the figures of perf stat are added, and one that is missing makes all unknown", () => {
  assert.equal(
    syncsIn("590,,ext4:ext4_sync_file_enter,7000,100.00,,\n6,,xfs:xfs_file_fsync,7000,100.00,,\n"),
    596,
  );
  assert.equal(syncsIn("<not supported>,,ext4:ext4_sync_file_enter,0,100.00,,\n"), undefined);
  assert.equal(syncsIn("perf: no such event\n"), undefined);
});

test("the disk target goes by the run at full speed, where there is one", () => {
  const row = { peer: "mailhost", connections: 200, messages: 100, parts: {} };
  const slow = { ...row, forced: 0.4 };
  assert.equal(diskVerdicts([slow])[0]?.met, false);
  assert.equal(diskVerdicts([slow, { ...row, forced: 0.08, atFullSpeed: true }])[0]?.met, true);
});
