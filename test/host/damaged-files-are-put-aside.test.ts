/** Whatever file is damaged: it is named in the log, kept aside or in its place, never deleted, and the host goes on. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type MailHost, OUTSIDE, PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { sendMail } from "../harness/smtp-client.ts";

const GARBAGE = Buffer.from("this is no database\n".repeat(2000));

async function deliver(host: MailHost, subject: string): Promise<void> {
  const mail = { from: "a@example.net", to: "wang@linuxaid.com.cn" };
  const reply = await sendMail(host.smtp, mail, mailText(subject));
  assert.equal(reply.code, 250, reply.text);
}

/** The damaged file's bytes are in its folder still, under a name that says so. */
function assertKept(host: MailHost, folder: string, name: string): void {
  const kept = readdirSync(host.path(folder)).filter(
    (n) => n.startsWith(`${name}.damaged`) && !n.endsWith("-lock"),
  );
  assert.equal(kept.length, 1, `${name} in ${readdirSync(host.path(folder)).join(" ")}`);
  assert.deepEqual(readFileSync(host.path(`${folder}/${kept[0]}`)), GARBAGE);
}

test("queue, DRAC table and POP3 index", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  await deliver(host, "before");
  await host.arrived("wang");
  const session = await loggedIn(host.pop3, "wang", PASSWORD, { from: OUTSIDE });
  const uids = await session.uids();
  await session.quit();
  await host.stop();
  const files = [
    ["var/spool/mqueue", "queue.mdb"],
    ["var/lib/mailhost", "drac.mdb"],
    ["var/lib/mailhost", "pop3-index.mdb"],
  ] as const;
  for (const [folder, name] of files) writeFileSync(host.path(`${folder}/${name}`), GARBAGE);
  for (const args of [
    ["queue", "list"],
    ["trace", "--from-ip", OUTSIDE, "wang@linuxaid.com.cn"],
  ]) {
    const ran = await host.mailhost(args);
    assert.match(`${ran.stdout}${ran.stderr}`, /\.mdb: .*(damaged|cannot be opened)/, args[0]);
    assert.doesNotMatch(ran.stderr, /^\s+at /m);
  }
  await host.start();
  for (const [, name] of files) await host.logged(new RegExp(`${name.replace(".", "\\.")}.*damaged`));
  await deliver(host, "after");
  await host.arrived("wang", 2);
  const again = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.deepEqual((await again.uids()).slice(0, 1), uids, "ids outlive the index");
  await again.quit();
  for (const [folder, name] of files) assertKept(host, folder, name);
});

test("a large message whose data file was cut is held with the reason, and the rest goes on", async (t) => {
  const host = await startHost(t, { users: ["wang"], zone: { "absent.test": { a: ["127.0.0.77"] } } });
  const body = "a line of a message that is too long for the database\r\n".repeat(5000);
  const mail = { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
  const reply = await sendMail(host.smtp, { ...mail, to: "friend@absent.test" }, mailText("large", body));
  assert.equal(reply.code, 250, reply.text);
  const id = / (\S+) Message accepted/.exec(reply.text)![1]!;
  await host.logged(new RegExp(`${id}: to=.*stat=Deferred`));
  await host.stop();
  truncateSync(host.path(`var/spool/mqueue/large/${id}`), 1000);
  await host.start();
  assert.equal((await host.mailhost(["queue", "run"])).code, 0);
  await host.logged(new RegExp(`${id}.*large/${id}|large/${id}.*|${id}: .*data file`));
  const shown = await host.mailhost(["queue", "show", id]);
  assert.match(shown.stdout, /^held: .+/m);
});

test("what is no message at the start of a mailbox stays, is named, and hides nothing behind it", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const junk = Buffer.concat([Buffer.alloc(4096), Buffer.from("half a mess")]);
  writeFileSync(host.path("var/spool/mail/wang"), junk, { mode: 0o660 });
  await deliver(host, "behind it");
  await host.logged(/to=<wang@linuxaid\.com\.cn>.* stat=Sent/);
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await session.count(), 1);
  assert.match((await session.retrieve(1)).toString(), /^Subject: behind it\r$/m);
  await session.command("DELE 1");
  await session.quit();
  await host.logged(/spool\/mail\/wang: damaged: its first \d+ octets belong to no message/);
  const left = readFileSync(host.path("var/spool/mail/wang"));
  assert.deepEqual(left.subarray(0, junk.length), junk, "nothing of it is deleted");
  const check = await host.mailhost(["check"]);
  assert.match(check.stdout, /mailboxes: .*spool\/mail\/wang: damaged/);
});

test("a folder in a mailbox's place: the mail waits, and comes when it is gone", async (t) => {
  const host = await startHost(t, { users: ["wang", "li"] });
  host.write("var/spool/mail/wang/file", "x");
  await deliver(host, "waits");
  await host.logged(/spool\/mail\/wang: is a folder/);
  await host.logged(/to=<wang@linuxaid\.com\.cn>.* stat=Deferred: mailbox is not a plain file/);
  await sendMail(host.smtp, { from: "a@example.net", to: "li@linuxaid.com.cn" }, mailText("another"));
  await host.arrived("li");
});
