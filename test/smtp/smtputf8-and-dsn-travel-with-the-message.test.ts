/** SMTPUTF8, 8BITMIME and DSN are offered, kept in the queue and passed on to hosts that offer them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const ALL = ["PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"];

test("the extensions are offered", async (t) => {
  const host = await startHost(t);
  const client = await openSmtp(host.smtp);
  const hello = await client.command("EHLO client.test");
  const offered = hello.text
    .split("\n")
    .slice(1)
    .map((line) => line.split(" ")[0]);
  for (const name of ["PIPELINING", "SIZE", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"]) {
    assert.ok(offered.includes(name), `${name} among ${offered.join(" ")}`);
  }
  await client.quit();
});

test("SMTPUTF8, BODY and the parameters of DSN reach the next host as given", async (t) => {
  const sink = await startSink("127.0.0.31", 0, { extensions: ALL });
  t.after(() => sink.close());
  const host = await startHost(t, {
    settings: { relay: { port: sink.port } },
    zone: { "example.net": { a: ["127.0.0.31"] }, "xn--fsqu00a.example": { a: ["127.0.0.31"] } },
  });
  const client = await openSmtp(host.smtp);
  const utf8 = (line: string) => client.command(Buffer.from(line, "utf8").toString("latin1"));
  assert.equal(
    (await utf8("MAIL FROM:<王@linuxaid.com.cn> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=QQ314")).code,
    250,
  );
  assert.equal(
    (await utf8("RCPT TO:<朋友@example.net> NOTIFY=SUCCESS,FAILURE ORCPT=utf-8;朋友@example.net")).code,
    250,
  );
  assert.equal((await client.command("DATA")).code, 354);
  assert.equal((await client.data(mailText("通知", "你好\r\n"))).code, 250);
  await client.quit();
  const [taken] = await sink.taken(1);
  assert.match(taken!.mail, /^<王@linuxaid\.com\.cn> .*SMTPUTF8/);
  assert.match(taken!.mail, /BODY=8BITMIME/);
  assert.match(taken!.mail, /RET=HDRS/);
  assert.match(taken!.mail, /ENVID=QQ314/);
  assert.match(taken!.recipients[0]!, /^<朋友@example\.net> .*NOTIFY=SUCCESS,FAILURE/);
  assert.ok(taken!.message.includes("你好\r\n"));
});

test("a message that needs SMTPUTF8 goes back when the next host does not offer it", async (t) => {
  const sink = await startSink("127.0.0.31", 0, { extensions: ["8BITMIME"] });
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { port: sink.port } },
    zone: { "example.net": { a: ["127.0.0.31"] } },
  });
  const client = await openSmtp(host.smtp);
  const rcpt = Buffer.from("RCPT TO:<朋友@example.net>", "utf8").toString("latin1");
  await client.command("MAIL FROM:<wang@linuxaid.com.cn> SMTPUTF8");
  assert.equal((await client.command(rcpt)).code, 250);
  await client.command("DATA");
  assert.equal((await client.data(mailText("needs it"))).code, 250);
  await client.quit();
  const [report] = await host.arrived("wang");
  assert.match(report!.message.toString(), /^Status: 5\.6\.7/m);
  assert.equal(sink.messages.length, 0);
});

test("NOTIFY=SUCCESS is answered with a report of the delivery", async (t) => {
  const host = await startHost(t, { users: ["wang", "li"] });
  const client = await openSmtp(host.smtp);
  const reply = await client.send(
    { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn", rcptParameters: " NOTIFY=SUCCESS" },
    mailText("tell me"),
  );
  assert.equal(reply.code, 250);
  await client.quit();
  const [report] = await host.arrived("li");
  assert.match(report!.message.toString(), /^Action: delivered/m);
  await host.arrived("wang");
});
