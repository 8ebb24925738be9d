/** The values of access: REJECT, DISCARD, OK, RELAY and `ERROR:5.7.1:550 text`, for networks, domains, hosts, addresses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ARTICLE_FILES, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

const ACCESS = `${ARTICLE_FILES["etc/mail/access"]}
# networks by whole octets
127.0.5 RELAY
127.0.50 REJECT
127.0.6 ERROR:5.7.1:550 go away, spammer
127.0.7.7 DISCARD
# senders
spam.example REJECT
From:noisy@example.net ERROR:5.7.1:550 write less
# recipients of a domain that anybody may send to
To:partner.example RELAY
`;

test("access values decide who may send, and what they are told", async (t) => {
  const sink = await startSink("127.0.0.31", 0);
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { port: sink.port } },
    files: { "etc/mail/access": ACCESS },
    zone: { "example.com": { a: ["127.0.0.31"] }, "partner.example": { a: ["127.0.0.31"] } },
  });
  const send = async (client: string, from: string, to: string) => {
    const reply = await sendMail(host.smtp, { from, to }, mailText(`${client} ${from} ${to}`), {
      from: client,
    });
    return `${reply.code} ${reply.text}`;
  };
  const out = "friend@example.com";
  const local = "wang@linuxaid.com.cn";

  assert.match(await send("127.0.5.200", "a@example.net", out), /^250 /, "the network 127.0.5");
  assert.match(
    await send("127.0.51.1", "a@example.net", out),
    /^550 5\.7\.1 .*Relaying denied/,
    "127.0.5 is not 127.0.51",
  );
  assert.match(await send("127.0.50.1", "a@example.net", local), /^550 5\.7\.1 /, "REJECT for a network");
  assert.match(await send("127.0.6.1", "a@example.net", local), /^550 5\.7\.1 .*go away, spammer/);
  assert.match(
    await send("127.0.0.9", "x@spam.example", local),
    /^550 5\.7\.1 /,
    "REJECT for a sender's domain",
  );
  assert.match(await send("127.0.0.9", "x@sub.spam.example", local), /^550 5\.7\.1 /, "and what is below it");
  assert.match(await send("127.0.0.9", "noisy@example.net", local), /^550 5\.7\.1 .*write less/);
  assert.match(await send("127.0.0.9", "quiet@example.net", local), /^250 /);
  assert.match(
    await send("127.0.0.9", "quiet@example.net", "b@partner.example"),
    /^250 /,
    "To: domain RELAY",
  );
  assert.match(await send("127.0.7.7", "a@example.net", local), /^250 /, "DISCARD takes the mail");
  await sink.taken(2);
  assert.equal((await host.arrived("wang")).length, 1, "and drops it");
});

test("IPv6 prefixes and single addresses are looked up too", async (t) => {
  const host = await startHost(t, {
    settings: { smtp: { listen: ["[::1]:0"] } },
    files: { "etc/mail/access": "IPv6:2001:db8 RELAY\n", "etc/mail/relay-domains": "2001:db9::5\n" },
  });
  for (const [ip, verdict] of [
    ["2001:db8:1::7", /may relay|relay/i],
    ["2001:dba::1", /Relaying denied/],
  ] as const) {
    const traced = await host.mailhost(["trace", "--from-ip", ip, "friend@example.com"]);
    assert.match(traced.stdout, verdict);
    assert.equal(/Relaying denied/.test(traced.stdout), ip === "2001:dba::1", traced.stdout);
  }
  const client = await openSmtp(host.smtp, { from: "::1" });
  await client.command("MAIL FROM:<a@example.net>");
  assert.equal(
    (await client.command("RCPT TO:<friend@example.com>")).code,
    250,
    "::1 may relay without an entry",
  );
  await client.quit();
});
