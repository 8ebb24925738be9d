/** AUTH: where it is offered, each mechanism in every way that a client may say it, and what is answered to what is wrong. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { connect } from "node:net";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import fc from "fast-check";
import { type InboundHost, startInbound } from "./fake-inbound.ts";

const PASSWORD = "correct horse";
const HOST: InboundHost = { passwords: { joe: PASSWORD } };
const base64 = (text: string) => Buffer.from(text).toString("base64");
const PLAIN = base64(`\0joe\0${PASSWORD}`);

test("AUTH is offered to this host and to RELAY networks; to others with TLS, or where the settings allow it", async () => {
  const cases: readonly (readonly [from: string, host: InboundHost, offered: boolean])[] = [
    ["127.0.0.1", HOST, true],
    ["127.0.0.8", { ...HOST, access: { "connect:127.0.0.8": "RELAY" } }, true],
    ["127.0.0.8", { ...HOST, relayDomains: ["127.0.0.8"] }, true],
    ["127.0.0.9", HOST, false],
    ["127.0.0.9", { ...HOST, access: { "connect:127.0.0.9": "OK" } }, false],
    ["127.0.0.9", { ...HOST, drac: ["127.0.0.9"] }, false],
    ["127.0.0.8", { ...HOST, access: { "connect:127.0.0.8": "RELAY" }, gateways: ["127.0.0.8"] }, false],
    ["127.0.0.9", { ...HOST, settings: "tls: { allowPlaintextAuth: true }\n" }, true],
    ["127.0.0.1", { ...HOST, settings: "auth: { mechanisms: [] }\n" }, false],
    ["127.0.0.1", {}, false],
  ];
  for (const [from, host, offered] of cases) {
    const server = await startInbound(host);
    const client = await server.client(from);
    const hello = await client.say("EHLO client");
    assert.equal(/AUTH PLAIN LOGIN/.test(hello), offered, `${from} ${JSON.stringify(host)}`);
    const answer = await client.say(`AUTH PLAIN ${PLAIN}`);
    assert.match(answer, offered ? /^235 2\.0\.0 OK Authenticated$/ : /^503 5\.3\.3 AUTH not available$/);
    client.end();
    await server.stop();
  }
});

test("CRAM-MD5 is offered where there are secrets, and mechanisms by the settings", async () => {
  const server = await startInbound({ ...HOST, secrets: { joe: "s3cret" } });
  const client = await server.client();
  assert.match(await client.say("EHLO client"), /AUTH CRAM-MD5 PLAIN LOGIN/);
  const challenge = Buffer.from((await client.say("AUTH cram-md5")).slice(4), "base64").toString();
  assert.match(challenge, /^<.+@mail\.linuxaid\.com\.cn>$/);
  const digest = createHmac("md5", "s3cret").update(challenge).digest("hex");
  assert.equal(await client.say(base64(`joe ${digest}`)), "235 2.0.0 OK Authenticated");
  assert.doesNotMatch(await client.say("EHLO client"), /AUTH/);
  assert.equal(await client.say("AUTH CRAM-MD5"), "503 5.5.0 Already Authenticated");
  client.end();
  await server.stop();
  const one = await startInbound({ ...HOST, settings: "auth: { mechanisms: [plain] }\n" });
  const other = await one.client();
  assert.match(await other.say("EHLO client"), /AUTH PLAIN(?:\r|$)/m);
  assert.equal(await other.say("AUTH LOGIN"), "504 5.3.3 AUTH mechanism LOGIN not available");
  assert.equal(await other.say("AUTH CRAM-MD5"), "504 5.3.3 AUTH mechanism CRAM-MD5 not available");
  other.end();
  await one.stop();
});

test("each way to say it comes to the same", async () => {
  const ways: readonly (readonly string[])[] = [
    [`AUTH PLAIN ${PLAIN}`],
    [`auth plain ${PLAIN}`],
    ["AUTH PLAIN", PLAIN],
    [`AUTH PLAIN ${base64(`joe\0joe\0${PASSWORD}`)}`],
    [`AUTH PLAIN ${base64(`\0JOE@linuxaid.com.cn\0${PASSWORD}`)}`],
    ["AUTH LOGIN", base64("joe"), base64(PASSWORD)],
    [`AUTH LOGIN ${base64("joe")}`, base64(PASSWORD)],
  ];
  const server = await startInbound(HOST);
  for (const lines of ways) {
    const client = await server.client();
    await client.say("EHLO client");
    for (const line of lines.slice(0, -1)) assert.match(await client.say(line), /^334 /, line);
    assert.equal(await client.say(lines.at(-1)!), "235 2.0.0 OK Authenticated", lines.join(" / "));
    client.end();
  }
  assert.ok(
    server.log.includes("AUTH=server, relay=localhost [127.0.0.1], authid=joe, mech=LOGIN, bits=0"),
    server.log.join("\n"),
  );
  await server.stop();
});

test("the system's own accounts log in no more than they fetch mail (pop3.blockUid)", async () => {
  const passwords = { root: PASSWORD, bin: PASSWORD, joe: PASSWORD };
  const server = await startInbound({ passwords, uids: { root: 0, bin: 10, joe: 1000 } });
  for (const [name, answer] of [
    ["root", "535 5.7.0 authentication failed"],
    ["bin", "535 5.7.0 authentication failed"],
    ["joe", "235 2.0.0 OK Authenticated"],
  ]) {
    const client = await server.client();
    await client.say("EHLO client");
    assert.equal(await client.say(`AUTH PLAIN ${base64(`\0${name}\0${PASSWORD}`)}`), answer, name);
    client.end();
  }
  await server.stop();
});

test("what is wrong is said in Sendmail's words, and the session goes on", async () => {
  const server = await startInbound(HOST);
  const client = await server.client();
  const early = await client.say(`AUTH PLAIN ${PLAIN}`);
  assert.equal(early, "503 5.0.0 Polite people say HELO first");
  await client.say("HELO client");
  assert.equal(await client.say(`AUTH PLAIN ${PLAIN}`), early, "HELO promises no extensions");
  await client.say("EHLO client");
  for (const [line, answer] of [
    ["AUTH", "501 5.5.2 AUTH mechanism must be specified"],
    ["AUTH NTLM", "504 5.3.3 AUTH mechanism NTLM not available"],
    ["AUTH PLAIN ***", "501 5.5.4 cannot BASE64 decode"],
    [`AUTH PLAIN ${PLAIN} more`, "501 5.5.4 cannot BASE64 decode"],
    ["AUTH PLAIN =", "501 5.5.2 Malformed PLAIN response: expected two NUL"],
    [`AUTH PLAIN ${base64(`root\0joe\0${PASSWORD}`)}`, "535 5.7.0 authentication failed"],
    [`AUTH PLAIN ${base64("\0nobody\0x")}`, "535 5.7.0 authentication failed"],
  ] as const) {
    assert.equal(await client.say(line), answer, line);
  }
  await client.say("AUTH LOGIN");
  assert.equal(await client.say("*"), "501 5.0.0 AUTH aborted");
  await client.say("AUTH LOGIN");
  assert.equal(await client.say("%%%"), "501 5.5.4 cannot BASE64 decode");
  assert.equal(
    await client.say("MAIL FROM:<joe@linuxaid.com.cn>"),
    "250 2.1.0 <joe@linuxaid.com.cn>... Sender ok",
  );
  assert.equal(
    await client.say(`AUTH PLAIN ${PLAIN}`),
    "503 5.5.0 AUTH not permitted during a mail transaction",
  );
  assert.equal(await client.say("RSET"), "250 2.0.0 Reset state");
  assert.equal(await client.say(`AUTH PLAIN ${PLAIN}`), "235 2.0.0 OK Authenticated");
  client.end();
  assert.ok(
    server.log.includes(
      "AUTH failure (PLAIN): authentication failure (-13) SASL(-13): authentication failure: checkpass failed, user=nobody, relay=localhost [127.0.0.1]",
    ),
  );
  assert.ok(!server.log.some((line) => line.includes(PASSWORD) || line.includes(PLAIN)));
  await server.stop();
});

test("a name cannot imitate the rest of the line in the log", async () => {
  const server = await startInbound(HOST);
  const client = await server.client();
  await client.say("EHLO client");
  await client.say(`AUTH PLAIN ${base64("\0x, relay=[192.0.2.1]\0y")}`);
  assert.ok(
    server.log.some((line) => line.endsWith("user=x??relay??192.0.2.1?, relay=localhost [127.0.0.1]")),
  );
  client.end();
  await server.stop();
});

test("whatever pieces a dialogue comes in, its replies are the same", async () => {
  const server = await startInbound(HOST);
  const dialogue = `EHLO c\r\nAUTH LOGIN\r\n${base64("joe")}\r\n*\r\nAUTH PLAIN\r\n${PLAIN}\r\nMAIL FROM:<joe@linuxaid.com.cn>\r\nQUIT\r\n`;
  const conversation = (at: number) =>
    new Promise<string>((done) => {
      const socket = connect(server.port, "127.0.0.1");
      let text = "";
      socket.setNoDelay(true).setEncoding("latin1");
      socket.on("data", (piece: string) => {
        // The rest goes out when the server has answered what it could of the first part.
        if (text === "")
          socket.write(dialogue.slice(0, at), () => setImmediate(() => socket.write(dialogue.slice(at))));
        text += piece;
      });
      socket.on("close", () => done(text.replace(/^220.*/, "")));
    });
  const whole = await conversation(dialogue.length);
  assert.match(
    whole,
    /334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n501 5\.0\.0 AUTH aborted\r\n334 \r\n235 .*\r\n250 /,
  );
  for (let at = 1; at < dialogue.length; at++) assert.equal(await conversation(at), whole, `split at ${at}`);
  await server.stop();
});

