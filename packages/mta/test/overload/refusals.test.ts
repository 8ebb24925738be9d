/** What clients are told while there is too much mail, by whom they are and what they have begun. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Level } from "../../src/overload/levels.ts";
import type { Overload } from "../../src/overload/overload.ts";
import { reply } from "../../src/policy/reply.ts";
import { type InboundFixture, type InboundHost, startInbound } from "../inbound/fake-inbound.ts";

/** Neither loopback nor in any network of the tables. */
const OUTSIDE = "127.0.0.9";
const LAN = "127.0.0.2";
const CONTENT = "Subject: x\r\n\r\nx\r\n";

interface Switch {
  level: Level;
}

async function over(host: InboundHost, body: (fixture: InboundFixture, at: Switch) => Promise<void>) {
  const fixture = await startInbound({ access: { "127.0.0.2": "RELAY" }, ...host });
  const at: Switch = { level: "none" };
  const refuse = (code: 421 | 451) => (isOurs: () => boolean) =>
    at.level === "all" || (at.level === "others" && !isOurs())
      ? reply(code, "4.3.2", "Too busy; try again later")
      : undefined;
  const overload: Partial<Overload> = {
    refusesConnection: refuse(421),
    refusesMail: refuse(451),
    slowDown: () => undefined,
  };
  Object.assign(fixture.listener.inbound, { overload });
  try {
    await body(fixture, at);
  } finally {
    for (const connection of fixture.listener.connections) connection._socket.destroy();
    await fixture.stop();
  }
}

test("strangers are refused first: at once, without a session", async () => {
  await over({}, async (fixture, at) => {
    at.level = "others";
    const stranger = await fixture.client(OUTSIDE);
    assert.equal(stranger.greeting, "421 4.3.2 mail.linuxaid.com.cn Too busy; try again later");
    assert.equal(await stranger.reply(), "", "the connection is closed");
    assert.equal(fixture.listener.connections.size, 0);
    const lan = await fixture.client(LAN);
    assert.match(lan.greeting, /^220 /);
    await lan.say("EHLO pc9.example");
    assert.match(await lan.send("a@linuxaid.com.cn", "joe@linuxaid.com.cn", CONTENT), /^250 /);
    at.level = "all";
    assert.match((await fixture.client(LAN)).greeting, /^421 4\.3\.2 /);
    assert.equal(await lan.say("MAIL FROM:<a@linuxaid.com.cn>"), "451 4.3.2 Too busy; try again later");
    at.level = "none";
    assert.match((await fixture.client(OUTSIDE)).greeting, /^220 /);
  });
});

test("a message under way is taken, the next one of the session is not, and may come later", async () => {
  await over({}, async (fixture, at) => {
    const client = await fixture.client(OUTSIDE);
    await client.say("EHLO mx.example");
    await client.say("MAIL FROM:<a@b.example>");
    at.level = "others";
    assert.match(await client.say("RCPT TO:<joe@linuxaid.com.cn>"), /^250 /);
    assert.match(await client.say("DATA"), /^354 /);
    client.write(`${CONTENT}.\r\n`);
    assert.match(await client.reply(), /^250 /);
    assert.equal(await client.say("MAIL FROM:<a@b.example>"), "451 4.3.2 Too busy; try again later");
    assert.match(await client.say("RCPT TO:<joe@linuxaid.com.cn>"), /^503 /);
    at.level = "none";
    assert.match(await client.send("a@b.example", "joe@linuxaid.com.cn", CONTENT), /^250 /);
    assert.equal(fixture.stored.length, 2);
  });
});

test("who submits is refused last", async () => {
  await over({ kind: "submission" }, async (fixture, at) => {
    at.level = "others";
    const user = await fixture.client(OUTSIDE);
    assert.match(user.greeting, /^220 /);
    at.level = "all";
    assert.match((await fixture.client(OUTSIDE)).greeting, /^421 /);
    user.end();
  });
});

test("who has been talking already hears it all the same, and who does not hang up is cut off", async () => {
  await over({}, async (fixture, at) => {
    at.level = "all";
    const clients = await Promise.all(Array.from({ length: 300 }, () => fixture.client(OUTSIDE)));
    assert.deepEqual(new Set(clients.map(({ greeting }) => greeting.slice(0, 9))), new Set(["421 4.3.2"]));
    for (const client of clients) client.write("EHLO mx.example\r\n");
    await Promise.all(clients.map((client) => client.reply()));
    assert.ok(clients.every(({ closed }) => closed));
  });
});
