import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
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

test("a whole session, in Sendmail's words", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client();
    assert.match(
      c.greeting,
      /^220 mail\.linuxaid\.com\.cn ESMTP mailhost; \w{3}, \d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/,
    );
    const ehlo = (await c.say("EHLO pc9.example")).split("\r\n");
    assert.equal(ehlo[0], "250-mail.linuxaid.com.cn Hello localhost [127.0.0.1], pleased to meet you");
    assert.deepEqual(
      ehlo.slice(1).map((l) => l.slice(4)),
      ["ENHANCEDSTATUSCODES", "PIPELINING", "8BITMIME", "SIZE 26214400", "DSN", "ETRN", "SMTPUTF8", "HELP"],
    );
    assert.equal(
      await c.say("MAIL FROM:<a@b.example> SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x+2By"),
      "250 2.1.0 <a@b.example>... Sender ok",
    );
    assert.equal(
      await c.say("RCPT TO:<Joe@linuxaid.com.cn> NOTIFY=FAILURE,DELAY ORCPT=rfc822;Joe+40x"),
      "250 2.1.5 <Joe@linuxaid.com.cn>... Recipient ok",
    );
    assert.equal(await c.say("DATA"), "354 End data with <CR><LF>.<CR><LF>");
    c.write("Message-ID: <m@b.example>\r\nSubject: x\r\n\r\nhello\r\n..dot\r\n.\r\n");
    assert.equal(await c.reply(), "250 2.0.0 Q1 Message accepted for delivery");
    assert.equal(await c.say("QUIT"), "221 2.0.0 mail.linuxaid.com.cn closing connection");
    assert.equal(await c.reply(), "");
    const [message] = fixture.stored;
    assert.match(
      message!.text,
      /^Received: from pc9\.example \(localhost \[127\.0\.0\.1\]\)\r\n\tby mail\.linuxaid\.com\.cn \(mailhost\) with ESMTP id Q1\r\n\tfor <Joe@linuxaid\.com\.cn>;\r\n\t[^\r\n]+\r\nMessage-ID: <m@b\.example>\r\nSubject: x\r\n\r\nhello\r\n\.dot\r\n$/,
    );
    const { entry } = message!;
    assert.deepEqual(fixture.submitted, [entry]);
    assert.equal(entry.sender, "a@b.example");
    assert.equal(entry.bodyType, "8BITMIME");
    assert.equal(entry.dsnReturn, "HDRS");
    assert.equal(entry.envelopeId, "x+y");
    assert.equal(entry.messageId, "<m@b.example>");
    assert.deepEqual(entry.recipients, [
      {
        address: "Joe@linuxaid.com.cn",
        target: { kind: "mailbox", name: "joe" },
        originalRecipient: "rfc822;Joe@x",
        notify: ["FAILURE", "DELAY"],
        state: "pending",
      },
    ]);
    assert.ok(
      fixture.log.some((l) =>
        /^Q1: from=<a@b\.example>, size=\d+, class=0, nrcpts=1, msgid=<m@b\.example>, .*relay=localhost \[127\.0\.0\.1\]$/.test(
          l,
        ),
      ),
      fixture.log.join("\n"),
    );
  });
});

test("commands in the wrong order, unknown ones, and the harmless ones", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client();
    assert.equal(await c.say("MAIL FROM:<a@b.example>"), "503 5.0.0 Polite people say HELO first");
    assert.equal(
      await c.say("HELO pc"),
      "250 mail.linuxaid.com.cn Hello localhost [127.0.0.1], pleased to meet you",
    );
    assert.equal(await c.say("RCPT TO:<a@b.example>"), "503 5.0.0 Need MAIL before RCPT");
    assert.equal(await c.say("DATA"), "503 5.0.0 Need MAIL command");
    assert.equal(await c.say("MAIL FROM:<>"), "250 2.1.0 <>... Sender ok");
    assert.equal(await c.say("MAIL FROM:<a@b.example>"), "503 5.5.0 Sender already specified");
    assert.equal(await c.say("DATA"), "503 5.0.0 Need RCPT (recipient)");
    assert.equal(await c.say("RSET"), "250 2.0.0 Reset state");
    assert.equal(await c.say("NOOP x"), "250 2.0.0 OK");
    assert.equal(
      await c.say("VRFY joe"),
      "252 2.5.2 Cannot VRFY user; try RCPT to attempt delivery (or try finger)",
    );
    assert.equal(await c.say("EXPN staff"), "502 5.7.0 Sorry, we do not allow this operation");
    assert.equal(await c.say("AUTH PLAIN AAAA"), "503 5.3.3 AUTH not available");
    c.end();
    const d = await fixture.client();
    for (const word of ["WIZ", "SHELL", "KILL", "CONSTRUCTOR", "GET / HTTP/1.1"]) {
      assert.equal(await d.say(word), `500 5.5.1 Command unrecognized: "${word}"`);
    }
    d.end();
  });
});

