/** Size, hops, recipients: what is over the limit is refused, and the session goes on. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { openSmtp } from "../harness/smtp-client.ts";

test("a message over the size limit is refused, by its announcement and by its bytes", async (t) => {
  const host = await startHost(t, { users: ["wang"], settings: { smtp: { maxMessageSize: "100KiB" } } });
  const client = await openSmtp(host.smtp);
  const announced = await client.command("MAIL FROM:<a@example.net> SIZE=200000");
  assert.match(
    `${announced.code} ${announced.text}`,
    /^552 5\.2\.3 Message size exceeds fixed maximum message size \(102400\)$/,
  );
  const mail = { from: "a@example.net", to: "wang@linuxaid.com.cn" };
  const big = await client.send(mail, mailText("big", `${`${"x".repeat(76)}\r\n`.repeat(2000)}`));
  assert.match(`${big.code} ${big.text}`, /^552 5\.2\.3 /);
  const small = await client.send(mail, mailText("small"));
  assert.equal(small.code, 250, small.text);
  await client.quit();
  const entries = await host.arrived("wang");
  assert.equal(entries.length, 1);
  assert.equal((await host.mailhost(["queue", "list"])).stdout.trim(), "the queue is empty");
});

test("over 30 Received headers is a loop", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const client = await openSmtp(host.smtp);
  const hops = (n: number) =>
    Array.from(
      { length: n },
      (_, i) => `Received: from a${i} by b${i}; Tue, 24 Nov 2026 21:59:01 +0800\r\n`,
    ).join("");
  const mail = { from: "a@example.net", to: "wang@linuxaid.com.cn" };
  const loop = await client.send(mail, hops(31) + mailText("round and round"));
  assert.match(`${loop.code} ${loop.text}`, /^554 5\.4\.6 /);
  // What the body quotes are no hops.
  const quoted = await client.send(mail, mailText("quoted", hops(40)));
  assert.equal(quoted.code, 250, quoted.text);
  const few = await client.send(mail, hops(20) + mailText("few"));
  assert.equal(few.code, 250, few.text);
  await client.quit();
  await host.arrived("wang", 2);
});

test("over maxRecipients is 452, for those beyond it only", async (t) => {
  const host = await startHost(t, { users: ["wang"], settings: { smtp: { maxRecipients: 3 } } });
  const client = await openSmtp(host.smtp);
  await client.command("MAIL FROM:<a@example.net>");
  const codes = [];
  for (const name of ["wang", "root", "bin", "daemon", "wang", "nobody"]) {
    codes.push((await client.command(`RCPT TO:<${name}@linuxaid.com.cn>`)).code);
  }
  assert.deepEqual(codes, [250, 250, 250, 452, 250, 452], "a repeated recipient is no further one");
  await client.quit();
});

test("200 commands in one packet are answered in order, and garbage ends nothing but its own session", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const client = await openSmtp(host.smtp);
  await client.connection.write("NOOP\r\n".repeat(15) + "RSET\r\n".repeat(100));
  for (let i = 0; i < 115; i++) assert.equal((await client.read()).code, 250);
  const hostile = await openSmtp(host.smtp);
  await hostile.connection.write(Buffer.alloc(70_000, 0x41)).catch(() => undefined);
  await hostile.connection.write(Buffer.from([0, 255, 13, 10, 10, 13])).catch(() => undefined);
  hostile.close();
  const reply = await client.send(
    { from: "a@example.net", to: "wang@linuxaid.com.cn" },
    mailText("still there"),
  );
  assert.equal(reply.code, 250);
  await client.quit();
  await host.arrived("wang");
});
