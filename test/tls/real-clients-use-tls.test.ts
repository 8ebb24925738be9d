/**
 * Mail programs over TLS: with a certificate that they check against an authority, and with the self-signed one of a new host.
 */
import assert from "node:assert/strict";
import { chmodSync, statSync } from "node:fs";
import { test } from "node:test";
import { makeAuthority } from "../harness/authority.ts";
import { type MailHost, PASSWORD } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";
import { endpointOf, tlsHost, WAYS } from "./tls-rig.ts";

const NAMES = ["mail.linuxaid.com.cn", "localhost"];

async function hostWithOneMessage(t: Parameters<typeof tlsHost>[0]) {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: NAMES }), { users: ["wang"] });
  const mail = { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
  await sendMail(host.smtp, mail, mailText("the first"));
  await host.arrived("wang");
  return { authority, host };
}

function portOf(host: MailHost, kind: (typeof WAYS)[number]["port"]): number {
  return endpointOf(host, WAYS.find(({ port }) => port === kind)!).port;
}

const PYTHON = `
import poplib, smtplib, ssl, sys
ca, password, smtp, submission, smtps, pop3, pop3s = sys.argv[1:]
def context():
    c = ssl.create_default_context(cafile=ca)
    c.minimum_version = ssl.TLSVersion.TLSv1_2
    return c
def send(s, n):
    s.sendmail("li@linuxaid.com.cn", ["wang@linuxaid.com.cn"], "Subject: python %d\\r\\n\\r\\nx\\r\\n" % n)
    s.quit()
for n, port in enumerate((smtp, submission)):
    s = smtplib.SMTP("localhost", int(port))
    s.starttls(context=context())
    s.ehlo()
    assert not s.has_extn("starttls")
    send(s, n)
send(smtplib.SMTP_SSL("localhost", int(smtps), context=context()), 2)
def fetch(p):
    p.user("wang"); p.pass_(password)
    assert p.stat()[0] >= 1
    p.retr(1)
    p.quit()
p = poplib.POP3("localhost", int(pop3)); p.stls(context()); fetch(p)
fetch(poplib.POP3_SSL("localhost", int(pop3s), context=context()))
try:
    poplib.POP3_SSL("localhost", int(pop3s), context=ssl.create_default_context())
    raise SystemExit("taken without its authority")
except ssl.SSLCertVerificationError:
    pass
`;

test("Python's smtplib and poplib, with the certificate checked", needs("python3", "openssl"), async (t) => {
  const { authority, host } = await hostWithOneMessage(t);
  const ports = WAYS.map(({ port }) => String(portOf(host, port)));
  const ran = await runProgram("python3", ["-c", PYTHON, authority.caFile, PASSWORD, ...ports]);
  assert.equal(ran.code, 0, ran.stderr);
  const messages = await host.arrived("wang", 4);
  for (const { message } of messages.slice(1))
    assert.match(
      message.toString("latin1"),
      /\n\tby .* with ESMTPS id \S+\n\t\(version=TLSv1\.3 cipher=\S+ bits=256 verify=NO\)\n\tfor </,
    );
});

test(
  "mpop, msmtp, fetchmail and curl, with the certificate checked",
  needs("mpop", "msmtp", "fetchmail", "curl", "openssl"),
  async (t) => {
    const { authority, host } = await hostWithOneMessage(t);
    for (const [port, starttls] of [
      ["submission", "on"],
      ["smtps", "off"],
    ] as const) {
      const sent = await runProgram(
        "msmtp",
        [
          ...[
            "--host=localhost",
            `--port=${portOf(host, port)}`,
            "--tls=on",
            `--tls-starttls=${starttls}`,
            "--auth=off",
          ],
          ...[`--tls-trust-file=${authority.caFile}`, "--from=li@linuxaid.com.cn", "wang@linuxaid.com.cn"],
        ],
        { input: mailText(`by msmtp on ${port}`).replaceAll("\r\n", "\n") },
      );
      assert.equal(sent.code, 0, sent.stderr);
    }
    await host.arrived("wang", 3);
    for (const [port, starttls] of [
      ["pop3", "on"],
      ["pop3s", "off"],
    ] as const) {
      host.write(
        "mpoprc",
        [
          ...[
            "account wang",
            "host localhost",
            `port ${portOf(host, port)}`,
            "user wang",
            `password "${PASSWORD}"`,
          ],
          ...[
            "tls on",
            `tls_starttls ${starttls}`,
            `tls_trust_file ${authority.caFile}`,
            "auth user",
            "keep on",
          ],
          ...[`delivery mbox ${host.path(`mpop-${port}`)}`, `uidls_file ${host.path(`uidls-${port}`)}`, ""],
        ].join("\n"),
      );
      chmodSync(host.path("mpoprc"), 0o600);
      const mpop = await runProgram("mpop", [`--file=${host.path("mpoprc")}`, "wang"]);
      assert.equal(mpop.code, 0, mpop.stderr);
      assert.equal(readMbox(host.path(`mpop-${port}`)).length, 3);

      const scheme = port === "pop3" ? "pop3" : "pop3s";
      const curl = await runProgram("curl", [
        ...["-sS", "--ssl-reqd", "--cacert", authority.caFile, "-u", `wang:${PASSWORD}`],
        `${scheme}://localhost:${portOf(host, port)}/1`,
      ]);
      assert.equal(curl.code, 0, curl.stderr);
      assert.match(curl.stdout, /Subject: the first/);

      host.write(
        "fetchmailrc",
        `poll localhost protocol pop3 port ${portOf(host, port)} username wang password "${PASSWORD}" keep\n` +
          `  ${port === "pop3" ? 'sslproto "TLS1.2+"' : "ssl"} sslcertck sslcertfile ${authority.caFile}\n` +
          `  mda "cat >> ${host.path(`fetched-${port}`)}"\n`,
      );
      chmodSync(host.path("fetchmailrc"), 0o600);
      const fetchmail = await runProgram(
        "fetchmail",
        [
          "-f",
          host.path("fetchmailrc"),
          "-i",
          host.path(`fetchids-${port}`),
          "--pidfile",
          host.path("fetchmail.pid"),
        ],
        { env: { HOME: host.root } },
      );
      assert.equal(fetchmail.code, 0, `${fetchmail.stdout}${fetchmail.stderr}`);
      assert.match(host.read(`fetched-${port}`), /Subject: by msmtp on smtps/);
    }
  },
);