test("who may relay: loopback and RELAY networks; everyone else is denied, and logged", async () => {
  const host = { access: { "127.0.0.7": "RELAY" } };
  await over(host, async (fixture) => {
    for (const [ip, answer] of [
      ["127.0.0.1", "250 2.1.5 <x@far.example>... Recipient ok"],
      ["127.0.0.7", "250 2.1.5 <x@far.example>... Recipient ok"],
      [OUTSIDE, "550 5.7.1 <x@far.example>... Relaying denied"],
    ] as const) {
      const c = await fixture.client(ip);
      await c.say("EHLO pc");
      await c.say("MAIL FROM:<a@b.example>");
      assert.equal(await c.say("RCPT TO:<x@far.example>"), answer);
      c.end();
    }
    assert.ok(
      fixture.log.includes(
        "Q3: ruleset=check_rcpt, arg1=<x@far.example>, relay=[127.0.0.9], reject=550 5.7.1 <x@far.example>... Relaying denied",
      ),
      fixture.log.join("\n"),
    );
  });
});

test("an unknown user is refused at RCPT, postmaster needs no domain", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client(OUTSIDE);
    await c.say("EHLO pc");
    await c.say("MAIL FROM:<a@b.example>");
    assert.equal(
      await c.say("RCPT TO:<nobody@linuxaid.com.cn>"),
      "550 5.1.1 <nobody@linuxaid.com.cn>... User unknown",
    );
    assert.equal(await c.say("RCPT TO:<Postmaster>"), "250 2.1.5 <Postmaster>... Recipient ok");
    assert.equal(
      await c.say("RCPT TO:<x%far.example@linuxaid.com.cn>"),
      "550 5.7.1 <x%far.example@linuxaid.com.cn>... Relaying denied",
    );
    assert.equal(
      await c.say("RCPT TO:<@linuxaid.com.cn:x@far.example>"),
      "550 5.7.1 <x@far.example>... Relaying denied",
    );
    c.end();
  });
});

test("REJECT for a client or a sender, DISCARD for a message", async () => {
  const access = {
    [OUTSIDE]: "REJECT",
    "spam.example": "REJECT",
    "drop.example": "DISCARD",
    "rude@x.example": "ERROR:5.7.1:550 no",
  };
  await over({ access }, async (fixture) => {
    const rejected = await fixture.client(OUTSIDE);
    await rejected.say("EHLO pc");
    assert.equal(await rejected.say("MAIL FROM:<a@b.example>"), "550 5.7.1 Access denied");
    assert.equal(await rejected.say("RCPT TO:<joe@linuxaid.com.cn>"), "550 5.7.1 Access denied");
    assert.equal(await rejected.say("NOOP"), "250 2.0.0 OK");
    rejected.end();
    const c = await fixture.client("127.0.0.8");
    await c.say("EHLO pc");
    assert.equal(await c.say("MAIL FROM:<a@spam.example>"), "550 5.7.1 <a@spam.example>... Access denied");
    assert.equal(await c.say("MAIL FROM:<rude@x.example>"), "550 5.7.1 <rude@x.example>... no");
    assert.equal(
      await c.send("a@drop.example", "joe@linuxaid.com.cn", "Subject: x\r\n\r\n"),
      "250 2.0.0 Q3 Message accepted for delivery",
    );
    assert.deepEqual(fixture.stored, []);
    assert.equal(fixture.open(), 0);
    assert.ok(fixture.log.some((l) => /Q3: from=<a@drop\.example>, size=\d+, class=0, nrcpts=1,/.test(l)));
    assert.ok(fixture.log.some((l) => l.endsWith("Q3: discarded")));
    c.end();
  });
});

