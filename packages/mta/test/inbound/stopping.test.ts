/** What sessions are told and how long they have when the server stops. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startInbound } from "./fake-inbound.ts";

test("stop: an idle session is told, one with a message finishes it", async () => {
  const fixture = await startInbound();
  const idle = await fixture.client();
  const busy = await fixture.client();
  await busy.say("EHLO pc");
  await busy.say("MAIL FROM:<a@b.example>");
  await busy.say("RCPT TO:<joe@linuxaid.com.cn>");
  const stopped = fixture.stop();
  assert.equal(
    await idle.reply(),
    "421 4.3.2 mail.linuxaid.com.cn Service shutting down; closing connection",
  );
  await busy.say("DATA");
  busy.write("\r\nlast\r\n.\r\n");
  assert.match(await busy.reply(), /^250 2\.0\.0 Q1 /);
  assert.match(await busy.reply(), /^421 4\.3\.2/);
  busy.end();
  idle.end();
  await stopped;
  assert.equal(fixture.stored.length, 1);
});

test("stop: a message that does not come to its end in time is not waited for", async () => {
  const fixture = await startInbound();
  const slow = await fixture.client();
  await slow.say("EHLO pc");
  await slow.say("MAIL FROM:<a@b.example>");
  await slow.say("RCPT TO:<joe@linuxaid.com.cn>");
  await slow.say("DATA");
  slow.write("Subject: half\r\n\r\nno");
  const stopped = fixture.listener.stop(100);
  assert.match(await slow.reply(), /^421 /);
  await stopped;
  while (fixture.open() > 0) await new Promise(setImmediate);
  assert.equal(fixture.stored.length, 0);
  slow.end();
});
