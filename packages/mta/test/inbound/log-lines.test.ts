import assert from "node:assert/strict";
import { test } from "node:test";
import { type InboundFixture, type InboundHost, startInbound } from "./fake-inbound.ts";

/** Runs a test body over a listener, which is stopped whatever happens. */
async function over(host: InboundHost, body: (fixture: InboundFixture) => Promise<void>): Promise<void> {
  const fixture = await startInbound(host);
  try {
    await body(fixture);
  } finally {
    for (const connection of fixture.listener.connections) connection._socket.destroy();
    await fixture.stop();
  }
}

/** A client that is neither loopback nor in any network of the tables. */
const OUTSIDE = "127.0.0.9";

test("one transaction has one queue id in all its lines, from MAIL on; the client's refusal has none", async () => {
  const access = { "127.0.0.8": "REJECT" };
  await over({ access }, async (fixture) => {
    const refused = await fixture.client("127.0.0.8");
    await refused.say("HELO pc");
    assert.match(await refused.say("MAIL FROM:<a@b.example>"), /^550 /);
    refused.end();
    const c = await fixture.client(OUTSIDE);
    await c.say("EHLO pc");
    await c.say("MAIL FROM:<given.up@b.example>");
    await c.say("RSET");
    await c.say("MAIL FROM:<a@b.example>");
    await c.say("RCPT TO:<x@far.example>");
    await c.say("RCPT TO:<nobody@linuxaid.com.cn>");
    await c.say("RCPT TO:<joe@linuxaid.com.cn>");
    await c.say("DATA");
    assert.equal(await c.say("\r\nhi\r\n."), "250 2.0.0 Q2 Message accepted for delivery");
    c.end();
    const lines = fixture.log.filter((line) => /^Q\d: |NOQUEUE|ruleset/.test(line));
    assert.deepEqual(
      lines.map((line) => line.split(/,|\.\.\./)[0]),
      [
        "ruleset=check_relay",
        "Q2: ruleset=check_rcpt",
        "Q2: <nobody@linuxaid.com.cn>",
        "Q2: from=<a@b.example>",
      ],
    );
  });
});

test("the log has the sender as it was given, and the size of what came: LF line ends, no trace header", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client("127.0.0.1");
    await c.say("EHLO pc");
    assert.match(await c.send("joe", "joe@linuxaid.com.cn", "Subject: x\r\n\r\nhi\r\n"), /^250 2/);
    c.end();
    const { entry, text } = fixture.stored[0]!;
    assert.equal(entry.sender, "joe@mail.linuxaid.com.cn");
    assert.equal(entry.countedSize, "Subject: x\n\nhi\n".length);
    assert.equal(entry.size, text.length);
    assert.ok(
      fixture.log.some((line) => line.startsWith(`Q1: from=<joe>, size=${entry.countedSize}, class=0, `)),
      fixture.log.join("\n"),
    );
  });
});
