import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { type Site, siteAt } from "@mailhost/common/site";
import { DnsError } from "@mailhost/mta/dns/resolver";
import { writeState } from "../../src/acme/acme-state.ts";
import { fingerprintOf } from "../../src/acme/certificate-files.ts";
import { checkAcme } from "../../src/check/acme.ts";
import { issue } from "../acme/issuer.ts";

const NOW = Date.now();
const ACME = "acme: { domains: [mail.a.example], agreeToTerms: true }\n";

/** What the check finds, as `level text`. */
async function found(
  t: TestContext,
  yaml: string,
  around: {
    records?: Record<string, string[]>;
    own?: string[];
    uid?: number;
    prepare?: (site: Site) => unknown;
    source?: string;
  } = {},
): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), "mailhost-check-acme-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  await around.prepare?.(site);
  const settings = parseSettings(`hostname: mail.a.example\n${yaml}`, "mailhost.yaml");
  const own = around.own ?? ["203.0.113.5"];
  const records = around.records ?? { "mail.a.example": ["203.0.113.5"] };
  const of = (name: string, six: boolean) => {
    if (records[name] === undefined) throw new DnsError("absent", name);
    if (records[name].length === 0) throw new DnsError("temporary", name);
    return Promise.resolve(records[name].filter((address) => address.includes(":") === six));
  };
  const findings = await checkAcme(site, settings, {
    identity: { user: "mail", uid: around.uid ?? 0, gid: 8 },
    resolver: { a: async (name) => of(name, false), aaaa: async (name) => of(name, true) },
    ownAddresses: own,
    isOwn: (address) => own.includes(address),
    source: around.source,
    now: NOW,
  });
  return findings.map(({ level, about, text }) => {
    assert.equal(about, "acme");
    return `${level} ${text}`;
  });
}

/** Puts a certificate in its place, got here or not. */
const present =
  (names: readonly string[], ours: boolean) =>
  async (site: Site): Promise<void> => {
    const { key, chain } = issue(names);
    const cert = join(site.etcMail, "tls/cert.pem");
    mkdirSync(dirname(cert), { recursive: true });
    writeFileSync(cert, chain);
    writeFileSync(join(site.etcMail, "tls/key.pem"), key);
    if (ours) await writeState(site, { ours: [fingerprintOf(chain)] }, undefined);
  };

test("where a sendmail.cf rules, its .mc is named: a mailhost.yaml beside it would take its place", async (t) => {
  const [steps] = await found(t, "", { source: "/etc/mail/sendmail.cf" });
  assert.ok(
    steps!.includes(
      "in the .mc of /etc/mail/sendmail.cf say MAILHOST_SETTING(`acme.domains', `[mail.a.example]')dnl ",
    ),
  );
  assert.ok(!steps!.includes("mailhost.yaml"));
});

test("without a real certificate the way to one is told, in three steps", async (t) => {
  const [steps, ...more] = await found(t, "");
  assert.deepEqual(more, []);
  assert.match(
    steps!,
    /^ok .*three steps: \(1\) .*domains: \[mail\.a\.example\].*\(2\) .*port 80.*\(3\) `mailhost certificate get --root \S+`/,
  );
  assert.deepEqual(
    await found(t, "", { prepare: present(["mail.a.example"], false) }),
    [],
    "one that was bought will do",
  );
});

test("what the last attempt came to, and what is next", async (t) => {
  assert.match(
    (await found(t, ACME))[0]!,
    /^warning there is no certificate from an authority; `mailhost certificate get`/,
  );
  const good = await found(t, ACME, { prepare: present(["mail.a.example"], true) });
  assert.deepEqual(good.length, 1);
  assert.match(good[0]!, /^ok certificate for mail\.a\.example, until .*; renewed on 20/);
  const failure = {
    at: NOW,
    error: "no way",
    count: 3,
    nextAt: NOW + 3_600_000,
    byAuthority: true,
    settings: "",
  };
  const failed = await found(t, ACME, {
    prepare: (site) => writeState(site, { ours: [], failure }, undefined),
  });
  assert.match(failed[0]!, /^warning no certificate on .*\(3 times in a row\): no way; next try at 20/);
  const foreign = await found(t, ACME, { prepare: present(["other.example"], false) });
  assert.match(foreign[0]!, /^warning .*does not name mail\.a\.example.*left alone/);
  const terms = await found(t, "acme: { domains: [mail.a.example] }\n");
  assert.match(terms[0]!, /^warning acme\.agreeToTerms/);
  assert.match(
    (await found(t, "acme: { domains: ['*.a.example'], agreeToTerms: true }\n"))[0]!,
    /^error .*wildcard/,
  );
});

test("whether the names lead here", async (t) => {
  const lead = async (records: Record<string, string[]>, own?: string[]) =>
    (
      await found(t, ACME, { records, ...(own && { own }), prepare: present(["mail.a.example"], true) })
    ).slice(1);
  assert.deepEqual(await lead({ "mail.a.example": ["203.0.113.5"] }), []);
  assert.match((await lead({}))[0]!, /^warning mail\.a\.example has no address in the DNS/);
  assert.match((await lead({ "mail.a.example": [] }))[0]!, /^warning mail\.a\.example can not be looked up/);
  const both = await lead({ "mail.a.example": ["203.0.113.5", "2001:db8::9"] });
  assert.match(both[0]!, /^warning mail\.a\.example leads to 2001:db8::9, which is no address of this host/);
  const behind = await lead({ "mail.a.example": ["203.0.113.5"] }, ["127.0.0.1", "192.168.1.2", "fe80::1"]);
  assert.match(
    behind[0]!,
    /^ok mail\.a\.example leads to 203\.0\.113\.5: a router there must pass port 80 on/,
  );
});

test("the host's own name belongs in the certificate", async (t) => {
  const yaml = "acme: { domains: [a.example], agreeToTerms: true }\n";
  const lines = await found(t, yaml, { records: { "a.example": ["203.0.113.5"] } });
  assert.match(lines[1]!, /^warning acme\.domains does not name mail\.a\.example/);
});

test("a folder that the host's user can not put a certificate into", async (t) => {
  const lines = await found(t, `${ACME}tls: { cert: elsewhere/cert.pem, key: elsewhere/key.pem }\n`, {
    uid: 65_000,
    prepare: (site) => mkdirSync(join(site.root, "elsewhere")),
  });
  assert.match(lines[1]!, /^warning .*elsewhere is not mail's.*`mailhost certificate renew` as root/);
});
