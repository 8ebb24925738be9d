/** Port 587 takes mail from RELAY networks only and completes a header; port 25 adds nothing but Received. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint } from "../harness/connection.ts";
import { LAN, type MailHost, OUTSIDE, startHost } from "../harness/host.ts";
import type { MboxEntry } from "../harness/mbox-reader.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

/** Delivers a message over a port and returns what came of it, without Return-Path and Received. */
async function through(host: MailHost, port: Endpoint, message: string, count: number): Promise<string> {
  const mail = { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
  const reply = await sendMail(port, mail, message, { from: LAN });
  assert.equal(reply.code, 250, reply.text);
  const entries: MboxEntry[] = await host.arrived("wang", count);
  return entries[count - 1]!.message.toString().replace(/^Return-Path: .*\nReceived: .*\n([ \t].+\n)*/, "");
}

test("who is on no RELAY network must authenticate on the submission port, DRAC or not", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const client = await openSmtp(host.submission, { from: OUTSIDE });
  const reply = await client.command("MAIL FROM:<wang@linuxaid.com.cn>");
  assert.equal(`${reply.code} ${reply.text}`, "530 5.7.0 Authentication required");
  await client.quit();
  const lan = await openSmtp(host.submission, { from: LAN });
  assert.equal((await lan.command("MAIL FROM:<wang@linuxaid.com.cn>")).code, 250);
  await lan.quit();
});

test("Date, Message-ID and From are added to submissions that lack them, and to nothing else", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const bare = "Subject: bare\r\n\r\nbody\r\n";
  assert.equal(await through(host, host.smtp, bare, 1), "Subject: bare\n\nbody\n");
  assert.match(
    await through(host, host.submission, bare, 2),
    /^Subject: bare\nDate: \w{3}, \d{1,2} \w{3} \d{4} [\d:]{8} [+-]\d{4}\nMessage-ID: <\S+@mail\.linuxaid\.com\.cn>\nFrom: <li@linuxaid\.com\.cn>\n\nbody\n$/,
  );
  const whole =
    "Date: Tue, 24 Nov 2026 21:59:01 +0800\r\nMESSAGE-ID: <mine@client>\r\nFROM: li\r\n\r\nbody\r\n";
  assert.equal(await through(host, host.submission, whole, 3), whole.replaceAll("\r", ""));
});

test("a message with no header gets an empty line before its body", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  assert.equal(await through(host, host.smtp, "no header at all\r\n", 1), "\nno header at all\n");
  assert.match(
    await through(host, host.submission, "no header at all\r\n", 2),
    /^Date: .*\nMessage-ID: .*\nFrom: .*\n\nno header at all\n$/,
  );
});
