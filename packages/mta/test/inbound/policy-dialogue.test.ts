/** What each setting of `policy` does to a session, in Sendmail's words (each was said by an 8.17.1 in the same case). */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { DnsError } from "../../src/dns/resolver.ts";
import { type InboundFixture, type InboundHost, type SmtpClient, startInbound } from "./fake-inbound.ts";

const OUTSIDE = "127.0.0.9";
const LOCAL = "joe@linuxaid.com.cn";

async function over(host: InboundHost, body: (fixture: InboundFixture) => Promise<void>): Promise<void> {
  const fixture = await startInbound(host);
  try {
    await body(fixture);
  } finally {
    for (const connection of fixture.listener.connections) connection._socket.destroy();
    await fixture.stop();
  }
}

/** Says MAIL and RCPT after EHLO; the last reply of the two. */
async function ask(c: SmtpClient, from: string, to: string): Promise<string> {
  await c.say("RSET");
  const mail = await c.say(`MAIL FROM:<${from}>`);
  return mail.startsWith("250") ? c.say(`RCPT TO:<${to}>`) : mail;
}

async function greeted(fixture: InboundFixture, ip = OUTSIDE, helo = "pc.example"): Promise<SmtpClient> {
  const c = await fixture.client(ip);
  await c.say(`EHLO ${helo}`);
  return c;
}

test("QUARANTINE: the message is taken, and carries its reason", async () => {
  const access = {
    "from:odd.example": "QUARANTINE:odd sender",
    "to:trap@linuxaid.com.cn": "QUARANTINE:trap",
  };
  await over({ access, accounts: ["joe", "trap"] }, async (fixture) => {
    const c = await greeted(fixture);
    assert.match(await c.send("a@odd.example", LOCAL, "Subject: x\r\n\r\n"), /^250 2\.0\.0 /);
    assert.match(await c.send("a@b.example", "trap@linuxaid.com.cn", "Subject: x\r\n\r\n"), /^250 2\.0\.0 /);
    assert.match(await c.send("a@b.example", LOCAL, "Subject: x\r\n\r\n"), /^250 2\.0\.0 /);
    assert.deepEqual(
      fixture.stored.map(({ entry }) => entry.quarantine),
      ["odd sender", "trap", undefined],
    );
    for (const line of [
      "Q1: ruleset=check_mail, arg1=<a@odd.example>, relay=[127.0.0.9], quarantine=odd sender",
      "Q2: ruleset=check_rcpt, arg1=<trap@linuxaid.com.cn>, relay=[127.0.0.9], quarantine=trap",
    ])
      assert.ok(fixture.log.includes(line), fixture.log.join("\n"));
  });
});

test("a quarantined recipient is no permission to relay", async () => {
  await over({ access: { "to:far.example": "QUARANTINE:far" } }, async (fixture) => {
    const c = await greeted(fixture);
    assert.match(await ask(c, "a@b.example", "x@far.example"), /^550 5\.7\.1 .*Relaying denied/);
  });
});

test("delayChecks: client and sender are judged at RCPT, friends are spared", async () => {
  const host = {
    settings: "policy: {delayChecks: friend}",
    access: {
      [`connect:${OUTSIDE}`]: "REJECT",
      "from:bad.example": "ERROR:5.7.1:550 not you",
      "from:good.example": "OK",
      "spam:root@linuxaid.com.cn": "FRIEND",
    },
  };
  await over(host, async (fixture) => {
    const c = await greeted(fixture);
    assert.equal(
      await ask(c, "a@b.example", "root@linuxaid.com.cn"),
      "250 2.1.5 <root@linuxaid.com.cn>... Recipient ok",
    );
    assert.equal(await ask(c, "a@b.example", LOCAL), `550 5.7.1 <${LOCAL}>... Access denied`);
    assert.equal(await ask(c, "a@bad.example", LOCAL), `550 5.7.1 <${LOCAL}>... not you`);
    assert.match(await ask(c, "a@good.example", LOCAL), /^250 /);
    assert.ok(
      fixture.log.includes(
        `Q2: ruleset=check_rcpt, arg1=<${LOCAL}>, relay=[127.0.0.9], reject=550 5.7.1 <${LOCAL}>... Access denied`,
      ),
    );
  });
});

