import assert from "node:assert/strict";
import test from "node:test";
import { type InboundHost, startInbound } from "./fake-inbound.ts";

const OPEN = "smtp:\n  privacy: [authwarnings]\n";
const ALIASES: NonNullable<InboundHost["aliases"]> = {
  staff: [
    { kind: "local", name: "joe", final: false },
    { kind: "address", address: "ann@far.example" },
  ],
};

/** Runs a dialogue; each line is what the client says, then what it must be told. */
async function dialogue(host: InboundHost, lines: readonly (readonly [say: string, hear: string])[]) {
  const fixture = await startInbound({ aliases: ALIASES, ...host });
  const client = await fixture.client();
  try {
    for (const [say, hear] of lines) assert.equal(await client.say(say), hear, say);
  } finally {
    client.socket.destroy();
    await fixture.stop();
  }
  return fixture;
}

test("VRFY and EXPN answer whoever may ask, in Sendmail's words", async () => {
  await dialogue({ settings: OPEN }, [
    ["VRFY joe", "250 2.1.5 <joe@mail.linuxaid.com.cn>"],
    ["VRFY <joe@linuxaid.com.cn>", "250 2.1.5 <joe@linuxaid.com.cn>"],
    ["VRFY staff", "250 2.1.5 <staff@mail.linuxaid.com.cn>"],
    ["VRFY x@far.example", "252 2.1.5 <x@far.example>"],
    ["VRFY nosuch", "550 5.1.1 nosuch... User unknown"],
    ["VRFY", "501 5.5.2 Argument required"],
    ["EXPN staff", "250-2.1.5 <ann@far.example>\r\n250 2.1.5 <joe@mail.linuxaid.com.cn>"],
    ["EXPN joe", "250 2.1.5 <joe@mail.linuxaid.com.cn>"],
    ["EXPN nosuch", "550 5.1.1 nosuch... User unknown"],
    ["EXPN", "501 5.5.2 Argument required"],
  ]);
});

test("novrfy, noexpn, noetrn and noverb forbid them, goaway all but ETRN", async () => {
  const closed: readonly (readonly [string, string])[] = [
    ["VRFY joe", "252 2.5.2 Cannot VRFY user; try RCPT to attempt delivery (or try finger)"],
    ["EXPN staff", "502 5.7.0 Sorry, we do not allow this operation"],
    ["VERB", "502 5.7.0 Verbose unavailable"],
  ];
  await dialogue({ settings: "smtp:\n  privacy: [novrfy, noexpn, noetrn, noverb]\n" }, [
    ...closed,
    ["ETRN far.example", "502 5.7.0 Sorry, we do not allow this operation"],
  ]);
  await dialogue({ settings: "smtp:\n  privacy: [goaway]\n" }, [
    ...closed,
    ["ETRN far.example", "250 2.0.0 Queuing for node far.example started"],
  ]);
  await dialogue({ settings: OPEN }, [["VERB", "250 2.0.0 Verbose mode"]]);
});

test("needvrfyhelo and needexpnhelo want a name first", async () => {
  await dialogue({ settings: "smtp:\n  privacy: [needvrfyhelo, needexpnhelo]\n" }, [
    ["VRFY joe", "503 5.0.0 I demand that you introduce yourself first"],
    ["EXPN staff", "503 5.0.0 I demand that you introduce yourself first"],
    ["HELO pc", "250 mail.linuxaid.com.cn Hello localhost [127.0.0.1], pleased to meet you"],
    ["VRFY joe", "250 2.1.5 <joe@mail.linuxaid.com.cn>"],
  ]);
});

test("ETRN runs what waits for a host, a domain, or all, each once in a while", async () => {
  const { runs, log } = await dialogue({ settings: OPEN }, [
    ["ETRN", "500 5.5.2 Parameter required"],
    ["ETRN far.example", "250 2.0.0 Queuing for node far.example started"],
    ["ETRN FAR.example", "250 2.0.0 Queuing for node FAR.example started"],
    ["ETRN @far.example", "250 2.0.0 Queuing for node @far.example started"],
    ["ETRN #mqueue", "250 2.0.0 Queuing for queue group mqueue started"],
    ["ETRN #nosuch", "459 4.5.4 Queue nosuch unknown"],
  ]);
  assert.deepEqual(runs, [
    { conditions: [{ of: "R", text: "@far.example" }] },
    { conditions: [{ of: "R", text: "far.example" }] },
    { conditions: [] },
  ]);
  assert.ok(log.some((line) => /\[127\.0\.0\.1\]: ETRN far\.example$/.test(line)));
});

