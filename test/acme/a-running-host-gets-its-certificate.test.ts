/** A running host gets its certificate by ACME, and its servers serve it without a restart; as root, after it has given root up. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import type { Endpoint } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, startOn } from "../harness/host.ts";
import { findProgram, needs, runProgram } from "../harness/programs.ts";
import { changeSettings, siteWithAuthority } from "./authority.ts";

const KEY = "etc/mail/tls/key.pem";
const CERT = "etc/mail/tls/cert.pem";
/** A host of the harness makes no certificate at its start; these do. */
const SELF_SIGNED = { tls: { selfSigned: true } };

/** The certificate that a server shows, whoever has signed it. */
async function shown(
  { host, port }: Endpoint,
  starttls: "smtp" | "pop3",
): Promise<X509Certificate | undefined> {
  const ran = await runProgram("openssl", [
    ...["s_client", "-connect", `${host}:${port}`, "-starttls", starttls],
    ...["-servername", "mail.a.example", "-verify_quiet"],
  ]);
  const pem = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(ran.stdout)?.[0];
  return pem === undefined ? undefined : new X509Certificate(pem);
}

/** Waits until both servers show a certificate that is not the given one. */
async function bothShow(host: MailHost, other: string): Promise<string> {
  const differs = async (at: Endpoint, kind: "smtp" | "pop3") => {
    const now = await shown(at, kind);
    return now !== undefined && now.fingerprint256 !== other ? now.fingerprint256 : undefined;
  };
  const smtp = await eventually(() => differs(host.smtp, "smtp"), {
    what: "the new certificate over SMTP",
    within: 60_000,
  });
  const pop3 = await eventually(() => differs(host.pop3, "pop3"), {
    what: "the new certificate over POP3",
    within: 60_000,
  });
  assert.equal(pop3, smtp);
  return smtp;
}

test(
  "the first start has a certificate at once, and a real one a moment later; a session that is open stays",
  needs("pebble", "openssl"),
  async (t) => {
    const { site } = await siteWithAuthority(t, { settings: SELF_SIGNED });
    const host = await startOn(t, site);
    const session = connect(host.smtp.port, host.smtp.host);
    t.after(() => session.destroy());
    let heard = "";
    session.setEncoding("latin1").on("data", (piece: string) => (heard += piece));
    await eventually(() => heard.startsWith("220 "), { what: "a greeting", within: 30_000 });
    await host.logged(/acme: certificate for mail\.a\.example, a\.example, until .*Pebble/, 60_000);
    const real = new X509Certificate(site.read(CERT));
    assert.match(real.issuer, /Pebble/);
    const selfMade = new X509Certificate(site.read(`${CERT}.old`));
    assert.equal(await bothShow(host, selfMade.fingerprint256), real.fingerprint256);
    session.write("NOOP\r\n");
    await eventually(() => /^250 /m.test(heard), { what: "an answer to NOOP", within: 30_000 });

    // The host has the port and the settings of the moment: it does it for the command.
    changeSettings(site, { acme: { domains: ["a.example", "mail.a.example", "pop.a.example"] } });
    const got = await site.mailhost(["certificate", "get"]);
    assert.equal(got.code, 0, got.stderr);
    assert.match(got.stdout, /mail\.a\.example, a\.example, pop\.a\.example/);
    const second = new X509Certificate(site.read(CERT));
    assert.equal(await bothShow(host, real.fingerprint256), second.fingerprint256);
    session.write("QUIT\r\n");
    await eventually(() => /^221 /m.test(heard), { what: "an answer to QUIT", within: 30_000 });
    assert.equal(await host.stop(), 0);
  },
);

test(
  "a host that can get none serves on, says why and when it tries again, and check says it too",
  needs("pebble", "openssl"),
  async (t) => {
    const { site } = await siteWithAuthority(t, {
      acme: { listen: ["127.0.0.1:0"] },
      settings: SELF_SIGNED,
    });
    const host = await startOn(t, site);
    await host.logged(/acme: no certificate: .* is not proved .*port 80 .*next try at 20/, 60_000);
    assert.ok((await shown(host.smtp, "smtp")) !== undefined, "the self-signed one is there");
    const checked = await site.mailhost(["check"]);
    assert.match(checked.stdout, /warning +acme: no certificate on .*is not proved.*next try at 20/);
    const asked = await site.mailhost(["certificate", "get"]);
    assert.equal(asked.code, 69, asked.stderr);
    assert.match(asked.stderr, /is not proved/);
    assert.equal(await host.stop(), 0);
  },
);

test(
  "as root: port 80 is bound before root is given up, and the files are the host's user's",
  needs("pebble", "openssl", "curl"),
  async (t) => {
    if (process.getuid?.() !== 0) return t.diagnostic("only root has something to give up");
    // A port of root's, on an address that nobody else uses.
    const address = `127.${1 + Math.floor(Math.random() * 250)}.${Math.floor(Math.random() * 250)}.80`;
    const { site, pebble } = await siteWithAuthority(t, {
      address,
      challengePort: 80,
      settings: { ...SELF_SIGNED, run: { user: "mail", group: "mail" } },
    });
    chmodSync(site.root, 0o755);
    // What mail is to read.
    writeFileSync(site.path("authority.pem"), readFileSync(pebble.caFile));
    changeSettings(site, { acme: { caFile: site.path("authority.pem") } });
    const host = await startOn(t, site);
    await host.logged(/running as mail/, 30_000);
    await host.logged(/acme: certificate for .*Pebble/, 60_000);
    const mail = statSync(site.path("var/lib/mailhost")).uid;
    assert.notEqual(mail, 0);
    for (const name of [KEY, CERT, `${KEY}.old`]) assert.equal(statSync(site.path(name)).uid, mail, name);
    assert.equal(statSync(site.path(KEY)).mode & 0o777, 0o600);
    const first = new X509Certificate(site.read(CERT)).fingerprint256;
    assert.equal(await bothShow(host, ""), first);
    // Once more: the port is still ours.
    const again = await site.mailhost(["certificate", "get"]);
    assert.equal(again.code, 0, again.stderr);
    assert.notEqual(new X509Certificate(site.read(CERT)).fingerprint256, first);
    const quiet = await runProgram(findProgram("curl") ?? "curl", ["-s", "-m", "10", `http://${address}/`]);
    assert.notEqual(quiet.code, 0, "nothing is said while nothing is outstanding");
    assert.equal(await host.stop(), 0);
    // Without the host, root does it, and the files stay mail's.
    const byRoot = await site.mailhost(["certificate", "get"]);
    assert.equal(byRoot.code, 0, byRoot.stderr);
    assert.equal(statSync(site.path(KEY)).uid, mail);
    await host.start();
    assert.equal(await host.stop(), 0);
  },
);