test("senders: a domain that DNS does not know, none at all, this host's own", async () => {
  const host: InboundHost = {
    settings: "policy: {acceptUnresolvableDomains: false}",
    access: { "from:listed.example": "OK", "from:robot@": "OK" },
    resolver: {
      a: (name) =>
        name === "slow.example"
          ? Promise.reject(new DnsError("temporary", name))
          : Promise.resolve(name === "there.example" ? ["192.0.2.1"] : []),
    },
  };
  await over(host, async (fixture) => {
    const c = await greeted(fixture);
    assert.match(await ask(c, "a@there.example", LOCAL), /^250 /);
    assert.match(await ask(c, "a@listed.example", LOCAL), /^250 /);
    assert.match(await ask(c, "robot", LOCAL), /^250 /);
    assert.equal(
      await ask(c, "a@gone.example", LOCAL),
      "553 5.1.8 <a@gone.example>... Domain of sender address a@gone.example does not exist",
    );
    assert.equal(
      await ask(c, "a@slow.example", LOCAL),
      "451 4.1.8 Domain of sender address a@slow.example does not resolve",
    );
    assert.equal(
      await ask(c, "root", LOCAL),
      "553 5.5.4 <root>... Domain name required for sender address root",
    );
    assert.equal(
      await ask(c, "root@localhost", LOCAL),
      "553 5.5.4 <root@localhost>... Real domain name required for sender address",
    );
  });
  await over({ settings: "policy: {acceptUnqualifiedSenders: true}" }, async (fixture) => {
    const c = await greeted(fixture);
    assert.match(await ask(c, "root", LOCAL), /^250 /);
    assert.match(await ask(c, "root@localhost", LOCAL), /^250 /);
  });
});

test("rejectMessage, requireReverseName, and the same client with a name", async () => {
  const access = { "127.0.0.8": "REJECT" };
  await over(
    { access, settings: "policy: {rejectMessage: 550 Keep out, requireReverseName: true}" },
    async (fixture) => {
      const c = await greeted(fixture, "127.0.0.8");
      for (const line of ["MAIL FROM:<a@b.example>", "RCPT TO:<joe>", "DATA", "VRFY joe"])
        assert.equal(await c.say(line), "550 5.0.0 Keep out");
      assert.equal(await c.say("NOOP"), "250 2.0.0 OK");
      const nameless = await greeted(fixture);
      assert.equal(await ask(nameless, "a@b.example", LOCAL), "550 5.7.1 Fix reverse DNS for 127.0.0.9");
      assert.ok(
        fixture.log.includes(
          "ruleset=check_relay, arg1=[127.0.0.9], arg2=127.0.0.9, relay=[127.0.0.9], reject=550 5.7.1 Fix reverse DNS for 127.0.0.9",
        ),
        fixture.log.join("\n"),
      );
    },
  );
});

test("dnsbl: listed clients are refused, held or dropped; entries of access and silence let them pass", async () => {
  const resolver: InboundHost["resolver"] = {
    a: (name) =>
      name.endsWith(".slow.example")
        ? Promise.reject(new DnsError("temporary", name))
        : Promise.resolve(name === "9.0.0.127.bl.example" ? ["127.0.0.2"] : []),
  };
  const answers: readonly (readonly [string, Record<string, string>, RegExp])[] = [
    ["[bl.example]", {}, /^550 5\.7\.1 Rejected: 127\.0\.0\.9 listed at bl\.example$/],
    ['["bl.example Mail from $&{client_addr} refused"]', {}, /^553 5\.3\.0 Mail from 127\.0\.0\.9 refused$/],
    [
      '["bl.example 550 see http://bl.example/$&{client_addr}"]',
      {},
      /^550 5\.7\.1 see http:\/\/bl\.example\/127\.0\.0\.9$/,
    ],
    ["[bl.example]", { [OUTSIDE]: "OK" }, /^250 /],
    ["[slow.example]", {}, /^250 /],
    ['["slow.example;t"]', {}, /^451 4\.4\.3 Temporary lookup failure of 127\.0\.0\.9 at slow\.example$/],
    ["[other.example]", {}, /^250 /],
  ];
  for (const [items, access, expected] of answers) {
    await over({ settings: `policy: {dnsbl: ${items}}`, access, resolver }, async (fixture) => {
      assert.match(await ask(await greeted(fixture), "a@b.example", LOCAL), expected);
    });
  }
  await over({ settings: 'policy: {dnsbl: ["bl.example quarantine"]}', resolver }, async (fixture) => {
    const c = await greeted(fixture);
    assert.match(await c.send("a@b.example", LOCAL, "\r\n"), /^250 /);
    assert.equal(fixture.stored[0]!.entry.quarantine, "bl.example");
  });
});

