import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import type { AcmeSettings } from "@mailhost/common/settings/roaming-settings";
import { siteAt } from "@mailhost/common/site";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { signedByItself } from "@mailhost/common/tls/self-signed";
import { AcmeError } from "../../src/acme/acme-error.ts";
import { readState } from "../../src/acme/acme-state.ts";
import type { Issued } from "../../src/acme/authority.ts";
import { type CertificateSettings, pairPaths } from "../../src/acme/get-certificate.ts";
import { certificateRenewal } from "../../src/acme/renewal.ts";
import { issue } from "./issuer.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NAMES = ["mail.a.example", "a.example"];

/** A host's renewal on a root of its own, with an authority that does what the test says. */
function rig(t: TestContext, acme: Partial<AcmeSettings> = {}) {
  const root = mkdtempSync(join(tmpdir(), "mailhost-renewal-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  const clock = new ManualClock(Date.now());
  const lines: string[] = [];
  const asked: { readonly names: readonly string[]; readonly at: number; readonly key: string }[] = [];
  let answer: () => Issued | Promise<Issued> = () => issue(NAMES);
  let installs = 0;
  const base = parseSettings("hostname: mail.a.example\n", "mailhost.yaml");
  const settingsWith = (over: Partial<AcmeSettings>): CertificateSettings => ({
    ...base,
    hostname: "mail.a.example",
    acme: {
      ...base.acme,
      domains: ["a.example", "mail.a.example"],
      directory: "https://authority.example/directory",
      agreeToTerms: true,
      ...acme,
      ...over,
    },
  });
  const make = () =>
    certificateRenewal({
      site,
      settings: settingsWith({}),
      log: { write: (level, text) => void lines.push(`${level} ${text}`), close: () => Promise.resolve() },
      clock,
      owner: undefined,
      random: () => 0,
      installed: () => (installs += 1),
      answers: { add: () => Promise.resolve(), remove: () => Promise.resolve() },
      obtain: async ({ names, accountKey }) => {
        asked.push({ names, at: clock.now(), key: accountKey });
        return await answer();
      },
    });
  const renewal = make();
  t.after(() => renewal.stop());
  const paths = pairPaths(site, settingsWith({}));
  return {
    site,
    clock,
    lines,
    asked,
    renewal,
    settingsWith,
    make,
    paths,
    answers: (next: typeof answer) => (answer = next),
    installs: () => installs,
    put(pair: Issued) {
      mkdirSync(dirname(paths.key), { recursive: true });
      writeFileSync(paths.key, pair.key);
      writeFileSync(paths.cert, pair.chain);
    },
    cert: () => readFileSync(paths.cert, "latin1"),
    /** Moves the clock, and waits for what that sets off. */
    async pass(ms: number, settled: () => boolean) {
      await clock.advance(ms);
      for (const end = Date.now() + 60_000; !settled(); await new Promise(setImmediate))
        assert.ok(Date.now() < end, "waited 60 s");
    },
  };
}

test("a missing certificate is got at the start, and renewed when it is due", async (t) => {
  const r = rig(t);
  await r.renewal.look();
  assert.deepEqual(
    r.asked.map(({ names }) => names),
    [NAMES],
  );
  assert.equal(r.installs(), 1);
  const first = r.cert();
  assert.match(r.lines.join("\n"), /info acme: certificate for mail\.a\.example, a\.example, until /);
  for (let day = 0; day < 59; day += 1) await r.clock.advance(DAY);
  assert.equal(r.asked.length, 1, "not before 30 days from its end");
  await r.pass(DAY + HOUR, () => r.installs() === 2);
  assert.notEqual(r.cert(), first);
  assert.equal(readFileSync(`${r.paths.cert}.old`, "latin1"), first);
  assert.equal(r.asked[0]!.key, r.asked[1]!.key, "the account stays");
});

test("the certificate of a first start is replaced; one that lacks a name, too, if it is ours", async (t) => {
  const r = rig(t);
  const { cert, key } = await signedByItself("mail.a.example", r.clock.now());
  r.put({ key, chain: cert });
  await r.renewal.look();
  assert.equal(r.asked.length, 1);
  await r.renewal.look();
  assert.equal(r.asked.length, 1);
  r.answers(() => issue([...NAMES, "pop.a.example"]));
  await r.renewal.reload(r.settingsWith({ domains: [...NAMES, "pop.a.example"] }));
  assert.deepEqual(r.asked[1]?.names, [...NAMES, "pop.a.example"]);
  assert.match(r.lines.join("\n"), /does not name pop\.a\.example/);
});

test("a certificate that was not got here is left alone, which is said once; force replaces it", async (t) => {
  const r = rig(t);
  const foreign = issue(["other.example"]);
  r.put(foreign);
  await r.renewal.look();
  await r.renewal.look();
  assert.equal(r.asked.length, 0);
  assert.equal(r.lines.filter((line) => /^warn .*left alone/.test(line)).length, 1);
  const refused = await r.renewal.get(false);
  assert.ok(!refused.ok);
  assert.match(refused.error!, /CN=other\.example that was not got here: it is left alone; .*--force/);
  assert.equal(r.cert(), foreign.chain);
  assert.deepEqual(await r.renewal.get(true), { ok: true });
  assert.notEqual(r.cert(), foreign.chain);
  assert.equal(readFileSync(`${r.paths.cert}.old`, "latin1"), foreign.chain);
});

test("after failures it is tried again after 1, 2, 4 hours, and at last every day", async (t) => {
  const r = rig(t);
  const begin = r.clock.now();
  r.answers(() => {
    throw new AcmeError("challenge", "a.example is not proved");
  });
  await r.renewal.look();
  const waits = [1, 2, 4, 8, 16, 24, 24];
  for (const [n, hours] of waits.entries()) {
    for (let hour = 1; hour < hours; hour += 1) await r.clock.advance(HOUR);
    assert.equal(r.asked.length, n + 1, `not before ${hours} h`);
    await r.pass(HOUR, () => r.lines.filter((line) => line.startsWith("error")).length === n + 2);
  }
  const at = r.asked.map((one) => Math.round((one.at - begin) / HOUR));
  assert.deepEqual(at, [0, 1, 3, 7, 15, 31, 55, 79]);
  assert.match(r.lines.at(-1)!, /^error acme: no certificate: a\.example is not proved; next try at 20/);
  assert.equal(readState(r.site).failure?.count, 8);
  r.answers(() => issue(NAMES));
  for (let hour = 1; hour < 24; hour += 1) await r.clock.advance(HOUR);
  await r.pass(HOUR, () => r.installs() === 1);
  assert.equal(readState(r.site).failure, undefined);
});

test("a restart does not ask before its time; other settings do, unless the authority itself said to wait", async (t) => {
  const r = rig(t);
  r.answers(() => {
    throw new AcmeError("challenge", "a.example is not proved");
  });
  await r.renewal.look();
  r.renewal.stop();
  const again = r.make();
  t.after(() => again.stop());
  await again.look();
  assert.equal(r.asked.length, 1);
  const retryAt = r.clock.now() + 30 * HOUR;
  r.answers(() => {
    throw new AcmeError("rate-limited", "too many", { retryAt });
  });
  await again.reload(r.settingsWith({ email: "postmaster@a.example" }));
  assert.equal(r.asked.length, 2);
  await again.reload(r.settingsWith({ email: "hostmaster@a.example" }));
  assert.equal(r.asked.length, 2);
  r.answers(() => issue(NAMES));
  for (let hour = 1; hour < 30; hour += 1) await r.clock.advance(HOUR);
  assert.equal(r.asked.length, 2, "never more than the authority allows");
  await r.pass(HOUR, () => r.installs() === 1);
});

test("terms that are not agreed to: nobody is asked, which is said once", async (t) => {
  const r = rig(t, { agreeToTerms: false });
  await r.renewal.look();
  await r.clock.advance(5 * DAY);
  assert.equal(r.asked.length, 0);
  assert.equal(r.lines.filter((line) => line.includes("acme.agreeToTerms")).length, 1);
  assert.match((await r.renewal.get(true)).error!, /acme\.agreeToTerms/);
});

test("who asks while an attempt is under way gets the outcome of that one", async (t) => {
  const r = rig(t);
  const outcomes = await Promise.all([r.renewal.get(false), r.renewal.get(false)]);
  assert.deepEqual(outcomes, [{ ok: true }, { ok: true }]);
  assert.equal(r.asked.length, 1);
});

test("without domains nothing is done; with bad ones it is said", async (t) => {
  const r = rig(t, { domains: [] });
  await r.renewal.look();
  await r.renewal.reload(r.settingsWith({ domains: ["*.a.example"] }));
  assert.equal(r.asked.length, 0);
  assert.deepEqual(r.lines.length, 1);
  assert.match(r.lines[0]!, /wildcard/);
});

test("a directory that is no address is said, and ends nothing", async (t) => {
  const r = rig(t, { directory: "authority" });
  await r.renewal.look();
  assert.match((await r.renewal.get(false)).error!, /acme\.directory: authority is no address/);
  assert.equal(r.asked.length, 0);
});

test("an authority that has us wait for years is asked again after a month", async (t) => {
  const r = rig(t);
  r.answers(() => {
    throw new AcmeError("rate-limited", "too many", { retryAt: r.clock.now() + 4000 * DAY });
  });
  await r.renewal.look();
  assert.equal(readState(r.site).failure?.nextAt, r.clock.now() + 31 * DAY);
});
