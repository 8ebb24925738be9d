/** `mailhost certificate` gets certificates from a real ACME authority (pebble) on loopback, and says why when it does not. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { loadSettings } from "@mailhost/common/settings/load";
import { siteAt } from "@mailhost/common/site";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { challengeServer } from "@mailhost/launcher/acme/challenge-server";
import { certificateRenewal } from "@mailhost/launcher/acme/renewal";
import type { Site } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { changeSettings, siteWithAuthority } from "./authority.ts";

const DAY = 86_400_000;
const KEY = "etc/mail/tls/key.pem";
const CERT = "etc/mail/tls/cert.pem";

const mode = (site: Site, name: string) => statSync(site.path(name)).mode & 0o777;
const certificate = (site: Site) => new X509Certificate(site.read(CERT));

async function status(site: Site): Promise<Record<string, unknown>> {
  return JSON.parse((await site.mailhost(["certificate", "--json"])).stdout);
}

/** The account's keys, one for each authority. */
function accountKeys(site: Site): string[] {
  const folder = site.path("var/lib/mailhost/acme");
  return readdirSync(folder)
    .map((name) => join(folder, name, "account.key"))
    .filter((file) => existsSync(file));
}

test("get: one certificate for two names, which others believe", needs("pebble", "openssl"), async (t) => {
  const { site, pebble } = await siteWithAuthority(t);
  assert.equal((await site.mailhost(["certificate"])).code, 69);
  const got = await site.mailhost(["certificate", "get"]);
  assert.equal(got.code, 0, got.stderr);
  assert.match(got.stdout, /^origin {4}got by ACME$/m);
  assert.match(got.stdout, /^names {5}mail\.a\.example, a\.example$/m);
  assert.deepEqual([mode(site, KEY), mode(site, CERT)], [0o600, 0o644]);
  const leaf = certificate(site);
  assert.equal(leaf.checkHost("mail.a.example"), "mail.a.example");
  assert.equal(leaf.checkHost("a.example"), "a.example");
  assert.equal(leaf.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  writeFileSync(site.path("root.pem"), await pebble.root());
  const believed = await runProgram("openssl", [
    ...["verify", "-CAfile", site.path("root.pem"), "-untrusted", site.path(CERT), "-purpose", "sslserver"],
    ...["-verify_hostname", "mail.a.example", site.path(CERT)],
  ]);
  assert.equal(believed.code, 0, believed.stderr);
  const [account] = accountKeys(site);
  assert.equal(statSync(account!).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(site.path("etc/mail/tls")).sort(), ["cert.pem", "key.pem"]);
});

test(
  "renew: nothing until it is due; a new key, the same account, the old pair kept",
  needs("pebble", "openssl"),
  async (t) => {
    const { site } = await siteWithAuthority(t);
    assert.equal((await site.mailhost(["certificate", "get"])).code, 0);
    const [first, key] = [site.read(CERT), site.read(KEY)];
    const [account] = accountKeys(site);
    const accountKey = readFileSync(account!, "utf8");
    const early = await site.mailhost(["certificate", "renew", "--json"]);
    assert.equal(early.code, 0, early.stderr);
    assert.equal(site.read(CERT), first);
    changeSettings(site, { acme: { domains: ["a.example", "mail.a.example", "pop.a.example"] } });
    assert.equal((await status(site)).why, "the certificate does not name pop.a.example");
    const renewed = await site.mailhost(["certificate", "renew"]);
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.equal(certificate(site).checkHost("pop.a.example"), "pop.a.example");
    assert.notEqual(site.read(KEY), key);
    assert.deepEqual([site.read(`${CERT}.old`), site.read(`${KEY}.old`)], [first, key]);
    assert.equal(mode(site, `${KEY}.old`), 0o600);
    assert.deepEqual(accountKeys(site), [account]);
    assert.equal(readFileSync(account!, "utf8"), accountKey);
  },
);

test(
  "a host that runs for months renews in time, with the authority gone for a while",
  needs("pebble", "openssl"),
  async (t) => {
    const { site: prepared, pebble } = await siteWithAuthority(t, { validity: 90 * 86_400 });
    const site = siteAt(prepared.root);
    const settings = loadSettings(site);
    const clock = new ManualClock(Date.now());
    const lines: string[] = [];
    const answers = challengeServer(settings.acme.listen);
    t.after(() => answers.close());
    const renewal = certificateRenewal({
      ...{ site, settings, clock, answers },
      waits: systemClock,
      owner: undefined,
      random: () => 0,
      installed: () => undefined,
      log: { write: (level, text) => void lines.push(`${level} ${text}`), close: () => Promise.resolve() },
    });
    t.after(() => renewal.stop());
    await renewal.look();
    const first = certificate(prepared);
    for (let day = 0; day < 59; day += 1) {
      await clock.advance(DAY);
      await renewal.look();
    }
    assert.equal(certificate(prepared).fingerprint256, first.fingerprint256);
    // Nobody answers for the names: the authority can not see that they are ours.
    prepared.dns.set("mail.a.example", "NXDOMAIN");
    await clock.advance(DAY + DAY / 2);
    await renewal.look();
    assert.equal(certificate(prepared).fingerprint256, first.fingerprint256);
    const failed = lines.find((line) => line.startsWith("error"));
    assert.match(failed ?? "", /acme: no certificate: mail\.a\.example is not proved .*next try at 20/);
    prepared.dns.set("mail.a.example", { a: ["127.0.0.1"] });
    await clock.advance(3_600_000);
    await renewal.look();
    const second = certificate(prepared);
    assert.notEqual(second.fingerprint256, first.fingerprint256, lines.join("\n"));
    assert.ok(pebble.log().length > 0);
  },
);

test("what goes wrong is said with what to do", needs("pebble", "openssl"), async (t) => {
  const { site, pebble } = await siteWithAuthority(t, { blocked: ["blocked.example"] });
  const fails = async (acme: object, code: number, words: RegExp, how = ["get"]) => {
    const before = site.read("etc/mail/mailhost.yaml");
    changeSettings(site, { acme });
    const tried = await site.mailhost(["certificate", ...how]);
    assert.match(tried.stderr, words);
    assert.equal(tried.code, code, tried.stderr);
    site.write("etc/mail/mailhost.yaml", before);
    return tried;
  };
  await fails({ domains: [] }, 78, /acme\.domains is empty: .*mail\.a\.example/);
  await fails({ domains: ["*.a.example"] }, 78, /wildcard/);
  await fails({ agreeToTerms: false }, 78, /acme\.agreeToTerms/);
  await fails({ directory: "http://authority.example/dir" }, 78, /acme\.directory: .*https/);
  await fails({ caFile: false }, 75, /can not be spoken to: .*acme\.caFile/);
  await fails({ caFile: "/nowhere.pem" }, 66, /acme\.caFile: /);
  await fails({ domains: ["blocked.example"] }, 78, /rejectedIdentifier.*see acme\.domains/);
  await fails({ listen: ["127.0.0.1:0"] }, 69, /is not proved.*port 80 of that name must reach this host/);
  await fails({ listen: ["192.0.2.1:8080"] }, 78, /this machine does not have the address/);
  const seen = await status(site);
  assert.equal(seen.certificate, "missing");
  assert.ok(Number(seen.failures) >= 4, "each is counted");
  await fails({ listen: ["127.0.0.1:0"] }, 69, /not proved/);
  const waits = await site.mailhost(["certificate", "renew"]);
  assert.equal(waits.code, 0, "other settings are tried at once");
  await pebble.stop();
  await fails({}, 75, /can not be spoken to: .*see acme\.directory/);
  assert.equal((await status(site)).valid, true, "the certificate stays");
});

test(
  "a certificate from elsewhere is not overwritten, unless one insists",
  needs("pebble", "openssl"),
  async (t) => {
    const { site } = await siteWithAuthority(t, { files: { [CERT]: "", [KEY]: "" } });
    const made = await runProgram("openssl", [
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", "/CN=bought.example", "-keyout", site.path(KEY), "-out", site.path(CERT)],
    ]);
    assert.equal(made.code, 0, made.stderr);
    const bought = site.read(CERT);
    for (const how of ["get", "renew"]) {
      const refused = await site.mailhost(["certificate", how]);
      assert.equal(refused.code, 77);
      assert.match(
        refused.stderr,
        /cert\.pem is a certificate of CN=bought\.example that was not got here: .*get --force/,
      );
    }
    assert.equal(site.read(CERT), bought);
    const checked = await site.mailhost(["check"]);
    assert.match(checked.stdout, /warning +acme: .*left alone/);
    assert.equal((await site.mailhost(["certificate", "get", "--force"])).code, 0);
    assert.equal(site.read(`${CERT}.old`), bought);
    assert.equal((await status(site)).origin, "acme");
  },
);