test("the submission port: RELAY networks only, Date, Message-ID and From are added", async () => {
  const host: InboundHost = { kind: "submission", access: { "127.0.0.7": "RELAY" }, drac: [OUTSIDE] };
  await over(host, async (fixture) => {
    const outside = await fixture.client(OUTSIDE);
    await outside.say("EHLO pc");
    assert.equal(await outside.say("MAIL FROM:<a@b.example>"), "530 5.7.0 Authentication required");
    outside.end();
    const c = await fixture.client("127.0.0.7");
    await c.say("EHLO pc");
    assert.match(await c.send("a@b.example", "x@far.example", "Subject: x\r\n\r\nbody\r\n"), /^250 /);
    const { text, entry } = fixture.stored[0]!;
    assert.match(
      text,
      /\r\nSubject: x\r\nDate: [^\r\n]+\r\nMessage-ID: <Q2@mail\.linuxaid\.com\.cn>\r\nFrom: <a@b\.example>\r\n\r\nbody\r\n$/,
    );
    assert.equal(entry.messageId, "<Q2@mail.linuxaid.com.cn>");
    assert.deepEqual(entry.recipients[0]!.target, { kind: "remote", domain: "far.example" });
    c.end();
  });
});

test("a POP-before-SMTP client relays, and its permission is renewed by an accepted message only", async () => {
  await over({ drac: [OUTSIDE] }, async (fixture) => {
    const c = await fixture.client(OUTSIDE);
    await c.say("EHLO pc");
    await c.say("MAIL FROM:<a@b.example>");
    await c.say("RCPT TO:<x@far.example>");
    assert.deepEqual(fixture.recorded, []);
    await c.say("RSET");
    assert.match(await c.send("a@b.example", "x@far.example", "\r\nbody\r\n"), /^250 /);
    assert.deepEqual(fixture.recorded, [`${OUTSIDE} roamer`]);
    c.end();
  });
});

test("too large: said at MAIL, and while the message comes in", async () => {
  await over({ settings: "smtp: {maxMessageSize: 2KiB}" }, async (fixture) => {
    const c = await fixture.client();
    await c.say("EHLO pc");
    assert.equal(
      await c.say("MAIL FROM:<a@b.example> SIZE=2049"),
      "552 5.2.3 Message size exceeds fixed maximum message size (2048)",
    );
    const refused = await c.send(
      "a@b.example",
      "joe@linuxaid.com.cn",
      `\r\n${`${"x".repeat(70)}\r\n`.repeat(3000)}`,
    );
    assert.equal(refused, "552 5.2.3 Message exceeds maximum fixed size (2048)");
    assert.deepEqual([fixture.stored.length, fixture.open()], [0, 0]);
    assert.match(await c.send("a@b.example", "joe@linuxaid.com.cn", "\r\nsmall\r\n"), /^250 /);
    c.end();
  });
});

test("a loop: 31 Received headers are refused, 30 are not", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client();
    await c.say("EHLO pc");
    const message = (hops: number) => `${"Received: from x\r\n\tby y\r\n".repeat(hops)}\r\nbody\r\n`;
    assert.match(await c.send("a@b.example", "joe@linuxaid.com.cn", message(30)), /^250 /);
    assert.equal(
      await c.send("a@b.example", "joe@linuxaid.com.cn", message(31)),
      "554 5.4.6 Too many hops 31 (30 max): from <a@b.example> via localhost, to <joe@linuxaid.com.cn>",
    );
    assert.deepEqual([fixture.stored.length, fixture.open()], [1, 0]);
    c.end();
  });
});

test("one large list under many names does not fill memory", async () => {
  const huge = Array.from({ length: 9999 }, (_, i) => ({
    kind: "address" as const,
    address: `m${i}@far.example`,
  }));
  await over({ aliases: { huge } }, async (fixture) => {
    const c = await fixture.client();
    await c.say("EHLO pc");
    await c.say("MAIL FROM:<a@b.example>");
    const answers: string[] = [];
    for (let i = 0; i < 8; i++) answers.push(await c.say(`RCPT TO:<huge+${i}@linuxaid.com.cn>`));
    assert.match(answers[0]!, /^250 /);
    assert.equal(answers.at(-1), "452 4.5.3 Too many recipients");
    c.end();
  });
});

