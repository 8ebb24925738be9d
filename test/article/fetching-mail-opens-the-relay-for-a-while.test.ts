/** The article, section 6: DRAC. Who has fetched mail may send for a while, and each fetch and each message renews it. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, OUTSIDE, PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn, openPop3 } from "../harness/pop3-client.ts";
import { startSink } from "../harness/sink.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

async function roamingHost(t: TestContext, lifetime: string) {
  const sink = await startSink("127.0.0.80", 0);
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { port: sink.port }, drac: { lifetime } },
    zone: { "example.net": { a: ["127.0.0.80"] } },
  });
  return { host, sink };
}

/** What RCPT to another domain answers to a client. */
async function rcpt(host: MailHost, from: string): Promise<string> {
  const client = await openSmtp(host.smtp, { from });
  await client.command("MAIL FROM:<wang@linuxaid.com.cn>");
  const reply = await client.command("RCPT TO:<friend@example.net>");
  client.close();
  return `${reply.code} ${reply.text}`;
}

const DENIED = "550 5.7.1 <friend@example.net>... Relaying denied";
const OK = "250 2.1.5 <friend@example.net>... Recipient ok";

test("fetching mail opens the relay for the client's address alone, and it closes by itself", async (t) => {
  const { host, sink } = await roamingHost(t, "2s");
  assert.equal(await rcpt(host, OUTSIDE), DENIED);
  const wrong = await openPop3(host.pop3, { from: OUTSIDE });
  assert.match(await wrong.login("wang", "not it"), /^-ERR \[AUTH\]/);
  wrong.close();
  assert.equal(await rcpt(host, OUTSIDE), DENIED, "a failed login opens nothing");

  const session = await loggedIn(host.pop3, "wang", PASSWORD, { from: OUTSIDE });
  await session.quit();
  assert.equal(await rcpt(host, OUTSIDE), OK);
  assert.equal(await rcpt(host, "127.0.0.10"), DENIED, "another address stays outside");
  const sent = await sendMail(
    host.smtp,
    { from: "wang@linuxaid.com.cn", to: "friend@example.net" },
    mailText("from the road"),
    { from: OUTSIDE },
  );
  assert.equal(sent.code, 250, sent.text);
  await sink.taken(1);
  await eventually(async () => (await rcpt(host, OUTSIDE)) === DENIED, { what: "the relay to close" });
});

test("each fetch and each accepted message renews it, a RCPT alone does not", async (t) => {
  const { host } = await roamingHost(t, "2s");
  const session = await loggedIn(host.pop3, "wang", PASSWORD, { from: OUTSIDE });
  await sendMail(host.smtp, { from: "friend@example.net", to: "wang@linuxaid.com.cn" }, mailText("to fetch"));
  await host.arrived("wang");
  await session.quit();
  const fetching = await loggedIn(host.pop3, "wang", PASSWORD, { from: OUTSIDE });
  const began = Date.now();
  await eventually(
    async () => {
      await fetching.retrieve(1);
      return Date.now() - began > 3000;
    },
    { what: "three seconds of fetching" },
  );
  assert.equal(await rcpt(host, OUTSIDE), OK, "renewed by RETR");
  const sending = Date.now();
  await eventually(
    async () => {
      const reply = await sendMail(
        host.smtp,
        { from: "wang@linuxaid.com.cn", to: "friend@example.net" },
        mailText("renews"),
        { from: OUTSIDE },
      );
      assert.equal(reply.code, 250, reply.text);
      return Date.now() - sending > 3000;
    },
    { what: "three seconds of sending" },
  );
  await eventually(async () => (await rcpt(host, OUTSIDE)) === DENIED, {
    what: "the relay to close while RCPT goes on",
  });
});

test("trace shows the entry, and a restart keeps it", async (t) => {
  const { host } = await roamingHost(t, "30m");
  const session = await loggedIn(host.pop3, "wang", PASSWORD, { from: OUTSIDE });
  await session.quit();
  const traced = await host.mailhost(["trace", "--from-ip", OUTSIDE, "friend@example.net"]);
  assert.equal(traced.code, 0, traced.stderr);
  assert.match(traced.stdout, /drac: 127\.0\.0\.9 may relay until .* \(user wang\)/);
  await host.restart();
  assert.equal(await rcpt(host, OUTSIDE), OK);
  assert.match(
    (await host.mailhost(["trace", "--from-ip", OUTSIDE, "friend@example.net"])).stdout,
    /drac: 127\.0\.0\.9 may relay until/,
  );
});
