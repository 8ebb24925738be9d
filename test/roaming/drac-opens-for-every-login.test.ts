/** POP before SMTP: every mechanism and every port of POP3 opens it, on port 25 alone; commands and drac.never close it. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { once } from "node:events";
import { chmodSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { formatPopauth } from "@mailhost/common/accounts/popauth-format";
import type { Endpoint } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { LAN, type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const SECRET = "shared secret";
const base64 = (text: string) => Buffer.from(text).toString("base64");

async function host(t: TestContext, drac: Readonly<Record<string, unknown>> = {}): Promise<MailHost> {
  const on = await startHost(t, {
    users: ["wang"],
    settings: {
      drac,
      tls: { selfSigned: true },
      smtp: { smtps: ["127.0.0.1:0"] },
      pop3: { pop3s: ["127.0.0.1:0"], clearTextPassword: "always" },
    },
    files: {
      "etc/mail/popauth.db": formatPopauth(new Map([["wang", Buffer.from(SECRET)]])),
    },
    zone: { "example.net": { a: ["127.0.0.80"] } },
  });
  chmodSync(on.path("etc/mail/popauth.db"), 0o600);
  return on;
}

/** What RCPT to another domain answers, or MAIL where that is refused. */
async function rcpt(at: Endpoint, from: string): Promise<number> {
  const client = await openSmtp(at, { from });
  const mail = await client.command("MAIL FROM:<wang@linuxaid.com.cn>");
  const reply = mail.code === 250 ? await client.command("RCPT TO:<friend@example.net>") : mail;
  client.close();
  return reply.code;
}

/** A session of lines over TLS or not; what was answered to the last. */
async function pop(
  at: Endpoint,
  from: string,
  how: "plain" | "stls" | "pop3s",
  lines: (greeting: string) => readonly string[],
) {
  const { connect } = await import("node:net");
  const { host: address, port } = at;
  const encrypted = { host: address, port, localAddress: from, rejectUnauthorized: false };
  let socket: ReturnType<typeof connect> =
    how === "pop3s" ? connectTls(encrypted) : connect({ host: address, port, localAddress: from });
  const answer = async () => {
    let text = "";
    while (!text.endsWith("\r\n")) text += ((await once(socket, "data")) as [Buffer])[0].toString("latin1");
    return text.trim();
  };
  const greeting = await answer();
  if (how === "stls") {
    socket.write("STLS\r\n");
    assert.match(await answer(), /^\+OK/);
    socket = connectTls({ socket, rejectUnauthorized: false });
    await once(socket, "secureConnect");
  }
  let last = "";
  for (const line of lines(greeting)) {
    socket.write(`${line}\r\n`);
    last = await answer();
    if (last.startsWith("+ ") && line.startsWith("AUTH CRAM-MD5")) {
      const challenge = Buffer.from(last.slice(2), "base64").toString();
      socket.write(`${base64(`wang ${createHmac("md5", SECRET).update(challenge).digest("hex")}`)}\r\n`);
      last = await answer();
    }
  }
  socket.destroy();
  return last;
}

test("USER, APOP, AUTH PLAIN, LOGIN and CRAM-MD5, STLS and pop3s open port 25 for their address, and no other port", async (t) => {
  const on = await host(t);
  const user = () => ["USER wang", `PASS ${PASSWORD}`];
  const apop = (greeting: string) => {
    const challenge = /<.*>/.exec(greeting)?.[0] ?? "";
    return [
      `APOP wang ${createHash("md5")
        .update(challenge + SECRET)
        .digest("hex")}`,
    ];
  };
  const pop3s = on.listening("pop3s")[0]!;
  const ways = [
    ["plain", on.pop3, user],
    ["plain", on.pop3, apop],
    ["plain", on.pop3, () => [`AUTH PLAIN ${base64(`\0wang\0${PASSWORD}`)}`]],
    ["plain", on.pop3, () => ["AUTH LOGIN", base64("wang"), base64(PASSWORD)]],
    ["plain", on.pop3, () => ["AUTH CRAM-MD5"]],
    ["stls", on.pop3, user],
    ["pop3s", pop3s, user],
  ] as const;
  for (const [n, [how, at, lines]] of ways.entries()) {
    const from = `127.0.3.${n + 1}`;
    assert.equal(await rcpt(on.smtp, from), 550, `${n}`);
    assert.match(await pop(at, from, how, lines), /^\+OK/, `${n}`);
    await eventually(async () => (await rcpt(on.smtp, from)) === 250, {
      within: 15_000,
      what: `the relay for ${from}`,
    });
    assert.equal(await rcpt(on.submission, from), 530, "submission wants a password all the same");
  }
  const listed = JSON.parse((await on.mailhost(["drac", "list", "--json"])).stdout) as readonly {
    ip: string;
    user: string;
  }[];
  assert.deepEqual(
    listed.map(({ ip }) => ip).sort(),
    ways.map((_, n) => `127.0.3.${n + 1}`),
  );
  assert.ok(listed.every((entry) => entry.user === "wang"));
  assert.match(
    (await on.mailhost(["drac", "export"])).stdout,
    /^# wang until \S+Z\nConnect:127\.0\.3\.\d\tRELAY$/m,
  );
  assert.equal((await on.mailhost(["drac", "remove", "127.0.3.1"])).stdout, "removed 127.0.3.1\n");
  assert.equal(await rcpt(on.smtp, "127.0.3.1"), 550);
  assert.equal((await on.mailhost(["drac", "add", "127.0.3.1", "--user", "wang"])).code, 0);
  assert.equal(await rcpt(on.smtp, "127.0.3.1"), 250);
});

test("drac.never, this host and RELAY networks get no entry", async (t) => {
  const on = await host(t, { never: ["127.0.4.0/24"] });
  for (const from of ["127.0.0.1", LAN, "127.0.4.7"]) {
    const session = await loggedIn(on.pop3, "wang", PASSWORD, { from });
    await session.quit();
  }
  const last = await loggedIn(on.pop3, "wang", PASSWORD, { from: "127.0.5.7" });
  await last.quit();
  await eventually(async () => (await rcpt(on.smtp, "127.0.5.7")) === 250, {
    within: 15_000,
    what: "the relay to open",
  });
  assert.equal(await rcpt(on.smtp, "127.0.4.7"), 550);
  assert.match((await on.mailhost(["drac", "list"])).stdout, /^127\.0\.5\.7\t\S+Z\twang\n$/);
  assert.match(
    (await on.mailhost(["drac", "add", "127.0.4.7", "--user", "x"])).stderr,
    /drac\.never names it/,
  );
});