test("swaks over STARTTLS and on 465", needs("swaks", "openssl"), async (t) => {
  const { host } = await hostWithOneMessage(t);
  for (const [port, option] of [
    ["smtp", "--tls"],
    ["submission", "--tls"],
    ["smtps", "--tls-on-connect"],
  ] as const) {
    const ran = await runProgram("swaks", [
      ...["--server", "127.0.0.1", "--port", String(portOf(host, port)), option],
      ...["--from", "li@linuxaid.com.cn", "--to", "wang@linuxaid.com.cn"],
    ]);
    assert.equal(ran.code, 0, ran.stdout);
    assert.match(ran.stdout, /TLS started with cipher TLSv1\.3:TLS_AES_256_GCM_SHA384:256/);
  }
  await host.arrived("wang", 4);
});

test(
  "a new host, with nothing said of TLS, encrypts on all five ports",
  needs("curl", "openssl"),
  async (t) => {
    const host = await tlsHost(t, undefined, { users: ["wang"] });
    await host.logged(
      /tls: there was no certificate: made a self-signed one for mail\.linuxaid\.com\.cn in /,
    );
    assert.equal(statSync(host.path("etc/mail/tls/key.pem")).mode & 0o777, 0o600);
    const made = host.read("etc/mail/tls/cert.pem");
    const curl = (...args: string[]) =>
      runProgram("curl", ["-sS", "--ssl-reqd", ...args], { input: mailText("hello") });
    const trusting = ["--cacert", host.path("etc/mail/tls/cert.pem"), "--resolve"];
    for (const [scheme, port] of [
      ["smtp", "smtp"],
      ["smtp", "submission"],
      ["smtps", "smtps"],
    ] as const) {
      const at = portOf(host, port);
      const url = `${scheme}://mail.linuxaid.com.cn:${at}`;
      const mail = ["--mail-from", "li@linuxaid.com.cn", "--mail-rcpt", "wang@linuxaid.com.cn", "-T", "-"];
      const resolve = `mail.linuxaid.com.cn:${at}:127.0.0.1`;
      assert.equal((await curl(...trusting, resolve, url, ...mail)).code, 0, port);
      // Who does not know it does not trust it: 60 is curl's word for that.
      assert.equal((await curl("--resolve", resolve, url, ...mail)).code, 60, port);
    }
    await host.arrived("wang", 3);
    for (const [scheme, port] of [
      ["pop3", "pop3"],
      ["pop3s", "pop3s"],
    ] as const) {
      const at = portOf(host, port);
      const resolve = `mail.linuxaid.com.cn:${at}:127.0.0.1`;
      const url = `${scheme}://mail.linuxaid.com.cn:${at}/1`;
      const fetched = await curl(...trusting, resolve, "-u", `wang:${PASSWORD}`, url);
      assert.match(fetched.stdout, /Subject: hello/, fetched.stderr);
    }
    const check = (await host.mailhost(["check"])).stdout;
    assert.match(check, /^warning +tls: .*cert\.pem: is self-signed, mail programs warn about it/m);
    assert.match(check, /mailhost certificate get/);
    await host.restart();
    assert.equal(host.read("etc/mail/tls/cert.pem"), made, "what is there stays");
    assert.doesNotMatch(host.output, /self-signed/);
  },
);

test("half a pair is never replaced", async (t) => {
  const { tlsSite } = await import("./tls-rig.ts");
  const site = await tlsSite(t, undefined);
  site.write("etc/mail/tls/cert.pem", "mine\n");
  const { code, stderr } = await site.mailhost(["start"]);
  assert.equal(code, 78);
  assert.match(stderr, /key\.pem: is missing, its certificate .*cert\.pem is there/);
  assert.equal(site.read("etc/mail/tls/cert.pem"), "mine\n");
});
