/** No message is held whole: forty large ones at once, in through SMTP, into a mailbox and out by POP3, in little memory. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const CONNECTIONS = 40;
const MIB = 1024 ** 2;
const SIZE = 8 * MIB;
/** 320 MiB are under way at once; what a process needs for itself is 60 to 90 MiB. */
const LIMIT = 256 * MIB;
const LINE = Buffer.from(`${"x".repeat(76)}\r\n`);
const PIECE = Buffer.alloc(LINE.length * 1024, LINE);

/** The most memory that a process has had resident (proc(5)), octets. */
function peak(host: MailHost, name: "mta" | "pop3"): number {
  const status = readFileSync(`/proc/${host.pid(name)}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}

test("forty messages of 8 MiB at once", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => openSmtp(host.smtp)));
  for (const client of clients) {
    assert.equal((await client.command("MAIL FROM:<a@example.net>")).code, 250);
    assert.equal((await client.command("RCPT TO:<wang@linuxaid.com.cn>")).code, 250);
    assert.equal((await client.command("DATA")).code, 354);
    await client.connection.write("Subject: large\r\n\r\n");
  }
  // Side by side, so that all are in the middle of their message at the same time.
  for (let sent = 0; sent < SIZE; sent += PIECE.length) {
    await Promise.all(clients.map((client) => client.connection.write(PIECE)));
  }
  const replies = await Promise.all(clients.map((client) => client.data("")));
  assert.deepEqual(new Set(replies.map((reply) => reply.code)), new Set([250]));
  for (const client of clients) client.close();
  await host.logged(/to=<wang@linuxaid\.com\.cn>.* stat=Sent/);
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.ok((await session.count()) > 0);
  assert.ok((await session.retrieve(1)).length > SIZE);
  await session.quit();
  for (const name of ["mta", "pop3"] as const) {
    const most = peak(host, name);
    assert.ok(most < LIMIT, `${name} had ${Math.round(most / MIB)} MiB resident`);
    t.diagnostic(`${name}: ${Math.round(most / MIB)} MiB at most`);
  }
});
