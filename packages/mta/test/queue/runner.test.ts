import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { SmtpReply } from "@mailhost/common/errors";
import type { Attempt, Mailer } from "../../src/deliver/mailer.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { queuePaths } from "../../src/queue/environment.ts";
import type { QueueEntry, QueueRecipient } from "../../src/queue/queue-entry.ts";
import { type Runner, type RunnerParts, startRunner } from "../../src/queue/runner.ts";
import {
  enqueue,
  local,
  type Opened,
  readBody,
  remote,
  settingsWith,
  temporaryQueue,
} from "./queue-samples.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const SENT: Outcome = {
  kind: "delivered",
  relay: "mx.",
  reply: reply(250, "2.0.0", "ok"),
  dsnRelayed: false,
};
const BUSY: Outcome = { kind: "deferred", relay: "mx.", reply: reply(450, "4.2.0", "try later") };
const GONE: Outcome = {
  kind: "failed",
  relay: "mx.",
  reply: reply(550, "5.1.1", "no such user"),
  remoteMta: "mx",
};

function reply(code: number, enhanced: string, text: string): SmtpReply {
  return { code, enhanced, text };
}

/** A mailer that does what the test says, and remembers what it was asked. */
class FakeMailer implements Mailer {
  readonly name: string;
  readonly attempts: { id: string; to: string[]; forced: boolean }[] = [];
  act: (recipient: QueueRecipient, attempt: Attempt) => Outcome | Promise<Outcome> = () => SENT;

  constructor(name: string) {
    this.name = name;
  }

