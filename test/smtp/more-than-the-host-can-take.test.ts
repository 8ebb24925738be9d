/**
 * Twice as much mail as the host can take: whoever is refused hears it at once, whoever is not is served before long, nothing that was
 * acknowledged is lost or comes twice, memory stays bounded, and a moment later everything is as before.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { LAN, type MailHost, OUTSIDE, prepareSite, type Scope, startOn } from "../harness/host.ts";
import { markOf } from "../harness/load.ts";
import { mailText } from "../harness/mail.ts";
import { addAccounts } from "../harness/many-accounts.ts";
import { type Offered, offerLoad } from "../harness/offered-load.ts";
import { needs } from "../harness/programs.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

const USERS = Array.from({ length: 12 }, (_, i) => `user${i}`);
const RECIPIENTS = USERS.map((user) => `${user}@linuxaid.com.cn`);
/** Octets; twice as much as the process has after the same number of messages one after the other. */
const MEMORY = 384 * 1024 ** 2;
/** What nobody waits for longer than (ms); on an idle machine it is a tenth of that. */
const SOON = 15_000;

/** The marks of all mailboxes, once the queue is empty. */
async function delivered(host: MailHost): Promise<string[]> {
  await eventually(
    async () => (await host.mailhost(["queue", "list"])).stdout.trim() === "the queue is empty",
    {
      within: 60_000,
      what: "an empty queue",
    },
  );
  return USERS.flatMap((user) => host.mailbox(user).map(({ message }) => markOf(message)!));
}

function of(results: readonly Offered[], ...codes: number[]): Offered[] {
  return results.filter(({ code }) => codes.includes(code));
}

function longest(results: readonly Offered[], what: "greeted" | "took"): number {
  return Math.max(0, ...results.map((result) => result[what]));
}

async function isBackToNormal(host: MailHost): Promise<void> {
  const began = performance.now();
  const mail = { from: "a@example.net", to: "last@linuxaid.com.cn" };
  const reply = await sendMail(host.smtp, mail, mailText("afterwards"), { from: OUTSIDE });
  assert.equal(reply.code, 250, reply.text);
  await host.arrived("last");
  assert.ok(performance.now() - began < SOON);
}

async function startWith(t: Scope, maxConnections: number): Promise<MailHost> {
  const site = await prepareSite(t, { settings: { smtp: { maxConnections } } });
  await addAccounts(site, [...USERS, "last"]);
  return startOn(t, site);
}

test("twice what it can take, from 400 clients", async (t) => {
  const host = await startWith(t, 150);
  const to = { to: host.smtp, recipients: RECIPIENTS };
  const trial = await offerLoad({ ...to, name: "trial", seconds: 2, most: 40 });
  assert.equal(of(trial, 250).length, trial.length, "nobody is refused while the host keeps up");
  const capacity = trial.length / 2;
  // Of a host that has just been started two seconds tell about half of what it can take.
  const load = await offerLoad({ ...to, name: "load", seconds: 6, most: 400, rate: 4 * capacity });
  const [accepted, refused] = [of(load, 250), of(load, 421, 451)];
  t.diagnostic(
    `${capacity.toFixed(0)}/s can be taken; of ${load.length} clients ${accepted.length} were served within ` +
      `${longest(accepted, "took").toFixed(0)} ms, ${refused.length} refused within ${longest(refused, "greeted").toFixed(0)} ms`,
  );
  assert.equal(accepted.length + refused.length, load.length, "everybody gets an answer");
  assert.ok(accepted.length > 0);
  assert.ok(longest(refused, "greeted") < SOON, "who is refused hears it at once");
  assert.ok(longest(load, "took") < 2 * SOON, "who is not is served before long");
  const status = readFileSync(`/proc/${host.pid("mta")}/status`, "utf8");
  const most = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  assert.ok(most < MEMORY, `the mta had ${Math.round(most / 1024 ** 2)} MiB`);
  await isBackToNormal(host);
  const marks = await delivered(host);
  const promised = [...of(trial, 250), ...accepted].map(({ mark }) => mark);
  assert.deepEqual(marks.toSorted(), promised.toSorted(), "what was acknowledged is there, once");
});

test("200 clients at once: nobody waits long for the greeting or for the end of the message", async (t) => {
  const host = await startWith(t, 300);
  const results = await offerLoad({
    to: host.smtp,
    recipients: RECIPIENTS,
    name: "fair",
    seconds: 3,
    most: 200,
  });
  assert.equal(of(results, 250).length, results.length, "nobody is refused");
  t.diagnostic(
    `${results.length} clients: greeted within ${longest(results, "greeted").toFixed(0)} ms, done within ${longest(results, "took").toFixed(0)} ms`,
  );
  assert.ok(longest(results, "greeted") < SOON);
  assert.ok(longest(results, "took") < SOON);
});

/** A host of which every fdatasync takes so long (ms). */
async function startOnSlowDisk(t: Scope, milliseconds: number): Promise<MailHost> {
  const site = await prepareSite(t);
  await addAccounts(site, [...USERS, "last"]);
  // Mailboxes and the queue's tables are synced; the queue's journal is written through a descriptor that syncs.
  const calls = "fdatasync,pwritev";
  const inject = `inject=${calls}:delay_exit=${milliseconds * 1000}`;
  return startOn(t, site, [
    "strace",
    "-f",
    "--seccomp-bpf",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    `trace=${calls}`,
    "-e",
    inject,
  ]);
}

test(
  "a disk that takes seconds: strangers are refused early, our own networks are not, and it ends",
  needs("strace"),
  async (t) => {
    const host = await startOnSlowDisk(t, 2000);
    const to = { to: host.smtp, recipients: RECIPIENTS.slice(0, 3) };
    let refusal = "";
    const loaded = offerLoad({ ...to, name: "slow", seconds: 5, most: 60 });
    await eventually(
      async () => {
        const client = await openSmtp(host.smtp, { from: OUTSIDE });
        refusal = `${client.greeting.code} ${client.greeting.text}`;
        client.close();
        return client.greeting.code === 421;
      },
      { what: () => `a refusal; the log ends\n${host.log().slice(-2000)}` },
    );
    assert.equal(refusal, "421 4.3.2 mail.linuxaid.com.cn Too busy; try again later");
    await eventually(
      async () => {
        const colleague = await openSmtp(host.smtp, { from: LAN });
        colleague.close();
        return colleague.greeting.code === 220;
      },
      { what: "a greeting for a client of our own network" },
    );
    const results = await loaded;
    assert.equal(of(results, 250, 421, 451).length, results.length);
    await host.logged(/rejecting connections from outside on daemon MTA: too busy: a commit takes \d+\.\d s/);
    await host.logged(
      /accepting connections again for daemon MTA after .* connections and \d+ messages were refused/,
    );
    await isBackToNormal(host);
    const marks = await delivered(host);
    assert.deepEqual(
      marks.toSorted(),
      of(results, 250)
        .map(({ mark }) => mark)
        .toSorted(),
    );
  },
);