test("whatever is said in an exchange, there is one answer to each line, and nobody gets in by it", async () => {
  const server = await startInbound({ ...HOST, secrets: { joe: "s3cret" } });
  const octets = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
  const anything = fc.oneof(
    octets.map((bytes) => bytes.toString("base64")),
    octets.map((bytes) => bytes.toString("latin1").replace(/[\r\n]/g, "")),
    fc
      .array(fc.constantFrom("joe", "\0", " ", PASSWORD, "s3cret", "a".repeat(32)), { maxLength: 5 })
      .map((parts) => base64(parts.join(""))),
    fc.constantFrom("", "=", "*", "==", "AUTH PLAIN", "QUIT", "MAIL FROM:<joe@linuxaid.com.cn>"),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("PLAIN", "LOGIN", "CRAM-MD5"),
      anything,
      anything,
      async (mechanism, first, second) => {
        const right = [first, second].some((line) =>
          /correct horse/.test(Buffer.from(line, "base64").toString()),
        );
        fc.pre(!right);
        const client = await server.client();
        await client.say("EHLO client");
        let answer = await client.say(`AUTH ${mechanism}`);
        for (const line of [first, second]) {
          if (!answer.startsWith("334")) break;
          answer = await client.say(line);
        }
        assert.match(answer, /^(?:334 |501 5\.|535 5\.7\.0|500 5\.)/);
        client.end();
      },
    ),
    { numRuns: 150 },
  );
  await server.stop();
});

