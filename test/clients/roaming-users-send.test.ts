/** People on the road send through ports 587 and 465 with a password: swaks, msmtp, curl and Python's smtplib. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { logIn, openEncrypted, startTls } from "../harness/encrypted-smtp.ts";
import { LAN, type MailHost, OUTSIDE, PASSWORD, type Scope, startHost } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { type Sink, startSink } from "../harness/sink.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const POPAUTH = fileURLToPath(new URL("../../packages/pop3/bin/popauth.js", import.meta.url));
const ROAMER = "wang@linuxaid.com.cn";
const FRIEND = "friend@example.net";
const SECRET = "for digests only";
const MESSAGE = `From: ${ROAMER}\nTo: ${FRIEND}\nSubject: from the road\n\nhello\n`;

async function fixture(
  t: Scope,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<{ host: MailHost; sink: Sink }> {
  const sink = await startSink("127.0.0.90", 0);
  t.after?.(() => sink.close());
  const host = await startHost(t, {
    users: ["wang"],
    settings: {
      smtp: { submission: ["127.0.0.1:0"], smtps: ["127.0.0.1:0"] },
      relay: { port: sink.port },
      tls: { selfSigned: true },
      ...settings,
    },
    zone: { "example.net": { a: ["127.0.0.90"] } },
  });
  return { host, sink };
}

/** The Received field of the one message that the sink has. */
function receivedOf(sink: Sink, at = 0): string {
  return /^Received: (?:.*\r?\n)(?:[ \t].*\r?\n)*/m.exec(sink.messages[at]!.message.toString())![0];
}

test("swaks: PLAIN, LOGIN and CRAM-MD5, by STARTTLS and from the first octet", needs("swaks"), async (t) => {
  const { host, sink } = await fixture(t);
  for (const [args, input] of [
    [["-init"], ""],
    [["-user", "wang"], `${SECRET}\n`],
  ] as const) {
    const ran = await runProgram(process.execPath, [POPAUTH, ...args, "--root", host.root], { input });
    assert.equal(ran.code, 0, ran.stderr);
  }
  const swaks = (mechanism: string, password: string, more: readonly string[]) =>
    runProgram("swaks", [
      ...["--server", "127.0.0.1", "--local-interface", OUTSIDE, "--from", ROAMER, "--to", FRIEND],
      ...["--auth", mechanism, "--auth-user", "wang", "--auth-password", password, ...more],
    ]);
  const submission = ["--port", String(host.submission.port), "--tls"];
  const smtps = ["--port", String(host.listening("smtps")[0]!.port), "--tls-on-connect"];
  let sent = 0;
  for (const mechanism of ["PLAIN", "LOGIN"]) {
    for (const port of [submission, smtps]) {
      const ran = await swaks(mechanism, PASSWORD, port);
      assert.equal(ran.code, 0, ran.stdout);
      sent += 1;
    }
  }
  const digest = await swaks("CRAM-MD5", SECRET, submission);
  assert.equal(digest.code, 0, digest.stdout);
  await host.logged(/authid=wang, mech=CRAM-MD5, bits=0/);
  await sink.taken(sent + 1);
  assert.match(receivedOf(sink), /\(authenticated bits=0\)[\s\S]*with ESMTPSA id /);
  assert.match(receivedOf(sink), /\[127\.0\.0\.9\]/);

  const wrong = await swaks("PLAIN", "not it", submission);
  assert.match(wrong.stdout, /<~\* 535 5\.7\.0 authentication failed/);
  const clear = await swaks("PLAIN", PASSWORD, ["--port", String(host.submission.port)]);
  assert.notEqual(clear.code, 0, "no password without TLS");
  await host.logged(/from=<wang@linuxaid\.com\.cn>, .*proto=ESMTPSA, daemon=MSA, authid=wang, relay=/);
  await host.logged(/AUTH=server, relay=.*\[127\.0\.0\.9\], authid=wang, mech=LOGIN, bits=0/);
  await host.logged(
    /AUTH failure \(PLAIN\): authentication failure .*, user=wang, relay=.*\[127\.0\.0\.9\]$/m,
  );
  assert.ok(!host.log().includes(PASSWORD) && !host.log().includes(SECRET));
  for (const { message } of sink.messages) assert.ok(!message.includes(PASSWORD));
});

test("msmtp sends over both ports", needs("msmtp"), async (t) => {
  const { host, sink } = await fixture(t);
  for (const [count, [port, starttls]] of (
    [
      [host.submission.port, "on"],
      [host.listening("smtps")[0]!.port, "off"],
    ] as const
  ).entries()) {
    const file = host.path(`msmtprc-${starttls}`);
    writeFileSync(
      file,
      `defaults\nauth on\ntls on\ntls_starttls ${starttls}\ntls_certcheck off\nsource_ip ${OUTSIDE}\naccount default\nhost 127.0.0.1\nport ${port}\nfrom ${ROAMER}\nuser wang\npassword "${PASSWORD}"\n`,
      { mode: 0o600 },
    );
    const ran = await runProgram("msmtp", ["-C", file, FRIEND], { input: MESSAGE });
    assert.equal(ran.code, 0, ran.stderr);
    await sink.taken(count + 1);
  }
});

