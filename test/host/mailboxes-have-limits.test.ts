/**
 * Limits of mailboxes in a whole host: at RCPT, at delivery, for one of several recipients, with a warning to the owner, and
 * room again once mail was removed.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, PASSWORD, type Scope, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

const FROM = "li@far.example";
const ALICE = "alice@a.example";
const BOX = "a.example/alice";
/** About 3,000 octets. */
const BODY = `${"0123456789abcdef0123456789abcdef0123456789abcdef\r\n".repeat(60)}`;

function limitedHost(t: Scope, quota: Readonly<Record<string, unknown>> = {}): Promise<MailHost> {
  return startHost(t, {
    settings: { queue: { interval: "500ms", minAge: "0s" }, quota, pop3: { keepRemoved: "0s" } },
    files: {
      "etc/mail/local-host-names": "linuxaid.com.cn\nmail.linuxaid.com.cn\na.example\n",
      "etc/mail/quotas": `${ALICE} 10000\n`,
      "etc/mail/aliases": `root: wang\nteam: ${ALICE}, wang\n`,
    },
    users: [ALICE, "wang"],
  });
}

async function rcpt(host: MailHost, to: string, size?: number): Promise<string> {
  const smtp = await openSmtp(host.smtp);
  try {
    await smtp.command("EHLO client.test");
    await smtp.command(`MAIL FROM:<${FROM}>${size === undefined ? "" : ` SIZE=${size}`}`);
    const { code, text } = await smtp.command(`RCPT TO:<${to}>`);
    await smtp.quit();
    return `${code} ${text}`;
  } finally {
    smtp.close();
  }
}

function send(host: MailHost, to: string | readonly string[], subject: string) {
  return sendMail(host.smtp, { from: FROM, to: to as string | string[] }, mailText(subject, BODY));
}

test("a full mailbox is refused at RCPT, deferred at delivery, and has room again after DELE", async (t) => {
  const host = await limitedHost(t, { warnAt: 0 });
  for (const subject of ["one", "two", "three"]) {
    assert.equal((await send(host, ALICE, subject)).code, 250);
    await host.arrived(BOX, subject === "one" ? 1 : subject === "two" ? 2 : 3);
  }
  const free = await rcpt(host, ALICE);
  assert.match(free, /^250 /);
  assert.equal(await rcpt(host, ALICE, 3000), `452 4.2.2 <${ALICE}>... Mailbox full`);
  assert.match(
    await rcpt(host, ALICE, 10_001),
    /^552 5\.2\.3 <alice@a\.example>\.\.\. Message is larger than the mailbox/,
  );
  // Without a size it is taken, and waits: nothing of it is in the mailbox.
  assert.equal((await send(host, ALICE, "four")).code, 250);
  await host.logged(/to=<alice@a\.example>.*dsn=4\.2\.2, stat=Deferred: Mailbox full/, 30_000);
  assert.equal(host.mailbox(BOX).length, 3);
  const check = await host.mailhost(["mailbox", "usage", ALICE, "--json"]);
  const [usage] = JSON.parse(check.stdout) as { limit: number; percent: number }[];
  assert.equal(usage?.limit, 10_000);
  assert.ok(usage.percent > 90 && usage.percent < 100, String(usage.percent));

  const session = await loggedIn(host.pop3, ALICE, PASSWORD);
  await session.command("DELE 1");
  assert.match(await session.quit(), /^\+OK/);
  await eventually(() => host.mailbox(BOX).some(({ message }) => message.includes("Subject: four")), {
    within: 30_000,
    what: "the message that waited",
  });
  assert.equal(host.mailbox(BOX).length, 3);
});

test("of a list the full member alone waits", async (t) => {
  const host = await limitedHost(t, { warnAt: 0 });
  for (let i = 0; i < 3; i++) {
    await send(host, ALICE, `fill ${i}`);
    await host.arrived(BOX, i + 1);
  }
  assert.equal((await send(host, "team@linuxaid.com.cn", "to the team")).code, 250);
  await host.arrived("wang", 1);
  await host.logged(/dsn=4\.2\.2, stat=Deferred: Mailbox full/, 30_000);
  assert.equal(host.mailbox(BOX).length, 3);
  assert.match(await rcpt(host, "team@linuxaid.com.cn", 5000), /^250 /);
});