test("lines of an exchange may be long, and have an end", async () => {
  const server = await startInbound(HOST);
  const client = await server.client();
  await client.say("EHLO client");
  await client.say("AUTH LOGIN");
  assert.match(await client.say("A".repeat(12_284)), /^501 5\.5\.2 Malformed LOGIN response/);
  assert.match(await client.say(`AUTH PLAIN ${"A".repeat(12_000)}`), /^501 5\.5\.2/);
  await client.say("AUTH LOGIN");
  assert.equal(await client.say("A".repeat(12_300)), "500 5.5.6 Authentication exchange line is too long");
  assert.equal(await client.reply(), "", "closed");
  const other = await server.client();
  assert.match(await other.say(`NOOP ${"A".repeat(5000)}`), /^421 4\.7\.0 .*Command line too long/);
  await server.stop();
});

test("wrong passwords wait as long as the guard says, and five end the session; a ban shuts the door", async () => {
  const clock = new ManualClock(1_000_000);
  const told: string[] = [];
  let banned = false;
  const ban = { network: "127.0.0.1", since: 0, until: 1, failures: 1, times: 1, name: "joe" };
  const server = await startInbound({
    ...HOST,
    kind: "submission",
    clock,
    guard: {
      banned: () => (banned ? ban : undefined),
      standing: () => "clean",
      failed: ({ ip, name, service }, count) => {
        told.push(`${ip} ${name} ${service} ${count}`);
        return 2000;
      },
      succeeded: ({ name }) => void told.push(`right ${name}`),
    },
  });
  const client = await server.client();
  await client.say("EHLO client");
  for (let count = 1; count <= 5; count++) {
    const answer = client.say(`AUTH PLAIN ${base64("\0joe\0wrong")}`);
    let waits = true;
    void answer.then(() => {
      waits = false;
    });
    while (told.length < count) await new Promise((done) => setImmediate(done));
    await clock.advance(1999);
    await new Promise((done) => setImmediate(done));
    assert.ok(waits, "not before the wait is over");
    await clock.advance(1);
    assert.match(
      await answer,
      count < 5 ? /^535 5\.7\.0/ : /^421 4\.7\.0 .*Too many authentication failures/,
    );
    assert.equal(told.at(-1), `127.0.0.1 joe smtp ${count}`);
  }
  assert.equal(await client.reply(), "");
  const other = await server.client();
  await other.say("EHLO client");
  banned = true;
  assert.equal(await other.say(`AUTH PLAIN ${PLAIN}`), "454 4.7.0 Please try again later");
  banned = false;
  assert.match(await other.say(`AUTH PLAIN ${PLAIN}`), /^235/);
  assert.equal(told.at(-1), "right joe");
  other.end();
  banned = true;
  assert.match((await server.client()).greeting, /^421 4\.7\.0 .*Too many failed logins/);
  await server.stop();
});

