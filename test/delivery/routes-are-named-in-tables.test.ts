/** mailertable, the smart host and its password: mail leaves by the hosts that the tables name. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import type { AddressInfo, Server } from "node:net";
import { type TestContext, test } from "node:test";
import { ARTICLE_FILES, LAN, type MailHost, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { startSink } from "../harness/sink.ts";
import { sendMail } from "../harness/smtp-client.ts";

const send = (host: MailHost, to: string) =>
  sendMail(host.smtp, { from: "wang@linuxaid.com.cn", to }, mailText("x"), { from: LAN });

async function sinkAt(t: TestContext, address: string) {
  const sink = await startSink(address, 0, { name: `sink-${address}` });
  t.after(() => sink.close());
  return sink;
}

test("mailertable's hosts are tried in their order and go before the smart host", async (t) => {
  const [second, smart] = [await sinkAt(t, "127.0.0.32"), await sinkAt(t, "127.0.0.33")];
  const gone = await startSink("127.0.0.31", 0);
  await gone.close();
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { smartHost: `[127.0.0.33]:${smart.port}` } },
    files: {
      "etc/mail/mailertable": [
        `partner.example\tesmtp:[127.0.0.31]:${gone.port}:[127.0.0.32]:${second.port}`,
        `.partner.example\tsmtp:[127.0.0.32]:${second.port}`,
        "closed.example\terror:5.7.0:550 no mail goes there",
        "wrong.example\tesmtp:[no.such.host.example]",
      ].join("\n"),
    },
  });
  await send(host, "a@partner.example");
  await send(host, "b@sub.partner.example");
  await second.taken(2);
  await host.logged(
    /to=<a@partner\.example>.*mailer=esmtp, .*relay=\[127\.0\.0\.32\] \[127\.0\.0\.32\], dsn=2\.0\.0, stat=Sent/,
  );
  await host.logged(/to=<b@sub\.partner\.example>.*mailer=smtp, /);
  await send(host, "c@elsewhere.example");
  await smart.taken(1);
  await host.logged(/to=<c@elsewhere\.example>.*mailer=relay, .*stat=Sent/);
  await send(host, "d@wrong.example");
  await host.logged(/to=<d@wrong\.example>.*dsn=4\.3\.5, stat=Deferred: mailertable entry wrong\.example/);
  assert.deepEqual(
    [...second.messages, ...smart.messages].map(({ recipients }) => recipients[0]?.replace(/ .*/, "")),
    ["<a@partner.example>", "<b@sub.partner.example>", "<c@elsewhere.example>"],
  );
});

interface Taken {
  readonly user: string;
  readonly secure: boolean;
}

/** A smart host that takes mail only from who has logged in, over TLS. */
async function smartHost(t: TestContext, password: () => string) {
  const { SMTPServer } = createRequire(new URL("../../packages/mta/package.json", import.meta.url))(
    "smtp-server",
  );
  const taken: Taken[] = [];
  const server = new SMTPServer({
    authMethods: ["PLAIN", "LOGIN"],
    onAuth(
      auth: { username: string; password: string },
      _: unknown,
      done: (error: Error | null, reply?: object) => void,
    ) {
      if (auth.password === password()) done(null, { user: auth.username });
      else done(new Error("wrong password"));
    },
    onData(stream: NodeJS.ReadableStream, session: { user: string; secure: boolean }, done: () => void) {
      taken.push({ user: session.user, secure: session.secure });
      stream.on("end", done).resume();
    },
  });
  const listening: Server = server.listen(0, "127.0.0.34");
  await once(listening, "listening");
  t.after(() => new Promise<void>((done) => server.close(() => done())));
  return { taken, port: (listening.address() as AddressInfo).port };
}

test("the smart host gets its password over TLS; a wrong one keeps the mail and says so", async (t) => {
  let right = "new secret";
  const smart = await smartHost(t, () => right);
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { smartHost: `[127.0.0.34]:${smart.port}` } },
    files: {
      "etc/mail/access": `${ARTICLE_FILES["etc/mail/access"]}AuthInfo:127.0.0.34\t"U:company" "P:old secret" "M:PLAIN"\n`,
    },
  });
  await send(host, "friend@example.net");
  await host.logged(
    /stat=Deferred: .*AUTH PLAIN as company was refused by \[127\.0\.0\.34\]: 535 .*wrong password/,
  );
  right = "old secret";
  await host.mailhost(["queue", "run"]);
  await host.logged(/AUTH=client, relay=\[127\.0\.0\.34\] \[127\.0\.0\.34\], mech=PLAIN, bits=0/);
  await host.logged(/to=<friend@example\.net>.*mailer=relay, .*stat=Sent/);
  assert.deepEqual(smart.taken, [{ user: "company", secure: true }]);
  assert.ok(!host.log().includes("old secret"));
});

test("a list's owner is who its mail comes from", async (t) => {
  const sink = await sinkAt(t, "127.0.0.35");
  const host = await startHost(t, {
    users: ["wang"],
    settings: { relay: { smartHost: `[127.0.0.35]:${sink.port}` } },
    files: {
      "etc/mail/aliases": `${ARTICLE_FILES["etc/mail/aliases"]}news: wang, friend@example.net\nowner-news: wang\n`,
    },
  });
  await send(host, "news@linuxaid.com.cn");
  const [message] = await sink.taken(1);
  assert.match(message!.mail, /^<(wang|owner-news)@[^>]+>/);
  await host.arrived("wang");
});
