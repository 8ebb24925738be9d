import assert from "node:assert/strict";
import test from "node:test";
import { type SmtpClient, startInbound } from "./fake-inbound.ts";

/** A message of so many octets, about; the client has said EHLO. */
async function send(client: SmtpClient, octets: number): Promise<void> {
  for (const line of ["MAIL FROM:<a@b.example>", "RCPT TO:<joe@linuxaid.com.cn>", "DATA"])
    assert.match(await client.say(line), /^[23]50|^354/);
  client.write(`\r\n${`${"x".repeat(98)}\r\n`.repeat(Math.ceil(octets / 100))}.\r\n`);
  assert.match(await client.reply(), /^250 /);
}

test("the daemon hears of a message that turns out to be a large one, and of no other", async (t) => {
  const fixture = await startInbound();
  t.after(() => fixture.stop());
  const client = await fixture.client();
  await client.say("EHLO pc9.example");
  await send(client, 400_000);
  assert.equal(fixture.large(), 0);
  await send(client, 1_500_000);
  assert.equal(fixture.large(), 1);
  assert.match(await client.say("QUIT"), /^221 /);
});

test("whoever keeps the loop awake hears of each reply and of all that comes", async (t) => {
  const fixture = await startInbound();
  t.after(() => fixture.stop());
  const { stayAwake } = fixture.listener;
  const told: string[] = [];
  t.mock.method(stayAwake, "answered", () => void told.push("answered"));
  t.mock.method(stayAwake, "came", () => void told.push("came"));
  const client = await fixture.client();
  await client.say("EHLO pc9.example");
  await client.say("MAIL FROM:<a@b.example>");
  await client.say("QUIT");
  // The connection and its greeting, then each command and its reply.
  assert.deepEqual(told, Array.from({ length: 4 }, () => ["came", "answered"]).flat());
});