test("too many recipients; a repeated one is no new one; the expanded list holds everybody once", async () => {
  const aliases = {
    staff: [
      { kind: "local", name: "joe", final: false },
      { kind: "address", address: "x@far.example" },
    ],
  } as const;
  await over({ settings: "smtp: {maxRecipients: 2}", aliases }, async (fixture) => {
    const c = await fixture.client();
    await c.say("EHLO pc");
    await c.say("MAIL FROM:<a@b.example>");
    assert.match(await c.say("RCPT TO:<staff@linuxaid.com.cn>"), /^250/);
    assert.match(await c.say("RCPT TO:<joe@linuxaid.com.cn>"), /^250/);
    assert.match(await c.say("RCPT TO:<JOE@linuxaid.com.cn>"), /^250/);
    assert.equal(await c.say("RCPT TO:<root@linuxaid.com.cn>"), "452 4.5.3 Too many recipients");
    await c.say("DATA");
    c.write("\r\nbody\r\n.\r\n");
    assert.match(await c.reply(), /^250/);
    const { entry, text } = fixture.stored[0]!;
    assert.deepEqual(
      entry.recipients.map((r) => [r.address, r.givenAs]),
      [
        ["x@far.example", "staff@linuxaid.com.cn"],
        ["joe@mail.linuxaid.com.cn", "staff@linuxaid.com.cn"],
      ],
    );
    assert.doesNotMatch(text, /for </);
    c.end();
  });
});

test("a disk that is full or broken: 452 or 451, nothing left behind, the session goes on", async () => {
  for (const [on, code, answer] of [
    ["write", "ENOSPC", "452 4.3.1 Insufficient disk space; try again later"],
    ["commit", "EDQUOT", "452 4.3.1 Insufficient disk space; try again later"],
    ["write", "EIO", "451 4.3.0 Message could not be stored; try again later"],
    ["commit", "EIO", "451 4.3.0 Message could not be stored; try again later"],
  ] as const) {
    await over({ fault: { on, code } }, async (fixture) => {
      const c = await fixture.client();
      await c.say("EHLO pc");
      assert.equal(
        await c.send("a@b.example", "joe@linuxaid.com.cn", `\r\n${"x\r\n".repeat(50_000)}`),
        answer,
      );
      assert.equal(fixture.open(), 0);
      assert.deepEqual(fixture.submitted, []);
      assert.equal(await c.say("NOOP"), "250 2.0.0 OK");
      c.end();
    });
  }
});

test("a client that goes away in the middle leaves nothing", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client();
    await c.say("EHLO pc");
    await c.say("MAIL FROM:<a@b.example>");
    await c.say("RCPT TO:<joe@linuxaid.com.cn>");
    await c.say("DATA");
    c.write(`Subject: x\r\n\r\n${"x\r\n".repeat(1000)}`);
    c.end();
    while (fixture.open() > 0) await new Promise(setImmediate);
    assert.deepEqual(fixture.stored, []);
    while (!fixture.log.some((l) => l.startsWith("Q1: lost input channel from localhost [127.0.0.1]"))) {
      await new Promise(setImmediate);
    }
  });
});

test("everything pipelined in one packet, several messages", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client();
    const one =
      "MAIL FROM:<a@b.example>\r\nRCPT TO:<joe@linuxaid.com.cn>\r\nRCPT TO:<no@linuxaid.com.cn>\r\nDATA\r\n\r\nbody\r\n.\r\n";
    c.write(`EHLO pc\r\n${one}${one}QUIT\r\n`);
    const codes: string[] = [];
    for (let reply = await c.reply(); reply !== ""; reply = await c.reply()) codes.push(reply.slice(0, 3));
    assert.deepEqual(codes, [
      "250",
      "250",
      "250",
      "550",
      "354",
      "250",
      "250",
      "250",
      "550",
      "354",
      "250",
      "221",
    ]);
    assert.equal(fixture.stored.length, 2);
  });
});

test("bare LF is a line end and never the end of the message", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client();
    await c.say("EHLO pc");
    const reply = await c.send(
      "a@b.example",
      "joe@linuxaid.com.cn",
      "Subject: x\n\none\n.\r\nMAIL FROM:<evil@x.example>\r\ntwo\n.\n\r\n",
    );
    assert.match(reply, /^250 /);
    assert.equal(fixture.stored.length, 1);
    assert.ok(
      fixture.stored[0]!.text.endsWith(
        "Subject: x\r\n\r\none\r\n.\r\nMAIL FROM:<evil@x.example>\r\ntwo\r\n.\r\n\r\n",
      ),
    );
    c.end();
  });
});