test("blockBadHelo: our names and names without a dot", async () => {
  await over({ settings: "policy: {blockBadHelo: true}" }, async (fixture) => {
    for (const name of ["linuxaid.com.cn", "mail.linuxaid.com.cn", "plain", ".x", "x.", "[192.0.2.25]"]) {
      const c = await greeted(fixture, OUTSIDE, name);
      assert.equal(
        await ask(c, "a@b.example", LOCAL),
        `550 5.7.1 <${LOCAL}>... bogus HELO name used: ${name}`,
      );
    }
    for (const name of ["pc.example", "[1.2.3.4]", "[IPv6:2001:db8::1]"])
      assert.match(await ask(await greeted(fixture, OUTSIDE, name), "a@b.example", LOCAL), /^250 /);
    assert.match(await ask(await greeted(fixture, "127.0.0.1", "plain"), "a@b.example", LOCAL), /^250 /);
  });
});

test("greetPause: who waits is greeted, who talks is refused and logged", async () => {
  const clock = new ManualClock();
  const host = {
    clock,
    settings: "policy: {greetPause: 5s}",
    access: { "greetpause:127.0.0.7": "0" },
  };
  await over(host, async (fixture) => {
    const spared = await fixture.client("127.0.0.7");
    assert.match(spared.greeting, /^220 /);
    const patient = fixture.client(OUTSIDE);
    while (clock.waiting < 3) await new Promise(setImmediate);
    await clock.advance(5000);
    assert.match((await patient).greeting, /^220 /);

    const socket = connect({ host: "127.0.0.1", port: fixture.port, localAddress: "127.0.0.6" });
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (piece: string) => {
      text += piece;
    });
    socket.write("EHLO pc\r\n");
    while (!text.includes("Hello")) await new Promise(setImmediate);
    assert.match(text, /^554 mail\.linuxaid\.com\.cn ESMTP not accepting messages\r\n/);
    socket.write("MAIL FROM:<a@b.example>\r\n");
    while (!text.includes("550")) await new Promise(setImmediate);
    assert.match(text, /\r\n550 5\.0\.0 Command rejected\r\n$/);
    assert.ok(
      fixture.log.includes(
        "rejecting commands from [127.0.0.6] [127.0.0.6] due to pre-greeting traffic after 0 seconds",
      ),
      fixture.log.join("\n"),
    );
    socket.destroy();
  });
});

test("rateControl and connectionControl: limits of access, by address and for all", async () => {
  const host = {
    settings: "policy: {rateControl: true, connectionControl: true}",
    access: {
      "clientconn:127.0.0.5": "1",
      "clientrate:127.0.0.6": "1",
      "clientrate:": "3",
      "clientconn:": "0",
    },
  };
  await over(host, async (fixture) => {
    const first = await greeted(fixture, "127.0.0.5");
    assert.match(await ask(first, "a@b.example", LOCAL), /^250 /);
    const second = await greeted(fixture, "127.0.0.5");
    assert.equal(await ask(second, "a@b.example", LOCAL), "452 4.3.2 Too many open connections.");
    assert.match(await ask(await greeted(fixture, "127.0.0.6"), "a@b.example", LOCAL), /^250 /);
    const again = await greeted(fixture, "127.0.0.6");
    assert.equal(await ask(again, "a@b.example", LOCAL), "452 4.3.2 Connection rate limit exceeded.");
    for (let i = 0; i < 3; i++)
      assert.match(await ask(await greeted(fixture), "a@b.example", LOCAL), /^250 /);
    assert.match(await ask(await greeted(fixture), "a@b.example", LOCAL), /^452 4\.3\.2 Connection rate/);
  });
});

test("connectionRateThrottle: the third within a second waits for the next", async () => {
  const clock = new ManualClock();
  await over({ clock, settings: "policy: {connectionRateThrottle: 2}" }, async (fixture) => {
    await fixture.client();
    await fixture.client();
    const third = fixture.client();
    while (!fixture.log.includes("deferring connections on daemon MTA: 2 per second"))
      await new Promise(setImmediate);
    await clock.advance(1000);
    assert.match((await third).greeting, /^220 /);
  });
});

