/** The article, section 1: `MX 10 mail` is called first; `MX 20 mail1` only when it cannot be reached or will not now. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { LAN, type MailHost, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { type Sink, startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

interface Hosts {
  readonly host: MailHost;
  readonly mail: Sink;
  readonly mail1: Sink;
}

async function twoExchanges(t: TestContext): Promise<Hosts> {
  const mail = await startSink("127.0.0.120", 0, { name: "mail.example.cn" });
  t.after(() => mail.close());
  const mail1 = await startSink("127.0.0.121", mail.port, { name: "mail1.example.cn" });
  t.after(() => mail1.close());
  const host = await startHost(t, {
    settings: { relay: { port: mail.port } },
    zone: {
      "example.cn": {
        mx: [
          [20, "mail1.example.cn"],
          [10, "mail.example.cn"],
        ],
      },
      "mail.example.cn": { a: ["127.0.0.120"] },
      "mail1.example.cn": { a: ["127.0.0.121"] },
    },
  });
  return { host, mail, mail1 };
}

async function send(host: MailHost, subject: string): Promise<void> {
  const reply = await sendMail(
    host.smtp,
    { from: "wang@linuxaid.com.cn", to: "ideal@example.cn" },
    mailText(subject),
    { from: LAN },
  );
  assert.equal(reply.code, 250, reply.text);
}

test("MX 10 is called before MX 20", async (t) => {
  const { host, mail, mail1 } = await twoExchanges(t);
  for (let i = 0; i < 5; i++) await send(host, `message ${i}`);
  await mail.taken(5);
  assert.equal(mail1.connections, 0);
});

test("MX 20 takes the mail when MX 10 does not answer", async (t) => {
  const { host, mail, mail1 } = await twoExchanges(t);
  await mail.close();
  await send(host, "to the second");
  const [taken] = await mail1.taken(1);
  assert.match(taken!.message.toString(), /^Subject: to the second\r$/m);
});

test("MX 20 takes the mail when MX 10 says not now, at the greeting or later", async (t) => {
  const { host, mail, mail1 } = await twoExchanges(t);
  mail.behaviour.reply = (verb) => (verb === "CONNECT" ? "421 4.3.2 closing for a moment" : undefined);
  await send(host, "one");
  await mail1.taken(1);
  mail.behaviour.reply = (verb) => (verb === "MAIL" ? "451 4.3.0 not now" : undefined);
  await send(host, "two");
  await mail1.taken(2);
});

test("a refusal by MX 10 is final: MX 20 is not asked", async (t) => {
  const { host, mail, mail1 } = await twoExchanges(t);
  mail.behaviour.reply = (verb) => (verb === "RCPT" ? "550 5.1.1 no such user" : undefined);
  await send(host, "refused");
  await host.logged(/to=<ideal@example\.cn>,.* dsn=5\.1\.1,.* stat=User unknown$/);
  assert.equal(mail1.connections, 0);
});
