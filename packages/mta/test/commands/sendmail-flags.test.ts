import assert from "node:assert/strict";
import { test } from "node:test";
import { readSendmailFlags, type SendmailFlags } from "../../src/commands/sendmail-flags.ts";

function flags(...argv: string[]): SendmailFlags {
  const read = readSendmailFlags(argv);
  assert.ok(read.ok, argv.join(" "));
  return read.flags;
}

test("the command lines that programs really use", () => {
  assert.deepEqual(flags("-t", "-i"), {
    mode: "deliver",
    recipientsInHeader: true,
    ignoreDots: true,
    verbose: false,
    recipients: [],
  });
  assert.equal(flags("-ti").recipientsInHeader, true);
  assert.equal(flags("-oi").ignoreDots, true);
  const cron = flags("-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root");
  assert.deepEqual([cron.fullName, cron.bodyType, cron.recipients], ["CronDaemon", "8BITMIME", ["root"]]);
  const php = flags("-t", "-i", "-f", "web@example.com");
  assert.equal(php.sender, "web@example.com");
  assert.equal(flags("-f<>").sender, "");
  assert.equal(flags("-bm", "-odi", "-oi", "-fa@b", "--", "-odd@x").recipients[0], "-odd@x");
  assert.deepEqual(flags("-G", "-i", "-f", "", "a@b").sender, "");
  assert.equal(flags("--root", "/srv/site", "joe").root, "/srv/site");
  assert.equal(flags("--root=/srv/site").root, "/srv/site");
});

test("modes", () => {
  assert.equal(flags("-bp").mode, "queue-list");
  assert.equal(flags("-bi").mode, "aliases");
  assert.equal(flags("-bv", "joe").mode, "verify");
  assert.equal(flags("-bd", "-q20m").mode, "daemon");
  assert.equal(flags("-q20m", "-bD").mode, "daemon");
  assert.equal(flags("-q").mode, "run-queue");
  assert.equal(flags("-q30m").mode, "daemon");
});

test("what nobody knows is refused by name", () => {
  for (const [argv, reason] of [
    [["-Z"], "unknown flag -Z"],
    [["-bz"], "invalid operation mode z"],
    [["-f"], "-f needs a value"],
    [["--root"], "--root needs a directory"],
  ] as const) {
    assert.deepEqual(readSendmailFlags(argv), { ok: false, reason });
  }
});