test("badRecipientThrottle: answers after the second bad recipient take a second", async () => {
  const clock = new ManualClock();
  await over({ clock, settings: "policy: {badRecipientThrottle: 2}" }, async (fixture) => {
    const c = await greeted(fixture, "127.0.0.1");
    await c.say("MAIL FROM:<a@b.example>");
    for (const user of ["x", "y"])
      assert.match(await c.say(`RCPT TO:<${user}@linuxaid.com.cn>`), /^550 5\.1\.1 /);
    const slow = c.say(`RCPT TO:<${LOCAL}>`);
    while (!fixture.log.some((line) => line.includes("Possible SMTP RCPT flood, throttling.")))
      await new Promise(setImmediate);
    await clock.advance(1000);
    assert.match(await slow, /^250 /);
  });
});

test("relayBasedOnMx, relayMailFrom, relayLocalFrom, relayToFullAddress, promiscuousRelay", async () => {
  const resolver: InboundHost["resolver"] = {
    mx: (domain) =>
      domain === "slow.example"
        ? Promise.reject(new DnsError("temporary", domain))
        : Promise.resolve(
            domain === "served.example" ? [{ preference: 10, exchange: "mail.linuxaid.com.cn" }] : [],
          ),
  };
  await over({ settings: "policy: {relayBasedOnMx: true}", resolver }, async (fixture) => {
    const c = await greeted(fixture);
    assert.match(await ask(c, "a@b.example", "x@served.example"), /^250 /);
    assert.match(await ask(c, "a@b.example", "x@far.example"), /^550 5\.7\.1 .*Relaying denied$/);
    assert.equal(
      await ask(c, "a@b.example", "x@slow.example"),
      "450 4.4.0 <x@slow.example>... Can not check MX records for recipient host slow.example",
    );
  });
  const denied = /^550 5\.7\.1 .*Relaying denied$/;
  const cases: readonly (readonly [string, Record<string, string>, string, string, RegExp])[] = [
    [
      "relayMailFrom: address",
      { "from:boss@b.example": "RELAY" },
      "boss@b.example",
      "x@far.example",
      /^250 /,
    ],
    ["relayMailFrom: address", { "from:b.example": "RELAY" }, "boss@b.example", "x@far.example", denied],
    ["relayMailFrom: domain", { "from:b.example": "RELAY" }, "boss@b.example", "x@far.example", /^250 /],
    ["relayMailFrom: domain", { "b.example": "RELAY" }, "boss@b.example", "x@far.example", denied],
    ["relayLocalFrom: true", {}, LOCAL, "x@far.example", /^250 /],
    ["relayLocalFrom: true", {}, "a@b.example", "x@far.example", denied],
    ["relayToFullAddress: true", { "to:x@far.example": "RELAY" }, "a@b.example", "x@far.example", /^250 /],
    ["relayToFullAddress: false", { "to:x@far.example": "RELAY" }, "a@b.example", "x@far.example", denied],
    ["promiscuousRelay: true", {}, "a@b.example", "x@far.example", /^250 /],
    [
      "relayNameErrors: true",
      {},
      "a@b.example",
      "x@far.example",
      /^550 5\.7\.1 <x@far\.example>\.\.\. Relaying denied\. IP name lookup failed \[127\.0\.0\.9\]$/,
    ],
  ];
  for (const [rule, access, from, to, expected] of cases) {
    await over({ settings: `policy: {${rule}}`, access }, async (fixture) => {
      assert.match(await ask(await greeted(fixture), from, to), expected, rule);
    });
  }
});

test("relayNameErrors: a name that does not lead back, and a DNS that does not answer", async () => {
  const answers: readonly (readonly [InboundHost["resolver"], string])[] = [
    [
      { ptr: () => Promise.resolve(["pc.example"]), a: () => Promise.resolve(["192.0.2.1"]) },
      "550 5.7.1 <x@far.example>... Relaying denied. IP name possibly forged [127.0.0.9]",
    ],
    [
      { ptr: (ip) => Promise.reject(new DnsError("temporary", ip)) },
      "450 4.4.0 <x@far.example>... Relaying temporarily denied. Cannot resolve PTR record for 127.0.0.9",
    ],
  ];
  for (const [resolver, expected] of answers) {
    await over(
      { settings: "policy: {relayNameErrors: true}", ...(resolver && { resolver }) },
      async (fixture) => {
        assert.equal(await ask(await greeted(fixture), "a@b.example", "x@far.example"), expected);
      },
    );
  }
});
