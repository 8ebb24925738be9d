import assert from "node:assert/strict";
import { test } from "node:test";
import { readSendmailFlags, type SendmailFlags } from "../../src/commands/sendmail-flags.ts";

function flags(...argv: string[]): SendmailFlags {
  const read = readSendmailFlags(argv);
  assert.ok(read.ok, argv.join(" "));
  return read.flags;
}

test("the command lines that programs really use", () => {
  const both = flags("-t", "-i");
  assert.deepEqual(
    [both.mode, both.recipientsInHeader, both.ignoreDots, both.recipients],
    ["deliver", true, true, []],
  );
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
  assert.equal(flags("-q20m", "-bD").mode, "foreground-daemon");
  assert.equal(flags("-bs").mode, "smtp");
  assert.equal(flags("-bt", "-d0.1").mode, "test");
  assert.equal(flags("-bh").mode, "host-status");
  assert.equal(flags("-bH").mode, "purge-status");
  assert.equal(flags("-bP").mode, "queue-count");
  assert.equal(flags("-bC").mode, "check-configuration");
});

test("-q: times, once, and which messages", () => {
  assert.equal(flags("-q").queue.once, true);
  assert.equal(flags("-qf").queue.foreground, true);
  for (const [text, ms] of [
    ["-q30m", 1_800_000],
    ["-q90", 5_400_000],
    ["-q1h30m", 5_400_000],
    ["-qp2s", 2000],
    ["-qp", 1000],
    ["-q2w", 1_209_600_000],
  ] as const) {
    assert.equal(flags(text).queue.interval, ms, text);
  }
  assert.deepEqual(flags("-qIabc", "-q!Rjoe@x", "-qSamy").queue.conditions, [
    { of: "I", text: "abc" },
    { of: "R", text: "joe@x", not: true },
    { of: "S", text: "amy" },
  ]);
  assert.equal(flags("-qQ").queue.quarantined, true);
  assert.deepEqual(flags("-qQspam").queue.conditions, [{ of: "Q", text: "spam" }]);
  assert.equal(flags("-qL").queue.lost, true);
  assert.equal(flags("-Qno good", "-qIabc").quarantine, "no good");
});

test("DSN, body type and hops", () => {
  const all = flags("-N", "failure", "-Ndelay", "-Rhdrs", "-V", "a+2Bb", "-B7bit", "-h3", "-U", "joe");
  const { notify, dsnReturn, envelopeId, bodyType, hops, smtputf8 } = all;
  assert.deepEqual(
    { notify, dsnReturn, envelopeId, bodyType, hops, smtputf8 },
    {
      notify: "FAILURE,DELAY",
      dsnReturn: "HDRS",
      envelopeId: "a+2Bb",
      bodyType: "7BIT",
      hops: 3,
      smtputf8: true,
    },
  );
  assert.deepEqual(flags("-OMaxHopCount=3", "-O", "DeliveryMode=q", "-oem").options, [
    { name: "MaxHopCount", value: "3" },
    { name: "DeliveryMode", value: "q" },
    { name: "e", value: "m" },
  ]);
});

test("what is wrong is refused in Sendmail's words", () => {
  for (const [argv, reason] of [
    [["-Z"], "sendmail: illegal option -- Z"],
    [["-bz"], "Frozen configurations unsupported"],
    [["-by"], "Invalid operation mode y"],
    [["-f"], "sendmail: option requires an argument -- f"],
    [["-N", "foo"], "Invalid -N argument"],
    [["-N", "never,success"], "Invalid -N argument"],
    [["-R", "foo"], "Invalid -R value"],
    [["-B", "foo"], "Illegal body type foo"],
    [["-h", "xx"], "Bad hop count (xx)"],
    [["-V", "a b"], "Invalid syntax in -V flag"],
    [["-q5x"], "Invalid time unit `x'"],
    [["-qZf"], "Invalid time unit `Z'\nInvalid time unit `f'"],
    [["--root"], "--root needs a directory"],
  ] as const) {
    assert.deepEqual(readSendmailFlags(argv), { ok: false, reason }, argv.join(" "));
  }
});