test("ETRN under many names does not have the queue read for each", async () => {
  const fixture = await startInbound({ settings: OPEN });
  const answers: string[] = [];
  for (let session = 0; session < 2; session++) {
    const client = await fixture.client();
    await client.say("EHLO pc");
    for (let i = 0; i < 15; i++) answers.push(await client.say(`ETRN n${session}-${i}.example`));
    client.end();
  }
  assert.equal(fixture.runs.length, 20);
  assert.equal(answers.at(-1), "458 4.3.2 Unable to queue messages for node n1-14.example; try again later");
  await fixture.stop();
});

test("HELP tells what may be used, and no more", async () => {
  const fixture = await startInbound({ settings: "smtp:\n  privacy: [noexpn, novrfy, noetrn]\n" });
  const client = await fixture.client();
  const all = await client.say("HELP");
  assert.match(all, /^214-2\.0\.0 This is mailhost\r\n214-2\.0\.0 Topics:\r\n/);
  assert.match(all, /214 2\.0\.0 End of HELP info$/);
  assert.doesNotMatch(all, /STARTTLS|EXPN|VRFY|ETRN|VERB|AUTH/);
  assert.match(await client.say("HELP mail"), /^214-2\.0\.0 MAIL From:<sender>/);
  assert.equal(await client.say("HELP expn"), '504 5.3.0 HELP topic "expn" unknown');
  client.end();
  await fixture.stop();
});

test("smtp.greeting has Sendmail's macros, and says ESMTP", async () => {
  const fixture = await startInbound({ settings: "smtp:\n  greeting: $j Post of $m; $b\n" });
  const client = await fixture.client();
  assert.match(client.greeting, /^220 mail\.linuxaid\.com\.cn ESMTP Post of linuxaid\.com\.cn; \w{3}, \d/);
  client.end();
  await fixture.stop();
});

test("a session that asked for nothing, or left in the middle, is named in the log", async () => {
  const fixture = await startInbound();
  const idle = await fixture.client();
  assert.match(await idle.say("QUIT"), /^221/);
  const lost = await fixture.client();
  await lost.say("HELO pc");
  assert.match(await lost.say("MAIL FROM:<joe@linuxaid.com.cn>"), /^250/);
  assert.match(await lost.say("RCPT TO:<joe@linuxaid.com.cn>"), /^250/);
  lost.socket.destroy();
  const found = () => fixture.log.filter((line) => /did not issue|lost input/.test(line));
  while (found().length < 2) await new Promise((done) => setImmediate(done));
  await fixture.stop();
  const ends = found();
  assert.equal(ends.length, 2, fixture.log.join("\n"));
  assert.match(
    ends[0]!,
    /^NOQUEUE: .*\[127\.0\.0\.1\] did not issue MAIL\/EXPN\/VRFY\/ETRN during connection to MTA$/,
  );
  assert.match(ends[1]!, /^Q1: lost input channel from .*\[127\.0\.0\.1\] to MTA after rcpt$/);
});

test("parameters of RFC 3461 are read as Sendmail reads them", async () => {
  await dialogue({ access: { "127.0.0.1": "RELAY" } }, [
    ["HELO pc", "250 mail.linuxaid.com.cn Hello localhost [127.0.0.1], pleased to meet you"],
    ["MAIL FROM:<a@b.example> RET=XXX", '501 5.5.2 Bad argument "XXX" to RET'],
    ["MAIL FROM:<a@b.example> RET", "501 5.5.2 RET requires a value"],
    ["MAIL FROM:<a@b.example> ENVID", "501 5.5.2 ENVID requires a value"],
    ["MAIL FROM:<a@b.example> ENVID=a+b", "501 5.5.4 Syntax error in ENVID parameter value"],
    ["MAIL FROM:<a@b.example> SIZE", "501 5.5.2 SIZE requires a value"],
    ["MAIL FROM:<a@b.example> BODY=X", "501 5.5.4 Unknown BODY type X"],
    ["MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ+2B1 SIZE=abc", "250 2.1.0 <a@b.example>... Sender ok"],
    ["RCPT TO:<joe@linuxaid.com.cn> NOTIFY", "501 5.5.2 NOTIFY requires a value"],
    ["RCPT TO:<joe@linuxaid.com.cn> NOTIFY=FOO", '501 5.5.4 Bad argument "FOO"  to NOTIFY'],
    ["RCPT TO:<joe@linuxaid.com.cn> NOTIFY=NEVER,SUCCESS", '501 5.5.4 Bad argument "NEVER"  to NOTIFY'],
    ["RCPT TO:<joe@linuxaid.com.cn> ORCPT", "501 5.5.2 ORCPT requires a value"],
    ["RCPT TO:<joe@linuxaid.com.cn> ORCPT=foo", "501 5.5.4 Syntax error in ORCPT parameter value"],
    ["RCPT TO:<joe@linuxaid.com.cn> ORCPT=rfc822;a+b", "501 5.5.4 Syntax error in ORCPT parameter value"],
    ["RCPT TO:<joe@linuxaid.com.cn> FOO=1", "555 5.5.4 FOO parameter unrecognized"],
  ]);
});

