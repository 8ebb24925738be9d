/**
 * Clients that believe no certificate that they have not checked, on all five ports: openssl, swaks, msmtp, curl, smtplib, poplib,
 * mpop, fetchmail, getmail and s-nail send and fetch; nobody's password goes without TLS.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { makeAuthority } from "../harness/authority.ts";
import { AWKWARD_BODIES } from "../harness/filled-mailbox.ts";
import { runGetmail } from "../harness/getmail.ts";
import { type MailHost, OUTSIDE, PASSWORD } from "../harness/host.ts";
import { IS_ROOT, SOMEBODY } from "../harness/local-users.ts";
import { mailText } from "../harness/mail.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";
import { endpointOf, tlsHost, WAYS } from "../tls/tls-rig.ts";

const ROAMER = "wang@linuxaid.com.cn";
const NEIGHBOUR = "li@linuxaid.com.cn";
/** The name in the certificate. */
const HOST = "localhost";

interface Roaming {
  readonly host: MailHost;
  /** What clients trust. */
  readonly caFile: string;
  /** The port of a way, `submission` or `pop3s`. */
  readonly port: (name: (typeof WAYS)[number]["port"]) => number;
}

async function roaming(t: TestContext): Promise<Roaming> {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: [HOST] }), { users: ["wang", "li"] });
  const port: Roaming["port"] = (name) => endpointOf(host, WAYS.find((way) => way.port === name)!).port;
  return { host, caFile: authority.caFile, port };
}

/** A roaming user, and mail that waits for it. */
async function withMail(t: TestContext): Promise<Roaming> {
  const rig = await roaming(t);
  for (const [i, body] of AWKWARD_BODIES.entries()) {
    const envelope = { from: NEIGHBOUR, to: ROAMER };
    assert.equal((await sendMail(rig.host.smtp, envelope, mailText(`awkward ${i}`, body))).code, 250);
  }
  await rig.host.arrived("wang", AWKWARD_BODIES.length);
  return rig;
}

/** All bodies are in what a program fetched, whatever its line ends, quotes of `From ` and dots. */
function assertFetched(text: string, who: string): void {
  const plain = (all: string) => all.replaceAll("\r\n", "\n").replaceAll(/^>+From /gm, "From ");
  for (const body of AWKWARD_BODIES)
    assert.ok(plain(text).includes(plain(body)), `${who}: ${body.slice(-10)}`);
}

test("openssl s_client finds a certificate that it can check on each port", needs("openssl"), async (t) => {
  const { host, caFile } = await roaming(t);
  for (const way of WAYS) {
    const { port } = endpointOf(host, way);
    const ran = await runProgram(
      "openssl",
      [
        ...[
          "s_client",
          "-connect",
          `127.0.0.1:${port}`,
          "-servername",
          HOST,
          "-verify_hostname",
          HOST,
          "-CAfile",
          caFile,
        ],
        ...[
          "-verify_return_error",
          "-brief",
          ...(way.starttls === undefined ? [] : ["-starttls", way.starttls]),
        ],
      ],
      { input: "QUIT\r\n" },
    );
    assert.equal(ran.code, 0, `${way.port}: ${ran.stderr}`);
    assert.match(ran.stderr, /Protocol version: TLSv1\.3[\s\S]*Verification: OK/, way.port);
  }
});

