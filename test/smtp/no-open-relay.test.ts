/** The classic tricks that make a relay of a host: from the world, and from somebody who has logged in under a wrong sender. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { logIn, openEncrypted } from "../harness/encrypted-smtp.ts";
import { OUTSIDE, PASSWORD, startHost } from "../harness/host.ts";
import { startSink } from "../harness/sink.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const OURS = "linuxaid.com.cn";
const FAR = "example.net";

/** Recipients that lead away, or try to. */
const TRICKS: readonly string[] = [
  `<victim@${FAR}>`,
  `victim@${FAR}`,
  `<VICTIM@${FAR.toUpperCase()}>`,
  `<victim@${FAR}.>`,
  `<victim%${FAR}@${OURS}>`,
  `<victim%${FAR}>`,
  `<victim%${FAR}@[127.0.0.1]>`,
  `<victim%${FAR}@mail.${OURS}>`,
  `<victim%${FAR}%${OURS}@${OURS}>`,
  `<victim%${FAR}@>`,
  `<"victim@${FAR}">`,
  `<"victim@${FAR}"@${OURS}>`,
  `<"victim%${FAR}"@${OURS}>`,
  `<"victim%${FAR}">`,
  `<victim@${FAR}@${OURS}>`,
  `<victim@${FAR}@[127.0.0.1]>`,
  `<victim@${OURS}@${FAR}>`,
  `<@${OURS}:victim@${FAR}>`,
  `<@${FAR}:victim@${FAR}>`,
  `<@${OURS},@${FAR}:victim@${FAR}>`,
  `<@[127.0.0.1]:victim@${FAR}>`,
  `<${FAR}!victim>`,
  `<${FAR}!victim@${OURS}>`,
  `<${OURS}!${FAR}!victim>`,
  `<"${FAR}!victim"@${OURS}>`,
  `<victim%${FAR}!${OURS}@${OURS}>`,
  `<${OURS}!victim@${FAR}>`,
  `<victim@[127.0.0.90]>`,
  `<victim@127.0.0.90>`,
  `<victim@[IPv6:::ffff:127.0.0.90]>`,
  `<victim+wang@${FAR}>`,
  `<victim(@${OURS})@${FAR}>`,
  `<victim\\@${FAR}@${OURS}>`,
  `<|/usr/sbin/sendmail victim@${FAR}>`,
  `<"|/usr/sbin/sendmail victim@${FAR}"@${OURS}>`,
  `<:include:/etc/passwd>`,
  `</etc/passwd>`,
];

const SENDERS = [
  `wang@${OURS}`,
  `postmaster@${OURS}`,
  "wang",
  "",
  `root@[127.0.0.1]`,
  "x@example.org",
  `wang@localhost`,
];

async function fixture(t: Parameters<typeof startHost>[0]) {
  const sink = await startSink("127.0.0.90", 0);
  t.after?.(() => sink.close());
  const host = await startHost(t, {
    users: ["wang", "li"],
    files: { "etc/mail/aliases": "postmaster: root\nroot: wang\ninfo: wang\nsales: li\n" },
    settings: { relay: { port: sink.port }, tls: { selfSigned: true }, smtp: { smtps: [] } },
    zone: { "example.org": { a: ["127.0.0.91"] }, [FAR]: { a: ["127.0.0.90"] } },
  });
  return { sink, host };
}

test("a stranger comes nowhere, whatever sender it claims", { timeout: 300_000 }, async (t) => {
  const { sink, host } = await fixture(t);
  const taken: string[] = [];
  for (const sender of SENDERS) {
    for (const trick of TRICKS) {
      const client = await openSmtp(host.smtp, { from: OUTSIDE });
      const mail = await client.command(`MAIL FROM:<${sender}>`);
      const answer = await client.command(`RCPT TO:${trick}`);
      if (answer.code < 400)
        taken.push(`from <${sender}> to ${trick}: MAIL ${mail.code}, RCPT ${answer.code} ${answer.text}`);
      client.close();
    }
  }
  assert.deepEqual(taken, []);
  assert.equal(sink.messages.length, 0);
});

test("an alias of ours leads only where it says, under whatever domain it is asked for", async (t) => {
  const { host } = await fixture(t);
  const client = await openSmtp(host.smtp, { from: OUTSIDE });
  assert.equal((await client.command(`MAIL FROM:<x@example.org>`)).code, 250);
  assert.equal((await client.command(`RCPT TO:<info@${OURS}>`)).code, 250);
  for (const address of [
    `info@${FAR}`,
    `info%${FAR}@${OURS}`,
    `"info@${FAR}"@${OURS}`,
    `sales@${OURS}@${FAR}`,
  ])
    assert.ok((await client.command(`RCPT TO:<${address}>`)).code >= 500, address);
  client.close();
});

test("whoever has logged in sends under its own addresses, and tricks lead nowhere for it either", async (t) => {
  const { sink, host } = await fixture(t);
  const client = await openEncrypted(host.submission, "STARTTLS", { from: OUTSIDE });
  assert.equal((await logIn(client, "wang", PASSWORD)).code, 235);
  for (const [sender, code] of [
    [`wang@${OURS}`, 250],
    [`wang+lists@${OURS}`, 250],
    [`wang@mail.${OURS}`, 250],
    [`INFO@${OURS}`, 250],
    [`postmaster@${OURS}`, 250],
    ["", 250],
    [`li@${OURS}`, 553],
    [`sales@${OURS}`, 553],
    [`nobody-here@${OURS}`, 553],
    ["x@example.org", 553],
    [`wang@${FAR}`, 553],
    [`wang%${FAR}@${OURS}`, 553],
    [`"wang@${OURS}"@${FAR}`, 553],
    [`wang@localhost.${FAR}`, 553],
  ] as const) {
    const reply = await client.command(`MAIL FROM:<${sender}>`);
    assert.equal(reply.code, code, `${sender}: ${reply.text}`);
    if (code === 553)
      assert.match(reply.text, /^5\.7\.1 <.*>\.\.\. Sender address is not one of wang's; use your own/);
    await client.command("RSET");
  }
  client.close();
  const far =
    /^<?@?[^:]*:?victim(?:\+wang)?@(?:example\.net\.?|\[127\.0\.0\.90\]|127\.0\.0\.90|\[IPv6:::ffff:127\.0\.0\.90\])>?$/i;
  for (const trick of TRICKS.filter((one) => !far.test(one))) {
    const session = await openEncrypted(host.submission, "STARTTLS", { from: OUTSIDE });
    await logIn(session, "wang", PASSWORD);
    await session.command(`MAIL FROM:<wang@${OURS}>`);
    const answer = await session.command(`RCPT TO:${trick}`);
    // It may send to the victim outright; what is no plain address of another host is taken for nothing else.
    if (answer.code === 250) assert.match(trick, /@example\.net>?$/, trick);
    session.close();
  }
  assert.equal(sink.messages.length, 0);
});
