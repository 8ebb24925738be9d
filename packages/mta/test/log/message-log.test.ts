import assert from "node:assert/strict";
import test from "node:test";
import type { Outcome } from "../../src/deliver/outcome.ts";
import {
  interval,
  logAccepted,
  logDone,
  logOutcome,
  logOwners,
  logQueued,
  logRejected,
  logReport,
  priorityOf,
  relayOf,
} from "../../src/log/message-log.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import { entryOf, listLog, local, remote } from "../queue/queue-samples.ts";

function outcomeLine(outcome: Outcome, mailer: string, recipient = remote("c@far.example")): string {
  const log = listLog();
  const entry = entryOf({ size: 1234, attempts: 1 });
  const now = entry.receivedAt + 62_000;
  logOutcome(log, { entry, recipient, outcome, mailer, startedAt: now - 1000, now });
  return log.lines[0]!;
}

test("an accepted message is logged as Sendmail does", () => {
  const log = listLog();
  logAccepted(log, entryOf({ size: 1234 }));
  assert.equal(
    log.lines[0],
    "6AONqJ00001234: from=<sender@origin.example>, size=1234, class=0, nrcpts=1, msgid=<m1@origin.example>, " +
      "bodytype=8BITMIME, proto=ESMTP, daemon=MTA, relay=client.example [192.0.2.7]",
  );
});

test("so is what became of a recipient", () => {
  const sent: Outcome = {
    kind: "delivered",
    relay: "mx.far.example. [192.0.2.1]",
    reply: { code: 250, enhanced: "2.0.0", text: "queued as 1" },
    dsnRelayed: false,
  };
  assert.equal(
    outcomeLine(sent, "esmtp"),
    "6AONqJ00001234: to=<c@far.example>, delay=00:01:02, xdelay=00:00:01, mailer=esmtp, pri=121234, " +
      "relay=mx.far.example. [192.0.2.1], dsn=2.0.0, stat=Sent (queued as 1)",
  );
  const atHome: Outcome = { ...sent, relay: "local", reply: { code: 250, enhanced: "2.0.0", text: "Sent" } };
  assert.match(
    outcomeLine(atHome, "local", local("bob@x")),
    /mailer=local, pri=121234, dsn=2\.0\.0, stat=Sent$/,
  );
  const deferred: Outcome = {
    kind: "deferred",
    relay: "",
    reply: { code: 451, enhanced: "4.4.1", text: "Connection refused" },
  };
  assert.match(outcomeLine(deferred, "esmtp"), /dsn=4\.4\.1, stat=Deferred: Connection refused$/);
  const unknown: Outcome = {
    kind: "failed",
    relay: "local",
    reply: { code: 550, enhanced: "5.1.1", text: "x" },
  };
  assert.match(outcomeLine(unknown, "local"), /dsn=5\.1\.1, stat=User unknown$/);
  const refused: Outcome = { kind: "failed", relay: "", reply: { code: 554, enhanced: "", text: "spam" } };
  assert.match(outcomeLine(refused, "esmtp"), /dsn=5\.0\.0, stat=Service unavailable \(554 spam\)$/);
  assert.match(
    outcomeLine({ ...refused, remoteMta: "mx.x." }, "esmtp"),
    /dsn=5\.0\.0, reply=554 spam, stat=Service unavailable$/,
  );
  const atRcpt: Outcome = {
    kind: "failed",
    relay: "mx.x. [192.0.2.1]",
    remoteMta: "mx.x.",
    reply: { code: 550, enhanced: "5.7.1", text: "go away" },
    transcript: [">>> RCPT To:<c@far.example>", "<<< 550 5.7.1 go away"],
  };
  assert.match(outcomeLine(atRcpt, "esmtp"), /dsn=5\.7\.1, reply=550 5\.7\.1 go away, stat=User unknown$/);
  const later: Outcome = {
    ...deferred,
    remoteMta: "mx.x.",
    reply: { code: 451, enhanced: "4.7.1", text: "later" },
  };
  assert.match(
    outcomeLine(later, "esmtp"),
    /dsn=4\.7\.1, reply=451 4\.7\.1 later, stat=Deferred: 451 4\.7\.1 later$/,
  );
  const down: Outcome = {
    ...deferred,
    remoteMta: "mx.x.",
    reply: { code: 421, enhanced: "4.4.1", text: "Connection refused by mx.x." },
  };
  assert.match(outcomeLine(down, "esmtp"), /dsn=4\.4\.1, stat=Deferred: Connection refused by mx\.x\.$/);
});

test("programs, files and the alias that led there", () => {
  const sent: Outcome = {
    kind: "delivered",
    relay: "prog",
    reply: { code: 250, enhanced: "2.0.0", text: "Sent" },
    dsnRelayed: false,
  };
  const as = { name: "vacation" };
  const program: QueueRecipient = {
    address: "vacation@x",
    target: { kind: "program", command: "vacation joe", as },
    controlling: "<joe@x>",
    state: "pending",
  };
  assert.match(
    outcomeLine(sent, "local", program),
    /to="\|vacation joe", ctladdr=<joe@x> \(\d+\/\d+\), .*mailer=prog, .*stat=Sent$/,
  );
  const file: QueueRecipient = { ...program, target: { kind: "file", path: "/var/archive", as } };
  assert.match(outcomeLine(sent, "local", file), /to=\/var\/archive, .*mailer=\*file\*/);
});