test(
  "swaks, msmtp, curl and smtplib check the certificate, log in and send",
  needs("swaks", "msmtp", "curl", "python3"),
  async (t) => {
    const { host, caFile, port } = await roaming(t);
    let sent = 0;
    const arrived = async (who: string) => {
      sent++;
      assert.equal((await host.arrived("li", sent)).length, sent, who);
    };
    const text = (who: string) => `From: ${ROAMER}\nTo: ${NEIGHBOUR}\nSubject: by ${who}\n\nhello\n`;
    const plain = (name: "smtp" | "submission") => [name, ["--tls"]] as const;
    for (const [name, tls] of [
      plain("smtp"),
      plain("submission"),
      ["smtps", ["--tls-on-connect"]] as const,
    ]) {
      for (const mechanism of ["PLAIN", "LOGIN"]) {
        const ran = await runProgram("swaks", [
          ...[
            "--server",
            HOST,
            "--port",
            String(port(name)),
            ...tls,
            "--tls-verify",
            "--tls-ca-path",
            caFile,
          ],
          ...[
            "--from",
            ROAMER,
            "--to",
            NEIGHBOUR,
            "--auth",
            mechanism,
            "--auth-user",
            "wang",
            "--auth-password",
            PASSWORD,
          ],
        ]);
        assert.equal(ran.code, 0, ran.stdout);
        await arrived(`swaks ${mechanism} ${name}`);
      }
    }
    for (const [name, starttls] of [
      ["submission", "on"],
      ["smtps", "off"],
    ] as const) {
      const file = `msmtprc-${name}`;
      host.write(
        file,
        `defaults\nauth on\ntls on\ntls_starttls ${starttls}\ntls_trust_file ${caFile}\naccount default\nhost ${HOST}\nport ${port(name)}\n` +
          `from ${ROAMER}\nuser wang\npassword "${PASSWORD}"\n`,
      );
      chmodSync(host.path(file), 0o600);
      const ran = await runProgram("msmtp", ["-C", host.path(file), NEIGHBOUR], { input: text("msmtp") });
      assert.equal(ran.code, 0, ran.stderr);
      await arrived(`msmtp ${name}`);
      const scheme = name === "smtps" ? "smtps" : "smtp";
      const curl = await runProgram(
        "curl",
        [
          ...["--silent", "--show-error", "--ssl-reqd", "--cacert", caFile, "--user", `wang:${PASSWORD}`],
          ...["--mail-from", ROAMER, "--mail-rcpt", NEIGHBOUR, "--upload-file", "-"],
          `${scheme}://${HOST}:${port(name)}/client.test`,
        ],
        { input: text("curl") },
      );
      assert.equal(curl.code, 0, curl.stderr);
      await arrived(`curl ${name}`);
      const python = await runProgram("python3", ["-c", SMTPLIB, name, String(port(name)), caFile, PASSWORD]);
      assert.equal(python.code, 0, python.stderr);
      await arrived(`smtplib ${name}`);
    }
    // A host by another name than the certificate's is not spoken to.
    const wrong = await runProgram("curl", [
      ...["--silent", "--ssl-reqd", "--cacert", caFile, "--user", `wang:${PASSWORD}`],
      `smtps://127.0.0.1:${port("smtps")}/`,
    ]);
    assert.equal(wrong.code, 60);
    assert.ok(!host.log().includes(PASSWORD));
  },
);

const SMTPLIB = `
import smtplib, ssl, sys
way, port, ca, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if way == 'smtps':
    s = smtplib.SMTP_SSL('${HOST}', int(port), local_hostname='client.test', context=context)
else:
    s = smtplib.SMTP('${HOST}', int(port), local_hostname='client.test')
    s.starttls(context=context)
s.login('wang', password)
s.sendmail('${ROAMER}', ['${NEIGHBOUR}'], 'Subject: by smtplib\\r\\n\\r\\nhello\\r\\n')
s.quit()
`;

test(
  "curl, poplib, mpop, fetchmail and getmail check the certificate, log in and fetch",
  needs("curl", "python3", "mpop", "fetchmail", "getmail"),
  async (t) => {
    const { host, caFile, port } = await withMail(t);
    for (const way of ["pop3", "pop3s"] as const) {
      const implicit = way === "pop3s";
      const curl = await runProgram("curl", [
        ...["--silent", "--show-error", "--ssl-reqd", "--cacert", caFile, "--user", `wang:${PASSWORD}`],
        `${way}://${HOST}:${port(way)}/[1-${AWKWARD_BODIES.length}]`,
      ]);
      assert.equal(curl.code, 0, curl.stderr);
      assertFetched(curl.stdout, `curl ${way}`);

      const python = await runProgram("python3", ["-c", POPLIB, way, String(port(way)), caFile, PASSWORD]);
      assert.equal(python.code, 0, python.stderr);
      assertFetched(python.stdout, `poplib ${way}`);

      const files = {
        mpop: `mpop-${way}.fetched`,
        fetchmail: `fetchmail-${way}.fetched`,
        getmail: `getmail-${way}.fetched`,
      };
      const read = (name: string) =>
        existsSync(host.path(name)) ? readFileSync(host.path(name), "latin1") : "";
      host.write(
        `mpoprc-${way}`,
        `account wang\nhost ${HOST}\nport ${port(way)}\nuser wang\npassword "${PASSWORD}"\ntls on\ntls_starttls ${implicit ? "off" : "on"}\n` +
          `tls_trust_file ${caFile}\nauth user\nkeep on\nreceived_header off\ndelivery mbox ${host.path(files.mpop)}\nuidls_file ${host.path(`uidls-${way}`)}\n`,
      );
      chmodSync(host.path(`mpoprc-${way}`), 0o600);
      const mpop = await runProgram("mpop", [`--file=${host.path(`mpoprc-${way}`)}`, "--quiet", "wang"]);
      assert.equal(mpop.code, 0, mpop.stderr);
      assertFetched(read(files.mpop), `mpop ${way}`);

      host.write(
        `fetchmailrc-${way}`,
        `poll ${HOST} protocol POP3 port ${port(way)} auth password uidl\n  user "wang" password "${PASSWORD}" ${implicit ? "ssl" : ""} ` +
          `sslproto "TLS1.2+" sslcertck sslcertfile "${caFile}" no rewrite keep mda "cat >> '${host.path(files.fetchmail)}'"\n`,
      );
      chmodSync(host.path(`fetchmailrc-${way}`), 0o600);
      const fetchmail = await runProgram(
        "fetchmail",
        [
          ...["--fetchmailrc", host.path(`fetchmailrc-${way}`), "--idfile", host.path(`ids-${way}`)],
          ...["--pidfile", host.path(`pid-${way}`)],
        ],
        { env: { HOME: host.root, FETCHMAILHOME: host.root } },
      );
      assert.equal(fetchmail.code, 0, `${fetchmail.stdout}\n${fetchmail.stderr}`);
      assertFetched(read(files.fetchmail), `fetchmail ${way}`);

      // It knows no STLS.
      if (implicit) await getmail({ host, caFile, port }, files.getmail);
    }
    const clear = await runProgram("curl", [
      ...["--silent", "--interface", OUTSIDE, "--user", `wang:${PASSWORD}`],
      `pop3://127.0.0.1:${port("pop3")}/`,
    ]);
    assert.equal(clear.code, 67, "no password from outside without TLS");
  },
);