test("curl sends over both ports", needs("curl"), async (t) => {
  const { host, sink } = await fixture(t);
  const curl = (url: string) =>
    runProgram(
      "curl",
      [
        ...["--silent", "--show-error", "--insecure", "--ssl-reqd", "--interface", OUTSIDE, "--url", url],
        ...["--user", `wang:${PASSWORD}`, "--mail-from", ROAMER, "--mail-rcpt", FRIEND, "--upload-file", "-"],
      ],
      { input: MESSAGE },
    );
  const first = await curl(`smtp://127.0.0.1:${host.submission.port}/client.test`);
  assert.equal(first.code, 0, first.stderr);
  const second = await curl(`smtps://127.0.0.1:${host.listening("smtps")[0]!.port}/client.test`);
  assert.equal(second.code, 0, second.stderr);
  await sink.taken(2);
});

test("Python's smtplib logs in and is told what is wrong", needs("python3"), async (t) => {
  const { host, sink } = await fixture(t);
  const script = `
import smtplib, ssl, sys
context = ssl._create_unverified_context()
def session():
    s = smtplib.SMTP("127.0.0.1", ${host.submission.port}, local_hostname="client.test", source_address=("${OUTSIDE}", 0))
    s.starttls(context=context)
    return s
s = session()
try:
    s.login("wang", "wrong")
except smtplib.SMTPAuthenticationError as e:
    print("refused", e.smtp_code)
s.close()
s = session()
print(s.login("wang", ${JSON.stringify(PASSWORD)}))
try:
    s.sendmail("li@linuxaid.com.cn", ["${FRIEND}"], "x")
except smtplib.SMTPSenderRefused as e:
    print("refused", e.smtp_code)
s.sendmail("${ROAMER}", ["${FRIEND}"], "Subject: from the road\\r\\n\\r\\nhello\\r\\n")
s.quit()
`;
  const ran = await runProgram("python3", ["-c", script]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout, "refused 535\n(235, b'2.0.0 OK Authenticated')\nrefused 553\n");
  await sink.taken(1);
});

test("a login in the clear is forgotten with STARTTLS, and can be done again", async (t) => {
  const { host } = await fixture(t);
  const plain = await openSmtp(host.submission, { from: LAN });
  assert.equal((await logIn(plain, "wang", PASSWORD)).code, 235);
  assert.equal((await logIn(plain, "wang", PASSWORD)).code, 503);
  const client = await startTls(plain);
  assert.equal((await client.command("MAIL FROM:<li@linuxaid.com.cn>")).code, 250, "the LAN, and no login");
  await client.command("RSET");
  assert.equal((await logIn(client, "wang", PASSWORD)).code, 235);
  assert.equal((await client.command("MAIL FROM:<li@linuxaid.com.cn>")).code, 553);
  client.close();
});

test("a submission gets what it lacks, loses Bcc, and is otherwise the same byte for byte", async (t) => {
  const { host, sink } = await fixture(t, { auth: { hideClientAddress: true } });
  const client = await openEncrypted(host.submission, "STARTTLS", { from: OUTSIDE });
  assert.equal((await logIn(client, "wang", PASSWORD)).code, 235);
  const body = "\r\n..dots\r\n\x80\xff no text\r\n\tDate: in the body\r\nBcc: in the body\r\n";
  const send = (header: string) =>
    client.send({ from: ROAMER, to: FRIEND }, Buffer.from(header + body, "latin1"));
  assert.equal(
    (await send("Subject: bare\r\nBCC: a@b.example,\r\n\tc@d.example\r\nX-After: kept\r\n")).code,
    250,
  );
  await sink.taken(1);
  const bare = sink.messages[0]!.message.toString("latin1");
  assert.match(
    bare,
    /^Received: \(authenticated bits=0\)\r\n\tby mail\.linuxaid\.com\.cn \(mailhost\) with ESMTPSA id \S+\r\n\t\(version=TLSv1\.3 .*?\)\r\n\tfor <friend@example\.net>;\r\n\t.*\r\nSubject: bare\r\nX-After: kept\r\nDate: .*\r\nMessage-ID: <\S+@mail\.linuxaid\.com\.cn>\r\nFrom: <wang@linuxaid\.com\.cn>\r\n\r\n/s,
  );
  assert.ok(bare.endsWith(body), "the body is as it came");
  assert.ok(!bare.includes("127.0.0.9") && !bare.includes("client.test"), "where it came from is not told");
  const whole = `Date: Tue, 24 Nov 2026 21:59:01 +0800\r\nmessage-id: <mine@client>\r\nfrom : Wang\r\n`;
  assert.equal((await send(whole)).code, 250);
  await sink.taken(2);
  assert.ok(sink.messages[1]!.message.toString("latin1").endsWith(whole + body));
  const resent = `Resent-To: x@example.net\r\nResent-Bcc: y@example.net\r\n${whole}`;
  assert.equal((await send(resent)).code, 250);
  await sink.taken(3);
  const again = sink.messages[2]!.message.toString("latin1");
  assert.match(
    again,
    /\r\nResent-Date: .*\r\nResent-Message-ID: .*\r\nResent-From: <wang@linuxaid\.com\.cn>\r\n\r\n/,
  );
  assert.ok(!again.includes("Resent-Bcc"));
  client.close();
});