test("a megabyte passes in small pieces, octet for octet", async () => {
  await over({}, async (fixture) => {
    const c = await fixture.client();
    await c.say("EHLO pc");
    const body = Array.from(
      { length: 20_000 },
      (_, i) => `${i % 3 === 0 ? "." : ""}line ${i} \xe4\xf6\0`,
    ).join("\r\n");
    const reply = await c.send(
      "a@b.example",
      "joe@linuxaid.com.cn",
      `X: y\r\n\r\n${body.replace(/^\./gm, "..")}\r\n`,
    );
    assert.match(reply, /^250 /);
    assert.ok(fixture.stored[0]!.text.endsWith(`\r\nX: y\r\n\r\n${body}\r\n`));
    assert.ok(fixture.longestPiece() <= 128 * 1024);
    c.end();
  });
});

test("nonsense slows a session down and ends it", async () => {
  const clock = new ManualClock();
  await over({ clock }, async (fixture) => {
    const c = await fixture.client();
    for (let i = 0; i < 10; i += 1) assert.match(await c.say("FOO"), /^500 5\.5\.1/);
    c.write("FOO\r\n");
    while (clock.waiting < 2) await new Promise(setImmediate);
    await clock.advance(1000);
    assert.match(await c.reply(), /^500 5\.5\.1/);
    for (let i = 11; i < 24; i += 1) {
      c.write("FOO\r\n");
      while (clock.waiting < 2) await new Promise(setImmediate);
      await clock.advance(30_000);
      assert.match(await c.reply(), /^500/);
    }
    assert.equal(
      await c.say("FOO"),
      "421 4.7.0 mail.linuxaid.com.cn Too many bad commands; closing connection",
    );
    assert.equal(await c.reply(), "");
  });
});

test("too many sessions: in all, and from one address that is not trusted", async () => {
  await over({ settings: "smtp: {maxConnections: 4, maxConnectionsPerClient: 1}" }, async (fixture) => {
    const first = await fixture.client(OUTSIDE);
    const second = await fixture.client(OUTSIDE);
    assert.equal(
      second.greeting,
      "421 4.3.2 mail.linuxaid.com.cn Too many open connections from [127.0.0.9]; try again later",
    );
    const ours = [await fixture.client(), await fixture.client(), await fixture.client()];
    assert.ok(ours.every((c) => c.greeting.startsWith("220")));
    assert.match(
      (await fixture.client("127.0.0.8")).greeting,
      /^421 4\.3\.2 .*Too many open connections; try again later$/,
    );
    await first.say("QUIT");
    await first.reply();
    first.end();
    let again = await fixture.client(OUTSIDE);
    while (!again.greeting.startsWith("220")) again = await fixture.client(OUTSIDE);
    for (const c of [again, ...ours]) c.end();
  });
});

test("a client's name: confirmed, forged, and one that keeps the DNS waiting", async () => {
  const clock = new ManualClock();
  const resolver = {
    ptr: (ip: string) =>
      ip === "127.0.0.6"
        ? new Promise<string[]>(() => undefined)
        : Promise.resolve([`pc${ip.slice(-1)}.example`]),
    a: (name: string) => Promise.resolve(name === "pc8.example" ? ["127.0.0.8"] : ["192.0.2.1"]),
  };
  const relayDomains = ["example"];
  await over({ clock, resolver, relayDomains }, async (fixture) => {
    const answers: string[] = [];
    for (const ip of ["127.0.0.8", "127.0.0.9", "127.0.0.6"]) {
      const c = await fixture.client(ip);
      c.write("EHLO pc\r\n");
      if (ip === "127.0.0.6") {
        // The sessions before are gone, and with them their deadlines; ours and the wait for the name are left.
        while (fixture.listener.connections.size > 1 || clock.waiting < 2) await new Promise(setImmediate);
        await clock.advance(1000);
      }
      await c.reply();
      await c.say("MAIL FROM:<a@b.test>");
      answers.push(await c.say("RCPT TO:<x@far.test>"));
      if (ip === "127.0.0.8") {
        await c.say("DATA");
        c.write("\r\n.\r\n");
        await c.reply();
      }
      c.end();
    }
    assert.deepEqual(
      answers.map((a) => a.slice(0, 3)),
      ["250", "550", "550"],
    );
    assert.match(fixture.stored[0]!.text, /^Received: from pc \(pc8\.example \[127\.0\.0\.8\]\)/);
    assert.ok(
      fixture.log.some((l) => l.includes("relay=pc9.example [127.0.0.9] (may be forged)")),
      fixture.log.join("\n"),
    );
  });
});