test("s-nail checks the certificate, logs in and fetches", needs("s-nail"), async (t) => {
  const { host, caFile, port } = await withMail(t);
  for (const way of ["pop3", "pop3s"] as const) {
    const fetched = host.path(`s-nail-${way}.fetched`);
    const folder = `${way}://wang:${encodeURIComponent(PASSWORD)}@${HOST}:${port(way)}`;
    const starttls = way === "pop3" ? "-Spop3-use-starttls" : "-Snopop3-use-starttls";
    const tls = ["-Stls-verify=strict", `-Stls-ca-file=${caFile}`, starttls];
    const snail = await runProgram(
      "s-nail",
      ["-:/", "-#", "-Sv15-compat", "-Spop3-auth=plain", ...tls, "-f", folder],
      { input: `copy * "${fetched}"\nexit\n`, env: { HOME: host.root } },
    );
    assert.ok(existsSync(fetched), `${snail.stdout}\n${snail.stderr}`);
    assertFetched(readFileSync(fetched, "latin1"), `s-nail ${way}`);
  }
});

const POPLIB = `
import poplib, ssl, sys
poplib._MAXLINE = 10_000
way, port, ca, password = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
if way == 'pop3s':
    p = poplib.POP3_SSL('${HOST}', int(port), context=context, timeout=20)
else:
    p = poplib.POP3('${HOST}', int(port), timeout=20)
    p.stls(context=context)
p.user('wang'); p.pass_(password)
for i in range(p.stat()[0]):
    sys.stdout.buffer.write(b'\\r\\n'.join(p.retr(i + 1)[1]) + b'\\r\\n')
p.quit()
`;

async function getmail({ host, caFile, port }: Roaming, file: string): Promise<void> {
  mkdirSync(host.path("getmail"));
  host.write(file, "");
  // Whoever it delivers as reads the authority's certificate too.
  host.write("getmail/ca.pem", readFileSync(caFile, "latin1"));
  if (IS_ROOT) {
    chmodSync(host.root, 0o755);
    const { stdout } = await runProgram("id", ["-u", SOMEBODY]);
    chownSync(host.path(file), Number(stdout), -1);
  }
  host.write(
    "getmail/getmailrc",
    `[retriever]\ntype = SimplePOP3SSLRetriever\nserver = ${HOST}\nport = ${port("pop3s")}\nusername = wang\npassword = ${PASSWORD}\n` +
      `ca_certs = ${host.path("getmail/ca.pem")}\n[destination]\ntype = Mboxrd\npath = ${host.path(file)}\n${IS_ROOT ? `user = ${SOMEBODY}\n` : ""}` +
      "[options]\nverbose = 0\nreceived = false\ndelivered_to = false\nread_all = true\ndelete = false\n",
  );
  const ran = await runGetmail(["-g", host.path("getmail")], { env: { HOME: host.root } });
  assert.equal(ran.code, 0, `${ran.stdout}\n${ran.stderr}`);
  assertFetched(readFileSync(host.path(file), "latin1"), "getmail");
}
