import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Log } from "../../src/log/log.ts";
import { parseSettings } from "../../src/settings/load.ts";
import { siteAt } from "../../src/site.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import type { Certificate } from "../../src/tls/certificate.ts";
import { followCertificates } from "../../src/tls/followed-certificates.ts";
import { pemPaths } from "../../src/tls/pem-files.ts";
import { makeSelfSigned, signedByItself } from "../../src/tls/self-signed.ts";
import { serveCertificates } from "../../src/tls/served-certificates.ts";

const NOW = Date.UTC(2026, 0, 1);

function siteWith(t: TestContext, yaml = "") {
  const root = mkdtempSync(join(tmpdir(), "mailhost-tls-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  mkdirSync(join(root, "etc/mail/tls/more"), { recursive: true });
  const lines: string[] = [];
  const log: Log = {
    write: (level, text) => void lines.push(`${level} ${text}`),
    close: async () => undefined,
  };
  const { tls } = parseSettings(yaml, "mailhost.yaml");
  const clock = new ManualClock(NOW);
  const write = (name: string, { cert, key }: { cert: string; key: string }) => {
    writeFileSync(join(root, name, "key.pem"), key, { mode: 0o600 });
    writeFileSync(join(root, name, "cert.pem"), cert);
  };
  return { site: siteAt(root), tls, log, lines, clock, write, root };
}

/** Time passes, and what was read from disk meanwhile is taken in. */
async function pass(clock: ManualClock, ms: number): Promise<void> {
  for (let past = 0; past < ms; past += 1000) {
    await clock.advance(1000);
    await new Promise((resume) => setImmediate(resume));
  }
}

const names = (certificates: readonly Certificate[]) => certificates.map((one) => one.names[0]);

test("new files are taken when they have been left alone for a moment, and told once", async (t) => {
  const { site, tls, log, lines, clock, write } = siteWith(t);
  write("etc/mail/tls", await signedByItself("one.example", NOW));
  const followed = await followCertificates({ site, tls, log, clock });
  t.after(() => followed.close());
  const told: (string | undefined)[][] = [];
  followed.follow((certificates) => told.push(names(certificates)));
  await pass(clock, 60_000);
  assert.deepEqual(told, []);
  write("etc/mail/tls", await signedByItself("two.example", NOW));
  await pass(clock, 6000);
  assert.deepEqual(told, [["two.example"]]);
  assert.deepEqual(
    lines.filter((line) => !line.startsWith("info")),
    [],
  );
  // Half of a pair.
  writeFileSync(join(site.root, "etc/mail/tls/key.pem"), (await signedByItself("three.example", NOW)).key);
  await pass(clock, 6000);
  assert.deepEqual(names(followed.current()), ["two.example"]);
  assert.deepEqual(
    lines
      .filter((line) => line.startsWith("error"))
      .map((line) => /is not the key of .*; the last good certificate stays in use$/.test(line)),
    [true],
  );
  await pass(clock, 60_000);
  assert.equal(lines.filter((line) => line.startsWith("error")).length, 1);
});

test("a further certificate that is broken costs no other; its name is served by the first", async (t) => {
  const { site, tls, log, lines, clock, write } = siteWith(t, "tls: { certificates: [etc/mail/tls/more] }\n");
  write("etc/mail/tls", await signedByItself("one.example", NOW));
  writeFileSync(join(site.root, "etc/mail/tls/more/cert.pem"), "x");
  const followed = await followCertificates({ site, tls, log, clock });
  t.after(() => followed.close());
  assert.deepEqual(names(followed.current()), ["one.example"]);
  assert.match(lines.find((line) => line.startsWith("error"))!, /more\/key\.pem: is missing/);
  write("etc/mail/tls/more", await signedByItself("more.example", NOW));
  await followed.refresh(tls);
  assert.deepEqual(names(followed.current()), ["one.example", "more.example"]);
  const later = new ManualClock(NOW);
  const served = serveCertificates(followed.current(), tls, { clock: later });
  assert.notEqual(served.contextFor("more.example"), served.contextFor());
  assert.equal(served.contextFor("one.example"), served.contextFor());
  assert.equal(served.contextFor("elsewhere.example"), served.contextFor());
  const before = served.contextFor();
  await later.advance(13 * 3_600_000);
  assert.notEqual(served.contextFor(), before, "another context has other keys for its tickets");
  served.close();
});

test("the main certificate may be missing; broken it is refused", async (t) => {
  const { site, tls, log, clock, write } = siteWith(t);
  const none = await followCertificates({ site, tls, log, clock });
  assert.deepEqual(none.current(), []);
  none.close();
  const [one, other] = [await signedByItself("a.example", NOW), await signedByItself("b.example", NOW)];
  write("etc/mail/tls", { cert: one.cert, key: other.key });
  await assert.rejects(followCertificates({ site, tls, log, clock }), /key\.pem: is not the key of/);
});

test("whoever forgets a certificate is reminded every day", async (t) => {
  const { site, tls, log, lines, clock, write } = siteWith(t);
  write("etc/mail/tls", await signedByItself("one.example", NOW - 810 * 86_400_000));
  const followed = await followCertificates({ site, tls, log, clock });
  t.after(() => followed.close());
  followed.follow(() => undefined);
  const warned = () => lines.filter((line) => /^warn .*expires on .*, in \d days?$/.test(line)).length;
  assert.equal(warned(), 1);
  await clock.advance(24 * 3_600_000);
  assert.equal(warned(), 2);
});

test("a first certificate is made once, whole, and for nobody else's eyes", async (t) => {
  const { site, tls, root } = siteWith(t);
  rmSync(join(root, "etc/mail/tls"), { recursive: true });
  const [paths] = pemPaths(site, tls);
  const order = { ...paths!, hostname: "mail.example.com", now: NOW };
  assert.equal(await makeSelfSigned(order), true);
  assert.equal(statSync(paths!.keyFile).mode & 0o777, 0o600);
  const made = readFileSync(paths!.certFile, "utf8");
  assert.equal(await makeSelfSigned(order), false);
  assert.equal(readFileSync(paths!.certFile, "utf8"), made);
  rmSync(paths!.certFile);
  assert.equal(await makeSelfSigned(order), false, "a key alone is somebody's");
  assert.equal(existsSync(paths!.certFile), false);
  chmodSync(paths!.keyFile, 0o600);
});