test("a program as Sendmail's log writes it: a backslash as two, and no group of DefaultUser", () => {
  const sent: Outcome = {
    kind: "delivered",
    relay: "prog",
    reply: { code: 250, enhanced: "2.0.0", text: "Sent" },
    dsnRelayed: false,
  };
  const program: QueueRecipient = {
    address: "args@x",
    target: { kind: "program", command: 'say "it"', as: { name: "args", uid: 8, gid: 12 } },
    controlling: "<args@x>",
    state: "pending",
  };
  assert.match(
    outcomeLine(sent, "local", program),
    /: to="\|say \\\\"it\\\\"", ctladdr=<args@x> \(8\/0\), delay=/,
  );
  const joes: QueueRecipient = {
    ...program,
    target: { kind: "program", command: "x", as: { name: "joe", user: "joe", uid: 1000, gid: 100 } },
  };
  assert.match(outcomeLine(sent, "local", joes), /ctladdr=<args@x> \(1000\/100\), /);
});

test("mail of a user of ours, or for a list with an owner, and a mailbox with a detail", () => {
  const sent: Outcome = {
    kind: "delivered",
    relay: "local",
    reply: { code: 250, enhanced: "2.0.0", text: "Sent" },
    dsnRelayed: false,
  };
  const line = (recipient: QueueRecipient) => {
    const log = listLog();
    const entry = entryOf({ receivedAt: 0, senderUser: "<joe@x> (1000/100)" });
    logOutcome(log, { entry, recipient, outcome: sent, mailer: "esmtp", startedAt: 0, now: 0 });
    return log.lines[0]!;
  };
  assert.match(line(remote("c@far.example")), /: to=<c@far\.example>, ctladdr=<joe@x> \(1000\/100\), delay=/);
  const owned = { sender: "amy@x", senderUser: "amy (1001/100)", controlling: "<list@x>" };
  assert.match(
    line(remote("c@far.example", owned)),
    /: to=c@far\.example, ctladdr=amy \(1001\/100\), delay=/,
  );
  assert.match(line(remote("c@far.example", { sender: "far@y" })), /: to=<c@far\.example>, delay=/);
  const target = { kind: "mailbox", name: "bob", detail: "tag" } as const;
  assert.match(line(local("bob+tag@x", { target })), /mailer=local, pri=\d+, relay=tag, dsn=2\.0\.0/);
  const log = listLog();
  const recipients = [
    remote("a@y", owned),
    remote("b@y", owned),
    remote("c@y", { sender: "boss@far.test" }),
    remote("d@y"),
  ];
  logOwners(log, entryOf({ recipients }), "x");
  assert.deepEqual(log.lines, [
    "6AONqJ00001234: 6AONqJ00001234: clone: owner=amy",
    "6AONqJ00001234: 6AONqJ00001234: clone: owner=boss@far.test",
  ]);
});

test("a temporary exit code is told in its own words", () => {
  const outcome = (text: string, enhanced: string): Outcome => ({
    kind: "deferred",
    relay: "prog",
    reply: { code: 451, enhanced, text },
  });
  assert.match(outcomeLine(outcome("I/O error", "4.0.0"), "prog"), /dsn=4\.0\.0, stat=I\/O error$/);
  assert.match(
    outcomeLine(outcome("exited with EX_TEMPFAIL", "4.0.0"), "prog"),
    /stat=Deferred: exited with EX_TEMPFAIL$/,
  );
});

test("what LogLevel leaves out", () => {
  const quiet = { ...listLog(), verbosity: 4 };
  logAccepted(quiet, entryOf());
  logQueued(quiet, entryOf(), 0);
  logDone(quiet, entryOf(), 0);
  assert.deepEqual(quiet.lines, []);
  const loud = { ...listLog(), verbosity: 10 };
  logDone(loud, entryOf({ attempts: 1, receivedAt: 0 }), 1000);
  assert.deepEqual(loud.lines, ["6AONqJ00001234: done; delay=00:00:01, ntries=1"]);
});

test("quarantine and mail that is only queued", () => {
  const log = listLog();
  logAccepted(log, entryOf({ quarantine: "looks bad", precedence: -60, bodyType: "7BIT" }));
  logQueued(log, entryOf({ receivedAt: 0 }), 0);
  logQueued(log, entryOf({ receivedAt: 0, quarantine: "looks bad", countedSize: 10 }), 0);
  assert.match(log.lines[0]!, /class=-60, nrcpts=1, msgid=<m1@origin.example>, proto=ESMTP/);
  assert.deepEqual(log.lines.slice(1), [
    `6AONqJ00001234: to=<rcpt@far.example>, delay=00:00:00, mailer=esmtp, pri=${30_000 + entryOf().size}, stat=queued`,
    "6AONqJ00001234: to=<rcpt@far.example>, delay=00:00:00, mailer=esmtp, pri=30010, quarantine=looks bad, stat=quarantined",
  ]);
  assert.equal(
    priorityOf(entryOf({ size: 17, precedence: -60, attempts: 1 })),
    17 + 108_000 + 30_000 + 90_000,
  );
});

test("a refusal and a report", () => {
  const log = listLog();
  logRejected(log, {
    id: "A",
    ruleset: "check_rcpt",
    arg1: "<u@h>",
    relay: "host [192.0.2.9]",
    reject: "550 5.7.1 <u@h>... Relaying denied",
  });
  logReport(log, "A", "B", "DSN", "User unknown");
  assert.deepEqual(log.lines, [
    "A: ruleset=check_rcpt, arg1=<u@h>, relay=host [192.0.2.9], reject=550 5.7.1 <u@h>... Relaying denied",
    "A: B: DSN: User unknown",
  ]);
});

test("intervals and relays", () => {
  assert.equal(interval(93_784_000), "1+02:03:04");
  assert.equal(interval(-5), "00:00:00");
  const origin = entryOf().origin;
  assert.equal(relayOf({ ...origin, hostname: "" }), "[192.0.2.7]");
  assert.equal(relayOf({ ...origin, protocol: "local", user: "root" }), "root@localhost");
});