test("an alias whose sender asked for a receipt is told of, its recipients are not", async () => {
  const { stored } = await dialogue({ access: { "127.0.0.1": "RELAY" } }, [
    ["HELO pc", "250 mail.linuxaid.com.cn Hello localhost [127.0.0.1], pleased to meet you"],
    ["MAIL FROM:<a@b.example> BODY=7BIT", "250 2.1.0 <a@b.example>... Sender ok"],
    [
      "RCPT TO:<staff@linuxaid.com.cn> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;S@x",
      "250 2.1.5 <staff@linuxaid.com.cn>... Recipient ok",
    ],
    ["DATA", "354 End data with <CR><LF>.<CR><LF>"],
    ["Subject: x\r\nPrecedence: bulk\r\n\r\nx\r\n.", "250 2.0.0 Q1 Message accepted for delivery"],
  ]);
  const entry = stored[0]?.entry;
  assert.deepEqual(entry?.expanded, [{ address: "staff@linuxaid.com.cn", originalRecipient: "rfc822;S@x" }]);
  assert.deepEqual(
    entry?.recipients.map((r) => [r.notify, r.givenAs]),
    [
      [["FAILURE"], "staff@linuxaid.com.cn"],
      [["FAILURE"], "staff@linuxaid.com.cn"],
    ],
  );
  assert.deepEqual([entry?.precedence, entry?.bodyTypeGiven], [-60, true]);
});

test("deliveryMode queue-only leaves mail to the queue's own time; a busy or full machine says so", async () => {
  const machine = { load: 0, free: 10_000_000 };
  const settings = "smtp:\n  refuseLoad: 12\nqueue:\n  deliveryMode: queue-only\n  minFreeSpace: 1MiB\n";
  const fixture = await startInbound({ settings, machine });
  const client = await fixture.client();
  await client.say("HELO pc");
  assert.match(
    await client.send("joe@linuxaid.com.cn", "joe@linuxaid.com.cn", "Subject: x\r\n\r\nx\r\n"),
    /^250/,
  );
  assert.equal(fixture.submitted.length, 0);
  assert.match(fixture.log.join("\n"), /mailer=local, pri=\d+, stat=queued/);
  const full = "452 4.4.5 Insufficient disk space; try again later";
  assert.equal(await client.say("MAIL FROM:<joe@linuxaid.com.cn> SIZE=9500000"), full);
  machine.free = 1000;
  assert.equal(await client.say("MAIL FROM:<joe@linuxaid.com.cn>"), full);
  assert.match(fixture.log.join("\n"), /low on space \(have 10000000, SMTP-DAEMON needs \d+ in /);
  machine.free = 10_000_000;
  assert.match(await client.say("MAIL FROM:<joe@linuxaid.com.cn>"), /^250/);
  client.end();
  machine.load = 12.4;
  assert.match(
    (await fixture.client()).greeting,
    /^421 4\.3\.2 mail\.linuxaid\.com\.cn Load average is too high/,
  );
  assert.match((await fixture.client()).greeting, /^421/);
  const said = fixture.log.filter((line) => line === "rejecting connections on daemon MTA: load average: 12");
  assert.equal(said.length, 1);
  machine.load = 2;
  const again = await fixture.client();
  assert.match(again.greeting, /^220/);
  again.end();
  assert.ok(fixture.log.includes("accepting connections again for daemon MTA"));
  await fixture.stop();
});
