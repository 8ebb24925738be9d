/** PROXY protocol: who calls through a known forwarder is judged by the client's own address, by both servers. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Connection, type Endpoint } from "../harness/connection.ts";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { readReply } from "../harness/smtp-client.ts";

const FORWARDER = "127.0.0.8";
const NETWORK = "127.0.0.1 RELAY\n202.99.11 RELAY\nIPv6:2001:db8 RELAY\n";
const DENIED = "550 5.7.1 <friend@example.com>... Relaying denied";
const OK = "250 2.1.5 <friend@example.com>... Recipient ok";

async function hostBehind(t: TestContext): Promise<MailHost> {
  return startHost(t, {
    users: ["wang"],
    settings: { smtp: { proxyProtocol: [FORWARDER] }, pop3: { proxyProtocol: [FORWARDER] } },
    files: { "etc/mail/access": NETWORK },
  });
}

async function forwarded(to: Endpoint, client: string, from = FORWARDER): Promise<Connection> {
  const connection = await Connection.open(to, { from });
  const family = client.includes(":") ? "TCP6" : "TCP4";
  await connection.write(`PROXY ${family} ${client} ${family === "TCP6" ? "::1" : "10.0.0.1"} 40000 25\r\n`);
  return connection;
}

/** What RCPT to another domain is answered on port 25. */
async function rcpt(host: MailHost, client: string, from?: string): Promise<string> {
  const connection = await forwarded(host.smtp, client, from);
  await readReply(connection);
  let last = { code: 0, text: "" };
  for (const line of ["EHLO client.test", "MAIL FROM:<a@example.net>", "RCPT TO:<friend@example.com>"]) {
    await connection.write(`${line}\r\n`);
    do last = await readReply(connection);
    while (last.code === 500);
  }
  connection.close();
  return `${last.code} ${last.text}`;
}

test("access decides about the client behind the forwarder, by IPv4 and by IPv6 network", async (t) => {
  const host = await hostBehind(t);
  assert.equal(await rcpt(host, "202.99.11.7"), OK);
  assert.equal(await rcpt(host, "202.99.111.7"), DENIED, "whole octets");
  assert.equal(await rcpt(host, "2001:db8:5::7"), OK);
  assert.equal(await rcpt(host, "2001:db80:5::7"), DENIED, "whole groups");
  assert.equal(await rcpt(host, "127.0.0.9"), DENIED);
  await host.logged(/relay=\[IPv6:2001:db80:5:0:0:0:0:7\].*Relaying denied/);
});

test("nobody else's header is believed", async (t) => {
  const host = await hostBehind(t);
  assert.equal(await rcpt(host, "202.99.11.7", "127.0.0.9"), DENIED);
});

test("DRAC opens the relay for the client behind the forwarder, not for the forwarder", async (t) => {
  const host = await hostBehind(t);
  assert.equal(await rcpt(host, "2001:db9::77"), DENIED);
  const session = await forwarded(host.pop3, "2001:db9::77");
  await session.write(`USER wang\r\nPASS ${PASSWORD}\r\nQUIT\r\n`);
  for (let i = 0; i < 4; i++) assert.match(await session.readText(), /^\+OK/);
  session.close();
  assert.equal(await rcpt(host, "2001:db9::77"), OK);
  assert.equal(await rcpt(host, FORWARDER), DENIED);
  const traced = await host.mailhost(["trace", "--from-ip", "2001:db9::77", "friend@example.com"]);
  assert.match(traced.stdout, /^drac: 2001:db9::77 may relay until \S+ \(user wang\)$/m);
});
