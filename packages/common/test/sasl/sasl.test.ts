/** SASL mechanisms, challenges and digests, with no protocol around them. */
import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { newChallenge } from "../../src/sasl/challenge.ts";
import { CRAM_MD5 } from "../../src/sasl/cram-md5.ts";
import { provesApop, provesCramMd5 } from "../../src/sasl/digest.ts";
import { LOGIN } from "../../src/sasl/login.ts";
import { fromBase64, type SaslMechanism, type SaslStep } from "../../src/sasl/mechanism.ts";
import { SASL_MECHANISMS } from "../../src/sasl/mechanisms.ts";
import { PLAIN } from "../../src/sasl/plain.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

const never = (): string => assert.fail("no challenge is wanted");
const bytes = (text: string) => Buffer.from(text);
const plain = (text: string | Buffer): SaslStep => PLAIN.start(never).begin(Buffer.from(text as string));

test("PLAIN: the examples of RFC 4616", () => {
  const exchange = PLAIN.start(never);
  assert.deepEqual(exchange.begin(undefined), { kind: "challenge", octets: Buffer.alloc(0) });
  assert.deepEqual(exchange.respond(bytes("\0tim\0tanstaaftanstaaf")), {
    kind: "credentials",
    credentials: { kind: "password", name: "tim", authorization: "", password: "tanstaaftanstaaf" },
  });
  assert.deepEqual(plain("Ursel\0Kurt\0xipj3plmq"), {
    kind: "credentials",
    credentials: { kind: "password", name: "Kurt", authorization: "Ursel", password: "xipj3plmq" },
  });
});

test("PLAIN: too few, too many and misplaced NUL, what is no text, empty and long parts", () => {
  for (const bad of [
    "",
    "tim",
    "\0tim",
    "tim\0pw",
    "\0\0pw",
    "\0tim\0",
    "\0tim\0p\0w",
    "\0tim\0pw\0",
    "\0\0\0",
    "\0t\tim\0pw",
    "\0tim\0p\nw",
    "a\rb\0tim\0pw",
    "\0tim\0p\x7fw",
    `\0${"t".repeat(256)}\0pw`,
    `${"t".repeat(256)}\0tim\0pw`,
    `\0tim\0${"p".repeat(1025)}`,
  ]) {
    assert.equal(plain(bad).kind, "malformed", JSON.stringify(bad));
  }
  assert.equal(plain(Buffer.from([0, 0x74, 0, 0xff])).kind, "malformed", "no UTF-8");
  assert.equal(plain(Buffer.from([0, 0xc0, 0x80, 0, 0x70])).kind, "malformed", "an overlong NUL");
  assert.equal(plain(`\0${"t".repeat(255)}\0${"p".repeat(1024)}`).kind, "credentials");
});

test("LOGIN: asked for both, or the name in the initial response", () => {
  const asked = LOGIN.start(never);
  assert.deepEqual(asked.begin(undefined), { kind: "challenge", octets: bytes("Username:") });
  assert.deepEqual(asked.respond(bytes("tim")), { kind: "challenge", octets: bytes("Password:") });
  const credentials = { kind: "password", name: "tim", authorization: "", password: "pw" };
  assert.deepEqual(asked.respond(bytes("pw")), { kind: "credentials", credentials });
  const quick = LOGIN.start(never);
  assert.deepEqual(quick.begin(bytes("tim")), { kind: "challenge", octets: bytes("Password:") });
  assert.deepEqual(quick.respond(bytes("pw")), { kind: "credentials", credentials });
  assert.equal(LOGIN.start(never).begin(Buffer.alloc(0)).kind, "malformed");
  assert.equal(LOGIN.start(never).begin(bytes("a\0b")).kind, "malformed");
});

