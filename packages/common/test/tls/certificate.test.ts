import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { issue } from "../../src/testing/issued-certificate.ts";
import { type Certificate, dateFault, isFault, isForHost, judgePem } from "../../src/tls/certificate.ts";
import { signedByItself } from "../../src/tls/self-signed.ts";

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 0, 1);
const at = { certFile: "/c.pem", keyFile: "/k.pem" };

function reasonOf(judged: ReturnType<typeof judgePem>): string {
  assert.ok(judged !== undefined && isFault(judged), JSON.stringify(judged));
  return `${judged.file}: ${judged.reason}`;
}

function good(judged: ReturnType<typeof judgePem>): Certificate {
  assert.ok(judged !== undefined && !isFault(judged), JSON.stringify(judged));
  return judged;
}

test("a self-signed certificate is for the host and its domain, for 820 days, and passes its own judge", async () => {
  const pair = await signedByItself("Mail.Example.com", NOW);
  const judged = good(judgePem({ ...at, ...pair, keyMode: 0o600 }));
  assert.deepEqual(judged.names, ["mail.example.com", "example.com"]);
  assert.equal(judged.selfSigned, true);
  assert.deepEqual(judged.oddities, []);
  assert.equal((judged.validTo - judged.validFrom) / DAY, 820);
  assert.equal(dateFault(judged, NOW), undefined);
  assert.match(dateFault(judged, NOW - 2 * DAY)!, /^\/c\.pem: is not valid before 2025-12-31$/);
  assert.match(dateFault(judged, judged.validTo)!, /expired on/);
  assert.match(dateFault(judged, judged.validTo - 1.5 * DAY)!, /in 1 day$/);
  const certificate = new X509Certificate(pair.cert);
  assert.equal(certificate.ca, false);
  assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
  const alone = good(judgePem({ ...at, ...(await signedByItself("localhost", NOW)) }));
  assert.deepEqual(alone.names, ["localhost"]);
});

test("what cannot be served is named by its file", async () => {
  const [one, other] = [await signedByItself("a.example", NOW), await signedByItself("b.example", NOW)];
  assert.equal(judgePem(at), undefined);
  const judge = (cert: string, key: string) => reasonOf(judgePem({ ...at, cert, key }));
  assert.equal(judge(one.cert, other.key), "/k.pem: is not the key of /c.pem");
  assert.match(judge("", one.key), /^\/c\.pem: holds no certificate in PEM form/);
  assert.match(judge(one.key, one.key), /^\/c\.pem: holds no certificate/);
  assert.match(judge(one.cert.replace(/\n.{40}/, "\n"), one.key), /^\/c\.pem: holds a damaged certificate/);
  assert.match(judge(one.cert, one.cert), /^\/k\.pem: holds no private key/);
  assert.match(judge(one.cert, one.key.replace(/\n.{40}/, "\n")), /^\/k\.pem: holds a damaged key/);
  const locked = createPrivateKey(one.key).export({
    type: "pkcs8",
    format: "pem",
    cipher: "aes-256-cbc",
    passphrase: "x",
  });
  assert.match(
    judge(one.cert, String(locked)),
    /^\/k\.pem: is encrypted with a passphrase.*openssl pkey -in \/k\.pem/,
  );
  const old = createPrivateKey(one.key).export({
    type: "sec1",
    format: "pem",
    cipher: "aes-128-cbc",
    passphrase: "x",
  });
  assert.match(judge(one.cert, String(old)), /is encrypted with a passphrase/);
});

test("a key that everybody can read is served, and named; certificates of others are not sent", async () => {
  const [one, other] = [await signedByItself("a.example", NOW), await signedByItself("b.example", NOW)];
  const open = good(judgePem({ ...at, ...one, keyMode: 0o644 }));
  assert.match(open.oddities[0]!, /^\/k\.pem: everybody on this host can read the key: chmod o= \/k\.pem$/);
  assert.deepEqual(good(judgePem({ ...at, ...one, keyMode: 0o640 })).oddities, []);
  const more = good(judgePem({ ...at, cert: `${other.cert}${one.cert}`, key: one.key }));
  assert.deepEqual(more.names, ["a.example"]);
  assert.equal(more.chain, one.cert);
  assert.match(more.oddities[0]!, /do not belong to its chain/);
});

test("a chain is sent in its order, whatever that of the file is, and a wrong one is named", async () => {
  const { own, issuer, key } = await issue("a.example");
  const right = good(judgePem({ ...at, cert: own + issuer, key, keyMode: 0o600 }));
  assert.equal(right.chain, own + issuer);
  assert.deepEqual(right.oddities, []);
  const wrong = good(judgePem({ ...at, cert: issuer + own, key, keyMode: 0o600 }));
  assert.equal(wrong.chain, own + issuer);
  assert.deepEqual(wrong.names, ["a.example"]);
  assert.deepEqual(wrong.oddities, [
    "/c.pem: its certificates are in the wrong order, the host's own comes first; they are sent in the right one",
  ]);
});

test("no text in the files makes the judge throw", async () => {
  const pair = await signedByItself("a.example", NOW);
  const cut = (text: string, from: number, to: number, by: string) =>
    text.slice(0, from) + by + text.slice(to);
  fc.assert(
    fc.property(fc.nat(700), fc.nat(700), fc.string(), fc.boolean(), (from, length, by, inKey) => {
      const cert = inKey ? pair.cert : cut(pair.cert, from, from + length, by);
      const key = inKey ? cut(pair.key, from, from + length, by) : pair.key;
      judgePem({ ...at, cert, key });
    }),
    { numRuns: 300 },
  );
});

test("a star stands for one whole label", () => {
  const names = ["mail.example.com", "*.example.net"];
  for (const host of ["mail.example.com", "MAIL.example.com.", "a.example.net"])
    assert.ok(isForHost(names, host), host);
  for (const host of [
    "example.com",
    "x.mail.example.com",
    "example.net",
    "a.b.example.net",
    ".example.net",
    "",
  ])
    assert.ok(!isForHost(names, host), host);
});