test("whoever has logged in relays; on the submission ports nobody else does", async () => {
  const host = { ...HOST, settings: "tls: { allowPlaintextAuth: true }\n" };
  for (const kind of ["smtp", "submission"] as const) {
    const server = await startInbound({ ...host, kind });
    const stranger = await server.client("127.0.0.9");
    await stranger.say("EHLO client");
    const mail = await stranger.say("MAIL FROM:<joe@linuxaid.com.cn>");
    assert.match(mail, kind === "smtp" ? /^250/ : /^530 5\.7\.0 Authentication required$/);
    if (kind === "smtp") {
      assert.equal(
        await stranger.say("RCPT TO:<x@elsewhere.test>"),
        "550 5.7.1 <x@elsewhere.test>... Relaying denied. Proper authentication required.",
      );
      await stranger.say("RSET");
    }
    assert.match(await stranger.say(`AUTH PLAIN ${PLAIN}`), /^235/);
    assert.match(await stranger.say("MAIL FROM:<joe@linuxaid.com.cn>"), /^250/);
    assert.match(await stranger.say("RCPT TO:<x@elsewhere.test>"), /^250/);
    assert.match(await stranger.say("RCPT TO:<joe%elsewhere.test@linuxaid.com.cn>"), /^550 5\.1\.1/);
    stranger.end();
    await server.stop();
  }
});

test("AUTH= of MAIL is kept of whoever has logged in, and of nobody else; what is no xtext is refused", async () => {
  const server = await startInbound(HOST);
  const client = await server.client();
  await client.say("EHLO client");
  const send = async (parameter: string) => {
    const mail = await client.say(`MAIL FROM:<joe@linuxaid.com.cn> AUTH=${parameter}`);
    if (!mail.startsWith("250")) return mail;
    for (const line of ["RCPT TO:<joe@linuxaid.com.cn>", "DATA"]) await client.say(line);
    client.write("Subject: x\r\n\r\nx\r\n.\r\n");
    await client.reply();
    return server.stored.at(-1)?.entry.authSender;
  };
  assert.equal(await send("joe+2Bx@far.example"), undefined);
  assert.equal(await send("joe+2"), "501 5.5.4 Syntax error in AUTH parameter value");
  assert.equal(await send(""), "501 5.5.4 Syntax error in AUTH parameter value");
  await client.say(`AUTH PLAIN ${PLAIN}`);
  assert.equal(await send("joe+2Bx@linuxaid.com.cn"), "joe+x@linuxaid.com.cn");
  assert.equal(await send("joe"), "joe");
  assert.equal(await send("ann@linuxaid.com.cn"), "", "not its own: nobody knows");
  assert.equal(await send("joe+2Bx@far.example"), "");
  assert.equal(await send("<>"), "");
  client.end();
  await server.stop();
});