  deliver(attempt: Attempt): Promise<Outcome[]> {
    const to = attempt.recipients.map((recipient) => recipient.address);
    this.attempts.push({ id: attempt.entry.id, to, forced: attempt.forced });
    return Promise.all(attempt.recipients.map(async (recipient) => this.act(recipient, attempt)));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

interface Host extends Opened {
  readonly localMailer: FakeMailer;
  readonly remoteMailer: FakeMailer;
  readonly runner: Runner;
}

async function host(t: TestContext, more: Partial<RunnerParts> = {}, queue?: Opened): Promise<Host> {
  const opened = queue ?? (await temporaryQueue(t));
  const localMailer = new FakeMailer("local");
  const remoteMailer = new FakeMailer("esmtp");
  const runner = startRunner({
    store: opened.store,
    local: localMailer,
    remote: remoteMailer,
    settings: settingsWith("queue: {interval: 20m, warnAfter: 4h, returnAfter: 5d}"),
    clock: opened.clock,
    log: opened.log,
    hostname: "mail.here.example",
    poll: HOUR,
    resolve: async (address) =>
      address.endsWith("@origin.example")
        ? [{ address, target: { kind: "remote", domain: "origin.example" } }]
        : [{ address, target: { kind: "mailbox", name: address.split("@")[0]! } }],
    ...more,
  });
  t.after(() => runner.stop());
  return { ...opened, localMailer, remoteMailer, runner };
}

async function submit(h: Host, recipients: QueueRecipient[], more = {}): Promise<QueueEntry> {
  const entry = await enqueue(h.store, { recipients, ...more });
  h.runner.submitted(entry);
  return entry;
}

/** A promise and its resolver. */
function gate(): { passed: Promise<void>; pass(): void } {
  let pass = () => {};
  const passed = new Promise<void>((done) => (pass = done));
  return { passed, pass };
}

/** Lets everything that is ready happen until the condition holds. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !condition(); i++) await new Promise(setImmediate);
  assert.ok(condition(), String(condition));
}

test("a message is delivered at once and leaves the queue", async (t) => {
  const h = await host(t);
  const entry = await submit(h, [
    local("bob@here.example"),
    remote("a@far.example"),
    remote("b@far.example"),
  ]);
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
  assert.deepEqual(h.localMailer.attempts, [{ id: entry.id, to: ["bob@here.example"], forced: false }]);
  assert.deepEqual(h.remoteMailer.attempts, [
    { id: entry.id, to: ["a@far.example", "b@far.example"], forced: false },
  ]);
  assert.match(
    h.log.lines.join("\n"),
    new RegExp(`${entry.id}: to=<a@far.example>, .*dsn=2.0.0, stat=Sent \\(ok\\)`),
  );
});

test("what is in the queue at start is delivered, thousands of messages too", async (t) => {
  const queue = await temporaryQueue(t);
  for (let i = 0; i < 30; i++) {
    await Promise.all(
      Array.from({ length: 100 }, (_, j) =>
        enqueue(queue.store, { recipients: [remote(`a@d${j % 7}.example`)] }),
      ),
    );
  }
  const h = await host(t, {}, queue);
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
  assert.equal(new Set(h.remoteMailer.attempts.map((a) => a.id)).size, 3000);
  assert.equal(h.remoteMailer.attempts.length, 3000);
});

test("a deferred recipient alone is tried again, after the interval, then twice that", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = (recipient) => (recipient.address.startsWith("slow") ? BUSY : SENT);
  const entry = await submit(h, [remote("slow@far.example"), remote("fast@far.example")]);
  await h.runner.idle();
  const start = h.clock.now();
  const stored = h.store.get(entry.id)!;
  assert.deepEqual(
    stored.recipients.map((r) => r.state),
    ["pending", "delivered"],
  );
  assert.equal(stored.attempts, 1);
  assert.equal(stored.nextAttemptAt, start + 20 * MINUTE);
  await h.clock.advance(20 * MINUTE - 1);
  assert.equal(h.remoteMailer.attempts.length, 1);
  await h.clock.advance(1);
  await h.runner.idle();
  assert.deepEqual(h.remoteMailer.attempts[1]?.to, ["slow@far.example"]);
  assert.equal(h.store.get(entry.id)?.nextAttemptAt, start + 60 * MINUTE);
  h.remoteMailer.act = () => SENT;
  await h.clock.advance(40 * MINUTE);
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
});

test("the mailer's own time for the next attempt is kept", async (t) => {
  const h = await host(t);
  const at = h.clock.now() + 7 * MINUTE;
  h.remoteMailer.act = () => ({ ...BUSY, retryAt: at }) as Outcome;
  const entry = await submit(h, [remote("a@far.example")]);
  await h.runner.idle();
  assert.equal(h.store.get(entry.id)?.nextAttemptAt, at);
});

test("one dead destination delays neither other destinations nor local mail", async (t) => {
  const h = await host(t, { maxRemote: 20 });
  const dead = gate();
  t.after(() => dead.pass());
  h.remoteMailer.act = async (recipient) => {
    if (!recipient.address.endsWith("@dead.example")) return SENT;
    await dead.passed;
    return BUSY;
  };
  for (let i = 0; i < 500; i++) await submit(h, [remote(`u${i}@dead.example`)]);
  const others: QueueEntry[] = [];
  for (let i = 0; i < 50; i++) others.push(await submit(h, [remote(`u${i}@alive.example`)]));
  const mixed = await submit(h, [
    remote("x@dead.example"),
    local("bob@here.example"),
    remote("x@alive.example"),
  ]);
  await until(() => others.every((entry) => h.store.get(entry.id) === undefined));
  const states = () => h.store.get(mixed.id)?.recipients.map((recipient) => recipient.state);
  await until(() => states()?.join() === "pending,delivered,delivered");
  assert.equal(h.store.count(), 501);
  const hanging = h.remoteMailer.attempts.filter((a) => a.to[0]?.endsWith("@dead.example")).length;
  assert.ok(hanging <= 5, `${hanging} attempts hang at the dead destination`);
  dead.pass();
  await h.runner.idle();
  assert.equal(h.store.count(), 501);
  assert.equal(h.store.due(h.clock.now(), 10).length, 0);
});

test("many dead destinations leave turns for the living", async (t) => {
  const h = await host(t, { maxRemote: 20 });
  const dead = gate();
  h.remoteMailer.act = async (recipient) => {
    if (recipient.address.endsWith("@alive.example")) return SENT;
    await dead.passed;
    return BUSY;
  };
  for (let i = 0; i < 200; i++) await submit(h, [remote(`a@dead${i % 40}.example`)]);
  const entry = await submit(h, [remote("a@alive.example")]);
  await until(() => h.store.get(entry.id) === undefined);
  dead.pass();
  await h.runner.idle();
});

test("a failed recipient goes back to its sender in one report, in the commit that ends the message", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = (recipient) =>
    recipient.target.kind === "remote" && recipient.target.domain === "far.example" ? GONE : BUSY;
  const entry = await submit(h, [remote("a@far.example"), remote("b@far.example")]);
  await h.runner.idle();
  const [report, ...rest] = [...h.store.list()];
  assert.deepEqual(rest, []);
  assert.equal(report?.sender, "");
  assert.equal(report?.isReport, true);
  assert.deepEqual(
    report?.recipients.map((r) => r.address),
    ["sender@origin.example"],
  );
  const text = (await readBody(h.store.body(report!))).toString();
  assert.match(text, /Final-Recipient: RFC822; a@far\.example/);
  assert.match(text, /Final-Recipient: RFC822; b@far\.example/);
  assert.match(h.log.lines.join("\n"), new RegExp(`${entry.id}: ${report?.id}: DSN: User unknown`));
});

test("a report that cannot be delivered goes to postmaster; when that fails too, it ends in the log", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = () => GONE;
  h.localMailer.act = () => GONE;
  await submit(h, [remote("a@far.example")]);
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
  assert.match(h.log.lines.join("\n"), /savemail panic: report to <postmaster> cannot be delivered/);
  assert.deepEqual(
    h.localMailer.attempts.map((a) => a.to),
    [["postmaster"]],
  );
});

test("a message from <> that is no report goes to postmaster, once", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = () => GONE;
  await submit(h, [remote("a@far.example")], { sender: "" });
  await h.runner.idle();
  assert.deepEqual(
    h.localMailer.attempts.map((a) => a.to),
    [["postmaster"]],
  );
  assert.equal(h.store.count(), 0);
  h.localMailer.act = () => GONE;
  await submit(h, [remote("a@far.example")], { sender: "" });
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
});

test("NOTIFY=NEVER gets no report, NOTIFY=SUCCESS a receipt unless the next host sends it", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = (recipient) =>
    recipient.address.startsWith("never")
      ? GONE
      : recipient.address.startsWith("dsn")
        ? ({ ...SENT, dsnRelayed: true } as Outcome)
        : SENT;
  await submit(h, [remote("never@far.example", { notify: ["NEVER"] })]);
  await submit(h, [remote("dsn@far.example", { notify: ["SUCCESS"] })]);
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
  assert.equal(h.remoteMailer.attempts.length, 2);
  await submit(h, [local("bob@here.example", { notify: ["SUCCESS"] })]);
  await h.runner.idle();
  assert.deepEqual(h.remoteMailer.attempts.at(-1)?.to, ["sender@origin.example"]);
});

test("the sender is warned once at warnAfter and gets the message back at returnAfter", async (t) => {
  const h = await host(t);
  const reports: string[] = [];
  h.remoteMailer.act = async (recipient, attempt) => {
    if (recipient.address !== "sender@origin.example") return BUSY;
    reports.push((await readBody(attempt.body)).toString());
    return SENT;
  };
  const entry = await submit(h, [remote("slow@far.example")]);
  await h.runner.idle();
  const step = async (ms: number) => {
    await h.clock.advance(ms);
    await h.runner.idle();
  };
  for (let i = 0; i < 12; i++) await step(20 * MINUTE);
  assert.equal(reports.length, 1);
  assert.match(reports[0]!, /Subject: Warning: could not send message for past 4 hours/);
  assert.match(reports[0]!, /Action: delayed/);
  assert.equal(h.store.get(entry.id)?.warnedAt, entry.receivedAt + 4 * HOUR);
  for (let i = 0; i < 115; i++) await step(HOUR);
  assert.equal(reports.length, 1);
  await step(HOUR);
  assert.equal(reports.length, 2);
  assert.match(reports[1]!, /Status: 4\.4\.7/);
  assert.match(reports[1]!, /\(reason: 450 4\.2\.0 try later\)/);
  assert.match(
    reports[1]!,
    /Message could not be delivered for 5 days\r\nMessage will be deleted from queue/,
  );
  assert.match(h.log.lines.join("\n"), /: sender notify: Cannot send message for 5 days$/m);
  assert.equal(h.store.count(), 0);
});

test("runAll tries everything now, forced; a lane that just failed is not forced again", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = () => BUSY;
  for (let i = 0; i < 30; i++) await submit(h, [remote(`a${i}@far.example`)]);
  await h.runner.idle();
  h.remoteMailer.attempts.length = 0;
  h.runner.runAll();
  await h.runner.idle();
  assert.equal(h.remoteMailer.attempts.length, 30);
  assert.equal(h.remoteMailer.attempts[0]?.forced, true);
  assert.ok(h.remoteMailer.attempts.filter((attempt) => attempt.forced).length <= 5);
  assert.equal(
    [...h.store.list()].some((entry) => entry.recipients.some((recipient) => recipient.forced)),
    false,
  );
});

test("runAll with a selection tries what it is for, and nothing else", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = () => BUSY;
  await submit(h, [remote("a@far.example")]);
  await submit(h, [remote("b@near.example")]);
  const kept = await submit(h, [remote("c@far.example")], { quarantine: "looks bad" });
  await h.runner.idle();
  h.remoteMailer.attempts.length = 0;
  h.runner.runAll({ conditions: [{ of: "R", text: "@far.example" }] });
  await h.runner.idle();
  assert.deepEqual(
    h.remoteMailer.attempts.map((a) => a.to),
    [["a@far.example"]],
  );
  assert.equal(h.store.get(kept.id)?.attempts, 0);
});

test("a report on a sender of ours that nobody has goes to postmaster", async (t) => {
  const h = await host(t, {
    resolve: (address) => Promise.resolve(address === "postmaster" ? [local("bob@here.example")] : []),
  });
  h.remoteMailer.act = () => GONE;
  const entry = await submit(h, [remote("a@far.example")], { sender: "ghost@here.example" });
  let text = "";
  h.localMailer.act = async (_recipient, attempt) => {
    text = (await readBody(attempt.body)).toString();
    return SENT;
  };
  await h.runner.idle();
  assert.match(text, /Subject: Postmaster notify: see transcript for details/);
  assert.match(text, new RegExp(`with id ${entry.id}`));
  assert.match(text, /550 5\.1\.1 <ghost@here\.example>\.\.\. User unknown/);
  const log = h.log.lines.join("\n");
  assert.match(
    log,
    /to=<ghost@here\.example>, delay=\d+:\d\d:\d\d, mailer=local, pri=\d+, dsn=5\.1\.1, .*stat=User unknown$/m,
  );
  assert.match(log, /: postmaster notify: User unknown$/m);
});

test("the report on an unknown sender of ours is logged as User unknown, and postmaster gets its receipts", async (t) => {
  const root = { ...local("root@here.example"), controlling: "<postmaster>" };
  const h = await host(t, {
    resolve: (address) => Promise.resolve(address === "postmaster" ? [root] : []),
  });
  const sender = "ghost@here.example";
  h.remoteMailer.act = () => ({
    kind: "failed",
    relay: "mx",
    reply: { code: 550, enhanced: "5.1.2", text: "Host unknown" },
  });
  await submit(h, [remote("a@far.example")], { sender });
  await h.runner.idle();
  let text = "";
  h.localMailer.act = async (_recipient, attempt) => {
    text = (await readBody(attempt.body)).toString();
    return SENT;
  };
  h.remoteMailer.act = () => SENT;
  await submit(h, [remote("b@far.example", { notify: ["SUCCESS"] })], { sender });
  await h.runner.idle();
  assert.match(text, /Subject: Return receipt/);
  assert.match(text, /550 5\.1\.1 <ghost@here\.example>\.\.\. User unknown/);
  const log = h.log.lines.join("\n");
  assert.match(log, /: postmaster notify: User unknown$/m);
  assert.match(log, /: DSN: Return receipt$/m);
  assert.equal(h.log.lines.filter((line) => / to=root, .*stat=Sent/.test(line)).length, 2, log);
});

test("a held message waits, and a removed one is not brought back", async (t) => {
  const h = await host(t);
  const [slow, arrived] = [gate(), gate()];
  h.remoteMailer.act = async () => {
    arrived.pass();
    await slow.passed;
    return BUSY;
  };
  const removed = await submit(h, [remote("a@far.example")]);
  await arrived.passed;
  await h.store.change({ remove: [removed.id] });
  slow.pass();
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
  const held = await enqueue(h.store);
  await h.store.hold(held.id, "x");
  h.runner.runAll();
  await h.runner.idle();
  assert.equal(h.remoteMailer.attempts.length, 1);
  assert.equal(h.store.get(held.id)?.held, "x");
});

test("a message whose data file is gone is held with the reason; the rest goes on", async (t) => {
  const h = await host(t);
  const large = await enqueue(h.store, {}, Buffer.alloc(100_000, 0x61));
  const small = await enqueue(h.store);
  await rm(join(queuePaths(h.site).large, large.id));
  h.runner.wake();
  await h.runner.idle();
  assert.equal(h.store.get(small.id), undefined);
  assert.match(h.store.get(large.id)?.held ?? "", /is missing/);
});

test("a mailer that throws, or forgets a recipient, defers", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = () => {
    throw new Error("bug");
  };
  const entry = await submit(h, [remote("a@far.example")]);
  await h.runner.idle();
  assert.equal(h.store.get(entry.id)?.recipients[0]?.state, "pending");
  assert.match(h.log.lines.join("\n"), /SYSERR\(esmtp\): bug/);
});

test("a result that cannot be recorded is recorded later; the message is not delivered twice", async (t) => {
  const h = await host(t);
  const change = h.store.change.bind(h.store);
  let failures = 3;
  h.store.change = (c) => (failures-- > 0 ? Promise.reject(new Error("disk full")) : change(c));
  await submit(h, [remote("a@far.example")]);
  for (let i = 3; i > 0; i--) {
    await until(() => failures < i);
    h.runner.wake();
    await new Promise(setImmediate);
    await h.clock.advance(5000);
  }
  await h.runner.idle();
  assert.equal(h.store.count(), 0);
  assert.equal(h.remoteMailer.attempts.length, 1);
});

test("messages that another process wrote are found by the next look", async (t) => {
  const h = await host(t, { poll: 1000 });
  await h.runner.idle();
  await enqueue(h.store);
  assert.equal(h.remoteMailer.attempts.length, 0);
  await h.clock.advance(1000);
  await h.runner.idle();
  assert.equal(h.remoteMailer.attempts.length, 1);
});

test("stop lets attempts under way finish and starts no more", async (t) => {
  const h = await host(t);
  const [slow, arrived] = [gate(), gate()];
  h.remoteMailer.act = async () => {
    arrived.pass();
    await slow.passed;
    return SENT;
  };
  for (let i = 0; i < 20; i++) await submit(h, [remote(`a${i}@far.example`)]);
  await arrived.passed;
  const begun = h.remoteMailer.attempts.length;
  const stopped = h.runner.stop();
  slow.pass();
  await stopped;
  assert.equal(h.remoteMailer.attempts.length, begun);
  assert.equal(h.store.count(), 20 - begun);
});

test("a lane of thousands is worked off in full, fetched from the index bit by bit", async (t) => {
  const queue = await temporaryQueue(t);
  for (let i = 0; i < 20; i++) {
    await Promise.all(
      Array.from({ length: 100 }, (_, j) =>
        enqueue(queue.store, { recipients: [remote(j % 10 === 0 ? "a@rare.example" : "a@big.example")] }),
      ),
    );
  }
  const h = await host(t, {}, queue);
  h.remoteMailer.act = (recipient) => (recipient.address === "a@big.example" ? BUSY : SENT);
  await h.runner.idle();
  assert.equal(h.store.count(), 1800);
  assert.equal(h.remoteMailer.attempts.length, 2000);
});

test("each destination of a message has its own schedule, and keeps its recipients together", async (t) => {
  const h = await host(t);
  const start = h.clock.now();
  h.remoteMailer.act = (recipient) =>
    recipient.address.endsWith("@far.example") ? BUSY : ({ ...BUSY, retryAt: start + 5 * MINUTE } as Outcome);
  await submit(h, [remote("a@far.example"), remote("b@near.example"), remote("c@far.example")]);
  await h.runner.idle();
  assert.deepEqual(
    h.remoteMailer.attempts.map((a) => a.to),
    [["a@far.example", "c@far.example"], ["b@near.example"]],
  );
  h.remoteMailer.attempts.length = 0;
  await h.clock.advance(5 * MINUTE);
  await h.runner.idle();
  await h.clock.advance(15 * MINUTE);
  await h.runner.idle();
  const tried = h.remoteMailer.attempts.map((a) => a.to.join());
  assert.equal(tried[0], "b@near.example");
  assert.equal(tried.filter((to) => to === "a@far.example,c@far.example").length, 1);
});

test("failures at several destinations that are tried together make one report", async (t) => {
  const h = await host(t);
  h.remoteMailer.act = (recipient) => (recipient.address === "sender@origin.example" ? BUSY : GONE);
  h.localMailer.act = () => GONE;
  await submit(h, [remote("a@far.example"), remote("b@near.example"), local("nobody@here.example")]);
  await h.runner.idle();
  assert.equal(h.store.count(), 1);
  const [report] = h.store.list();
  const text = (await readBody(h.store.body(report!))).toString();
  assert.equal(text.match(/^Final-Recipient/gm)?.length, 3);
});

test("with a smart host all remote recipients go in one transaction", async (t) => {
  const h = await host(t, { settings: settingsWith('relay: {smartHost: "[relay.example]"}') });
  await submit(h, [remote("a@far.example"), remote("b@near.example"), local("bob@here.example")]);
  await h.runner.idle();
  assert.deepEqual(
    h.remoteMailer.attempts.map((a) => a.to),
    [["a@far.example", "b@near.example"]],
  );
  assert.equal(h.store.count(), 0);
});
