/**
 * Real clients log in by APOP, CRAM-MD5, PLAIN and LOGIN, in clear and behind STLS, with the secrets that popauth set.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type MailHost, PASSWORD, prepareSite, type Scope, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { needs, type Ran, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

const POPAUTH = fileURLToPath(new URL("../../packages/pop3/bin/popauth.js", import.meta.url));
const SECRET = "another secret";

/** A host with a certificate, wang with a password, chen with a password and a secret, and mail for both. */
async function host(t: Scope): Promise<MailHost> {
  const site = await prepareSite(t, { users: ["wang", "chen"] });
  mkdirSync(site.path("etc/mail/tls"), { recursive: true });
  const made = await runProgram("openssl", [
    ..."req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 -days 2".split(
      " ",
    ),
    ...["-addext", "subjectAltName=IP:127.0.0.1"],
    ...["-keyout", site.path("etc/mail/tls/key.pem"), "-out", site.path("etc/mail/tls/cert.pem")],
  ]);
  assert.equal(made.code, 0, made.stderr);
  for (const [args, input] of [
    [["-init"], ""],
    [["-user", "chen"], `${SECRET}\n`],
  ] as const) {
    const ran = await runProgram(process.execPath, [POPAUTH, ...args, "--root", site.root], { input });
    assert.equal(ran.code, 0, ran.stderr);
  }
  const running = await startOn(t, site);
  for (const user of ["wang", "chen"]) {
    const envelope = { from: "li@linuxaid.com.cn", to: `${user}@linuxaid.com.cn` };
    await sendMail(running.smtp, envelope, mailText(`for ${user}`));
    await running.arrived(user);
  }
  return running;
}

/** Who logs in with what: a secret proves itself by a digest, a password is sent. */
const WAYS = [
  { mechanism: "APOP", user: "chen", secret: SECRET },
  { mechanism: "CRAM-MD5", user: "chen", secret: SECRET },
  { mechanism: "PLAIN", user: "wang", secret: PASSWORD },
  { mechanism: "LOGIN", user: "wang", secret: PASSWORD },
] as const;

test("curl", needs("curl"), async (t) => {
  const running = await host(t);
  const curl = (user: string, secret: string, ...more: string[]): Promise<Ran> =>
    runProgram("curl", [
      ...["--silent", "--show-error", "--user", `${user}:${secret}`, ...more],
      `pop3://127.0.0.1:${running.pop3.port}/1`,
    ]);
  for (const { mechanism, user, secret } of WAYS) {
    const options = `AUTH=${mechanism === "APOP" ? "+APOP" : mechanism}`;
    const fetched = await curl(user, secret, "--login-options", options);
    assert.equal(fetched.code, 0, `${mechanism}: ${fetched.stderr}`);
    assert.match(fetched.stdout, new RegExp(`for ${user}`));
    const wrong = await curl(user, "wrong", "--login-options", options);
    assert.equal(wrong.code, 67, `${mechanism}: curl's code for a login that was denied`);
    const tls = ["--ssl-reqd", "--cacert", running.path("etc/mail/tls/cert.pem")];
    const encrypted = await curl(user, secret, "--login-options", options, ...tls);
    assert.equal(encrypted.code, 0, `${mechanism} behind STLS: ${encrypted.stderr}`);
  }
  // Whoever has a secret is not let in by a password.
  assert.equal((await curl("chen", PASSWORD, "--login-options", "AUTH=PLAIN")).code, 67);
  assert.match(running.log(), /apop "chen"/);
  assert.doesNotMatch(running.log(), new RegExp(`${SECRET}|${PASSWORD}`));
});

test("mpop", needs("mpop"), async (t) => {
  const running = await host(t);
  for (const { mechanism, user, secret } of WAYS) {
    for (const tls of ["tls off", "tls on\ntls_starttls on\ntls_certcheck off"]) {
      const name = `fetched-${mechanism}-${tls.slice(4, 7).trim()}`;
      running.write(
        "mpoprc",
        `account x\nhost 127.0.0.1\nport ${running.pop3.port}\nuser ${user}\npassword "${secret}"\n${tls}\nauth ${mechanism.toLowerCase()}\nkeep on\ndelivery mbox ${running.path(name)}\nuidls_file ${running.path(`${name}-uidls`)}\n`,
      );
      chmodSync(running.path("mpoprc"), 0o600);
      const ran = await runProgram("mpop", [`--file=${running.path("mpoprc")}`, "--quiet", "x"]);
      assert.equal(ran.code, 0, `${mechanism}, ${tls}: ${ran.stderr}`);
      assert.match(running.read(name), new RegExp(`for ${user}`));
    }
  }
});

test("fetchmail", needs("fetchmail"), async (t) => {
  const running = await host(t);
  for (const { mechanism, user, secret } of WAYS) {
    if (mechanism === "PLAIN" || mechanism === "LOGIN") continue;
    const how = mechanism === "APOP" ? "protocol apop" : "protocol pop3 auth cram-md5";
    running.write(
      "fetchmailrc",
      `poll 127.0.0.1 service ${running.pop3.port} ${how} user "${user}" password "${secret}" keep fetchall sslproto "" mda "cat >> ${running.path(`by-${mechanism}`)}"\n`,
    );
    chmodSync(running.path("fetchmailrc"), 0o600);
    const ran = await runProgram(
      "fetchmail",
      ["-f", running.path("fetchmailrc"), "--pidfile", running.path("fetchmail.pid"), "-v"],
      {
        env: { HOME: running.root, FETCHMAILHOME: running.root },
      },
    );
    assert.equal(ran.code, 0, `${mechanism}: ${ran.stdout}${ran.stderr}`);
    assert.match(running.read(`by-${mechanism}`), new RegExp(`for ${user}`));
    assert.doesNotMatch(ran.stdout, /> PASS /);
  }
});

test("Python's poplib", needs("python3"), async (t) => {
  const running = await host(t);
  const script = `
import poplib, ssl, sys
port = int(sys.argv[1])
c = poplib.POP3("127.0.0.1", port)
c.apop("chen", ${JSON.stringify(SECRET)})
assert c.stat()[0] == 1
c.quit()
c = poplib.POP3("127.0.0.1", port)
assert "STLS" in c.capa()
c.stls(ssl._create_unverified_context())
assert "STLS" not in c.capa() and "SASL" in c.capa()
c.user("wang"); c.pass_(${JSON.stringify(PASSWORD)})
assert b"for wang" in b"\\n".join(c.retr(1)[1])
c.quit()
c = poplib.POP3("127.0.0.1", port)
try:
    c.apop("chen", "wrong")
except poplib.error_proto as e:
    assert b"[AUTH] authentication failure" in e.args[0], e
else:
    raise SystemExit("a wrong secret was taken")
`;
  const ran = await runProgram("python3", ["-c", script, String(running.pop3.port)]);
  assert.equal(ran.code, 0, ran.stderr);
});

test("openssl s_client -starttls pop3", needs("openssl"), async (t) => {
  const running = await host(t);
  const ran = await runProgram(
    "openssl",
    ["s_client", "-starttls", "pop3", "-quiet", "-crlf", "-connect", `127.0.0.1:${running.pop3.port}`],
    { input: `USER wang\nPASS ${PASSWORD}\nSTAT\nQUIT\n` },
  );
  assert.match(ran.stdout, /\+OK wang has 1 visible message/);
  assert.match(ran.stdout, /\+OK Pop server at mail\.linuxaid\.com\.cn signing off\./);
});