test("the container's gateway is named in the log and does not relay", async () => {
  await over({ access: { "127": "RELAY" }, gateways: [OUTSIDE] }, async (fixture) => {
    const c = await fixture.client(OUTSIDE);
    await c.say("EHLO pc");
    await c.say("MAIL FROM:<a@b.example>");
    assert.match(await c.say("RCPT TO:<x@far.example>"), /Relaying denied/);
    assert.ok(fixture.log.some((l) => l.startsWith("connection from the container gateway [127.0.0.9]")));
    c.end();
  });
});

test("the PROXY header of a known forwarder names the client", async () => {
  await over(
    { settings: 'smtp: {proxyProtocol: ["127.0.0.5"]}', access: { "203.0.113.9": "REJECT" } },
    async (fixture) => {
      const { connect } = await import("node:net");
      const socket = connect({ host: "127.0.0.1", port: fixture.port, localAddress: "127.0.0.5" });
      socket.setEncoding("latin1");
      let text = "";
      socket.on("data", (piece: string) => {
        text += piece;
      });
      socket.write("PROXY TCP4 203.0.113.9 192.0.2.25 4711 25\r\nEHLO pc\r\nMAIL FROM:<a@b.example>\r\n");
      while (!text.includes("550 5.7.1 Access denied")) await new Promise(setImmediate);
      assert.match(text, /Hello \[203\.0\.113\.9\], pleased/);
      socket.destroy();
    },
  );
});

test("a forwarder that the settings name no longer is a client like any other", async () => {
  await over({ settings: 'smtp: {proxyProtocol: ["127.0.0.5"]}' }, async (fixture) => {
    fixture.listener.update(parseSettings("", "mailhost.yaml"));
    const c = await fixture.client("127.0.0.5");
    assert.match(await c.say("PROXY TCP4 127.0.0.1 192.0.2.25 4711 25"), /^500 5\.5\.1 /);
    assert.match(await c.say("EHLO pc"), /Hello \[127\.0\.0\.5\]/);
  });
});

test("STARTTLS: what was pipelined behind it is dropped, the session begins anew", async () => {
  const { default: tlsOptions } = await import("smtp-server/lib/tls-options.js");
  const { cert, key } = tlsOptions({}) as { cert: string; key: string };
  await over({ tls: { cert: Buffer.from(cert), key: Buffer.from(key) } }, async (fixture) => {
    const { connect: connectTls } = await import("node:tls");
    const c = await fixture.client();
    assert.match(await c.say("EHLO pc"), /\r\n250-STARTTLS\r\n/);
    c.write("STARTTLS\r\nMAIL FROM:<injected@x.example>\r\n");
    assert.equal(await c.reply(), "220 2.0.0 Ready to start TLS");
    c.socket.removeAllListeners("data");
    const secure = connectTls({ socket: c.socket, rejectUnauthorized: false });
    let text = "";
    secure.setEncoding("latin1");
    secure.on("data", (piece: string) => {
      text += piece;
    });
    const say = async (line: string) => {
      text = "";
      secure.write(`${line}\r\n`);
      while (!/^\d{3} .*\r\n/m.test(text)) await new Promise(setImmediate);
      return text;
    };
    assert.match(await say("MAIL FROM:<a@b.example>"), /^503 5\.0\.0 Polite people/);
    assert.doesNotMatch(await say("EHLO pc"), /STARTTLS/);
    assert.match(await say("STARTTLS"), /^503 5\.5\.0 TLS already active/);
    assert.match(await say("MAIL FROM:<a@b.example>"), /^250/);
    assert.match(await say("RCPT TO:<joe@linuxaid.com.cn>"), /^250/);
    assert.match(await say("DATA"), /^354/);
    assert.match(await say("\r\nbody\r\n."), /^250/);
    assert.match(
      fixture.stored[0]!.text,
      /\r\n\tby .* with ESMTPS id Q1\r\n\t\(version=TLSv1\.[23] cipher=[A-Z0-9_-]+ bits=(128|256) verify=NO\)\r\n\tfor <joe@/,
    );
    secure.destroy();
  });
});
