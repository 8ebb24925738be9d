import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { siteAt } from "@mailhost/common/site";
import { issue } from "@mailhost/common/testing/issued-certificate";
import { signedByItself } from "@mailhost/common/tls/self-signed";
import { DnsError } from "@mailhost/mta/dns/resolver";
import { checkTls } from "../../src/check/tls.ts";

const OWN = "203.0.113.5";

/** A site whose certificate is for mail.a.example, and whose mail is for a.example and b.example. */
function siteWith(
  t: TestContext,
  { cert, key }: { cert: string; key: string },
  { yaml = "", source = "mailhost.yaml" } = {},
) {
  const root = mkdtempSync(join(tmpdir(), "check-tls-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "etc/mail/tls"), { recursive: true });
  writeFileSync(join(root, "etc/mail/tls/cert.pem"), cert);
  writeFileSync(join(root, "etc/mail/tls/key.pem"), key, { mode: 0o600 });
  writeFileSync(join(root, "etc/mail/local-host-names"), "a.example\nB.example\n");
  const settings = parseSettings(`hostname: mail.a.example\n${yaml}`, "mailhost.yaml");
  /** What check says, by the exchangers of the domains and the addresses of names. */
  return async (
    exchangers: Readonly<Record<string, string>>,
    addresses: Readonly<Record<string, string>>,
  ) => {
    const findings = await checkTls(siteAt(root), settings, {
      source: join(root, "etc/mail", source),
      isOwn: (address) => address === OWN,
      now: Date.now(),
      resolver: {
        mx: async (domain) => {
          const exchange = exchangers[domain];
          if (exchange === undefined) throw new DnsError("absent", domain);
          return [{ preference: 10, exchange }];
        },
        a: async (name) => {
          const address = addresses[name];
          if (address === undefined) throw new DnsError("temporary", name);
          return [address];
        },
      },
    });
    return findings.map(({ level, text }) => `${level}: ${text}`);
  };
}

const ofMx = (findings: readonly string[]) => findings.filter((text) => text.includes("MX record"));

test("a name of this host in an MX record that no certificate has is named", async (t) => {
  const { own, key } = await issue("mail.a.example");
  const check = siteWith(t, { cert: own, key });
  const addresses = { "mx.b.example": OWN, "mail.a.example": OWN, "mx.provider.example": "198.51.100.7" };
  assert.deepEqual(
    ofMx(await check({ "a.example": "Mail.A.example.", "b.example": "MX.b.example." }, addresses)),
    ["warning: no certificate is for mx.b.example, the name of this host in the MX record of b.example"],
  );
  assert.deepEqual(ofMx(await check({ "a.example": "mail.a.example" }, addresses)), []);
  assert.deepEqual(ofMx(await check({ "a.example": "mx.provider.example" }, addresses)), [], "another host");
  assert.deepEqual(
    ofMx(await check({ "a.example": "mx.unknown.example" }, addresses)),
    [],
    "the DNS is silent",
  );
  assert.deepEqual(ofMx(await check({ "a.example": "" }, addresses)), [], "a null MX");
});

test("of a self-signed certificate nobody checks the name; a chain in the wrong order is told", async (t) => {
  const exchangers = { "a.example": "mx.b.example" };
  const addresses = { "mx.b.example": OWN };
  const selfSigned = siteWith(t, await signedByItself("mail.a.example", Date.now()));
  assert.deepEqual(ofMx(await selfSigned(exchangers, addresses)), []);
  const { own, issuer, key } = await issue("mail.a.example");
  const said = await siteWith(t, { cert: issuer + own, key })(exchangers, addresses);
  assert.equal(said.filter((text) => /^warning: .*cert\.pem: .* in the wrong order/.test(text)).length, 1);
});

test("who may log in without TLS is said, as it is news to those who come from Qpopper", async (t) => {
  const pair = await signedByItself("mail.a.example", Date.now());
  const of = async (yaml: string, source?: string) =>
    (await siteWith(t, pair, { yaml, ...(source === undefined ? {} : { source }) })({}, {})).filter((text) =>
      text.includes("passwords"),
    );
  assert.match((await of("")).join(), /^ok: passwords without TLS .* this host and RELAY networks only/);
  const open = "tls: { allowPlaintextAuth: true }\n";
  assert.match((await of(open)).join(), /^warning: passwords are taken without TLS from everywhere/);
  assert.deepEqual(await of(open, "sendmail.cf"), [], "told with the line of the sendmail.cf");
});