test("CRAM-MD5: the example of RFC 2195", () => {
  const challenge = "<1896.697170952@postoffice.reston.mci.net>";
  const exchange = CRAM_MD5.start(() => challenge);
  assert.deepEqual(exchange.begin(undefined), { kind: "challenge", octets: bytes(challenge) });
  const step = exchange.respond(bytes("tim b913a602c7eda7a495b4e6e7334d3890"));
  assert.ok(step.kind === "credentials" && step.credentials.kind === "cram-md5");
  const { name, digest } = step.credentials;
  assert.equal(name, "tim");
  assert.equal(provesCramMd5(bytes("tanstaaftanstaaf"), challenge, digest), true);
  assert.equal(provesCramMd5(bytes("tanstaaftanstaag"), challenge, digest), false);
  assert.equal(provesCramMd5(undefined, challenge, digest), false);
  for (const bad of [
    "",
    "tim",
    " b913a602c7eda7a495b4e6e7334d3890",
    "tim b913",
    "tim B913A602C7EDA7A495B4E6E7334D3890",
  ]) {
    assert.equal(exchange.respond(bytes(bad)).kind, "malformed", bad);
  }
  assert.equal(exchange.begin(Buffer.alloc(0)).kind, "malformed");
});

test("APOP: the example of RFC 1939", () => {
  const challenge = "<1896.697170952@dbc.mtview.ca.us>";
  const digest = "c4c9334bac560ecc979e58001b3e22fb";
  assert.equal(provesApop(bytes("tanstaaf"), challenge, digest), true);
  for (const wrong of [
    "",
    "c4c9",
    `${digest}0`,
    digest.toUpperCase(),
    `d${digest.slice(1)}`,
    `${digest.slice(0, 31)}é`,
  ]) {
    assert.equal(provesApop(bytes("tanstaaf"), challenge, wrong), false, wrong);
  }
  assert.equal(provesApop(undefined, challenge, digest), false);
});

test("whoever has no secret is not let in with the secret that stands for it", () => {
  const nobodys = "nobody's secret";
  const digest = createHash("md5").update(`<a@b>${nobodys}`).digest("hex");
  assert.equal(provesApop(undefined, "<a@b>", digest), false);
  const keyed = createHmac("md5", nobodys).update("<a@b>").digest("hex");
  assert.equal(provesCramMd5(undefined, "<a@b>", keyed), false);
});

test("challenges are message ids and never the same, within one instant too", () => {
  const clock = new ManualClock();
  const seen = new Set(Array.from({ length: 10_000 }, () => newChallenge("mail.example.com", clock)));
  assert.equal(seen.size, 10_000);
  for (const challenge of seen) assert.match(challenge, /^<\d+\.\d+\.[0-9a-f]{32}@mail\.example\.com>$/);
  assert.match(newChallenge("a>\r\nb c", clock), /@abc>$/);
  assert.match(newChallenge("", clock), /@localhost>$/);
});

test("base64 is read strictly", () => {
  for (const bad of [
    "A",
    "AA",
    "AAA",
    "AB==",
    "A===",
    "AAAA=",
    "AAAA\n",
    " AAAA",
    "AA==AA==",
    "A-A_",
    "*",
    "=",
  ]) {
    assert.equal(fromBase64(bad), undefined, JSON.stringify(bad));
  }
  fc.assert(
    fc.property(fc.uint8Array(), (data) => {
      assert.deepEqual(fromBase64(Buffer.from(data).toString("base64")), Buffer.from(data));
    }),
  );
});

test("no octets of a stranger end in anything but a step", () => {
  const kinds = new Set(["challenge", "credentials", "malformed"]);
  const any = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 4 });
  const run = (mechanism: SaslMechanism, messages: readonly Uint8Array[], initial: boolean) => {
    const exchange = mechanism.start(() => "<a@b>");
    let step = exchange.begin(initial ? Buffer.from(messages[0]!) : undefined);
    for (const message of messages) {
      assert.ok(kinds.has(step.kind));
      if (step.kind !== "challenge") return;
      step = exchange.respond(Buffer.from(message));
    }
  };
  for (const mechanism of SASL_MECHANISMS) {
    fc.assert(fc.property(any, fc.boolean(), (messages, initial) => run(mechanism, messages, initial)));
  }
});
