/** mutt deletes in the spool while mail arrives and a POP3 client reads: nothing is lost, and ids stay with their mail. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { findProgram, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

const BODY = "From the start\r\n>From quoted\r\n.dot\r\n";
const FIRST = 6;
const LATER = 20;

const missing = ["mutt", "script"].find((name) => findProgram(name) === undefined);
const options = missing === undefined ? {} : { skip: `needs ${missing} (Debian packages mutt, bsdutils)` };

async function send(host: MailHost, subject: string): Promise<void> {
  const envelope = { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
  const reply = await sendMail(host.smtp, envelope, mailText(subject, BODY));
  assert.equal(reply.code, 250, reply.text);
}

/** Opens the mailbox in mutt, types `keys`, and leaves; mutt wants a terminal, which script(1) gives it. */
async function mutt(host: MailHost, keys: string): Promise<void> {
  const command = `stty rows 24 cols 80; exec mutt -n -F "${host.path("muttrc")}" -f "${host.path("var/spool/mail/wang")}" -e 'push "${keys}"'`;
  const ran = await runProgram("script", ["-qec", command, "/dev/null"], { env: { TERM: "vt100" } });
  assert.equal(ran.code, 0, ran.stdout);
}

/** The ids of the messages by their subjects. */
async function idsBySubject(host: MailHost): Promise<Map<string, string>> {
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const ids = new Map<string, string>();
  for (const [i, id] of (await session.uids()).entries()) {
    const text = (await session.retrieve(i + 1)).toString("latin1");
    assert.ok(text.includes(`\r\n\r\n${BODY}`), text);
    ids.set(/^Subject: (.*)\r$/m.exec(text)?.[1] ?? "torn", id);
  }
  assert.match(await session.quit(), /^\+OK/);
  return ids;
}

test("mutt, deliveries and POP3 share a mailbox", options, async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  host.write("muttrc", "set quit=yes\nset delete=yes\nset move=no\nset mbox_type=mbox\n");
  for (let i = 0; i < FIRST; i++) await send(host, `first-${i}`);
  await host.arrived("wang", FIRST);
  const before = await idsBySubject(host);
  const later = Array.from({ length: LATER }, (_, i) => `later-${i}`);
  const sending = (async () => {
    for (const subject of later) await send(host, subject);
  })();
  const deleting = "<delete-pattern>~s first-[13]<enter><flag-message><sync-mailbox><exit>";
  await Promise.all([sending, mutt(host, deleting)]);
  // Mail that comes while it writes makes mutt give up and keep everything: then its user deletes once more.
  if (host.mailbox("wang").some(({ message }) => message.includes("Subject: first-1\n"))) {
    await host.arrived("wang", FIRST + LATER);
    await mutt(host, deleting);
  }
  await host.arrived("wang", FIRST - 2 + LATER);
  const after = await idsBySubject(host);
  const kept = ["first-0", "first-2", "first-4", "first-5"];
  assert.deepEqual([...after.keys()].toSorted(), [...kept, ...later].toSorted());
  for (const subject of kept) assert.equal(after.get(subject), before.get(subject), subject);
});
