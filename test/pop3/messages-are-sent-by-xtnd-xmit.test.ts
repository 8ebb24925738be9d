/** XTND XMIT over a whole host: the message goes through our own sendmail and queue, its user is the sender. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PASSWORD, startHost } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";

test("a message that a POP3 client sends arrives, from its user", async (t) => {
  const host = await startHost(t, { users: ["wang", "li"] });
  const client = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await client.command("XTND XMIT"), "+OK Start sending message.");
  const text = "To: li@linuxaid.com.cn\r\nSubject: sent by POP3\r\n\r\n..a dot\r\nb\r\n";
  assert.equal(await client.command(`${text}.`), "+OK Message sent.");
  await client.quit();
  const [message] = await host.arrived("li", 1);
  assert.ok(message !== undefined);
  assert.match(message.from, /^From wang@mail\.linuxaid\.com\.cn /);
  assert.ok(message.header.includes("From: <wang@mail.linuxaid.com.cn>"));
  assert.ok(message.header.includes("Subject: sent by POP3"));
  assert.match(message.message.toString("latin1"), /\n\n\.a dot\nb\n$/);
});

test("a message for nobody is refused in the words of sendmail", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const client = await loggedIn(host.pop3, "wang", PASSWORD);
  await client.command("XTND XMIT");
  assert.match(await client.command("Subject: x\r\n\r\nx\r\n."), /^-ERR Message not sent: .*recipient/i);
  await client.quit();
});