test("quota.action: bounce returns the message, and a changed table counts at once", async (t) => {
  const host = await limitedHost(t, { warnAt: 0, action: "bounce", mailbox: "8KiB" });
  writeFileSync(host.path("etc/mail/quotas"), `@a.example 4000\n`);
  assert.equal((await send(host, ALICE, "one")).code, 250);
  await host.arrived(BOX, 1);
  assert.equal(await rcpt(host, ALICE, 3000), `552 5.2.2 <${ALICE}>... Mailbox full`);
  const local = { from: "wang@linuxaid.com.cn", to: ALICE };
  assert.equal((await sendMail(host.smtp, local, mailText("two", BODY))).code, 250);
  const [report] = await host.arrived("wang", 1);
  const text = report!.message.toString("latin1");
  assert.match(text, /^Status: 5\.2\.2\r?$/m);
  assert.match(text, /^Final-Recipient: RFC822; alice@a\.example\r?$/im);
  assert.match(text, /Mailbox full/);
  writeFileSync(host.path("etc/mail/quotas"), "alice@a.example none\n");
  assert.match(await rcpt(host, ALICE, 1_000_000), /^250 /);
  assert.equal((await send(host, ALICE, "three")).code, 250);
  await host.arrived(BOX, 2);
});

test("the owner is warned once, over a restart too, and again after the mailbox was emptied", async (t) => {
  const host = await limitedHost(t, { warnAt: 60 });
  const warnings = () =>
    host.mailbox(BOX).filter(({ message }) => /^Subject: Your mailbox is/m.test(message.toString("latin1")));
  await send(host, ALICE, "one");
  await host.arrived(BOX, 1);
  assert.equal(warnings().length, 0);
  await send(host, ALICE, "two");
  await host.arrived(BOX, 3);
  assert.equal(warnings().length, 1);
  const text = warnings()[0]!.message.toString("latin1");
  assert.match(text, /^Return-Path: <>\r?$/m);
  assert.match(text, /^Auto-Submitted: auto-generated\r?$/m);
  await host.restart();
  await sendMail(host.smtp, { from: FROM, to: ALICE }, mailText("small"));
  await host.arrived(BOX, 4);
  assert.equal(warnings().length, 1);

  const session = await loggedIn(host.pop3, ALICE, PASSWORD);
  for (let n = 1; n <= 4; n++) await session.command(`DELE ${n}`);
  await session.quit();
  await send(host, ALICE, "one more");
  await host.arrived(BOX, 1);
  assert.equal(warnings().length, 0);
  await send(host, ALICE, "and another");
  await host.arrived(BOX, 3);
  assert.equal(warnings().length, 1);
});

test("kill -9 while a mailbox fills: it never grows past its limit, and each message is there once or waits", async (t) => {
  const host = await limitedHost(t, { warnAt: 0 });
  writeFileSync(host.path("etc/mail/quotas"), `${ALICE} 40000\n`);
  const sent = 20;
  for (let round = 0; round < 2; round++) {
    const all = Array.from({ length: sent / 2 }, (_, i) => send(host, ALICE, `m${round}-${i}`));
    for (const reply of await Promise.all(all)) assert.equal(reply.code, 250);
    host.signal("mailhost", "SIGKILL");
    await host.ended();
    await host.start();
  }
  const subjects = () =>
    host
      .mailbox(BOX)
      .map(({ message }) => /^Subject: (.*?)\r?$/m.exec(message.toString("latin1"))?.[1] ?? "");
  await host.logged(/stat=Deferred: Mailbox full/, 60_000);
  // A message that is in the mailbox leaves the queue a moment later.
  await eventually(
    async () => {
      const queue = await host.mailhost(["queue", "list", "--json"]);
      return subjects().length > 5 && queue.stdout.split('"id"').length - 1 + subjects().length === sent;
    },
    { within: 60_000, what: "each message in the mailbox or in the queue" },
  );
  assert.equal(new Set(subjects()).size, subjects().length);
  assert.ok(host.read(`var/spool/mail/${BOX}`).length <= 40_000);
  // Everything comes once there is room.
  writeFileSync(host.path("etc/mail/quotas"), `${ALICE} none\n`);
  await eventually(() => subjects().length === sent, { within: 60_000, what: "all messages" });
  assert.equal(new Set(subjects()).size, sent);
});
