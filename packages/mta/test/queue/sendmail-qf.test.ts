import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { entryFromQf } from "../../src/queue/qf-entry.ts";
import { messageFromDf } from "../../src/queue/qf-message.ts";
import { targetName } from "../../src/queue/queue-entry.ts";
import { type QfMessage, readQf } from "../../src/queue/sendmail-qf.ts";

/** As Sendmail 8.17 wrote it after a deferral; `\x81g` is its macro for the return path. */
const DEFERRED = `V8
T1795746026
K1795746028
N2
P258049
I254/0/2146843
MDeferred: 451 4.7.1 try again later please
Fns
$_client.test [192.0.2.7]
$rESMTP
$sclient.test
\${daemon_flags}c u
S<sys@w7.test>
MDeferred: 451 4.7.1 try again later please
rRFC822; later@far.test
RPFD:<later@far.test>
H?P?Return-Path: <\x81g>
H??Received: from client.test (root@localhost)
\tby mail.w7.test (8.17.1.9/8.17.1.9) with ESMTP id 6AR2KQ6S017893;
\tFri, 27 Nov 2026 02:20:26 GMT
H?D?Date: Fri, 27 Nov 2026 02:20:26 GMT
H?x?Full-Name: sys
H?M?Message-Id: <202611270220.6AR2KQ6S017893@mail.w7.test>
H??Subject: four
H??Precedence: bulk
.
`;

function read(text: string): QfMessage {
  const result = readQf(Buffer.from(text, "latin1"));
  assert.ok(result.ok, result.ok ? "" : result.reason);
  return result.message;
}

test("a deferred message of Sendmail 8.17", () => {
  const message = read(DEFERRED);
  assert.deepEqual(
    { ...message, header: undefined },
    {
      sender: "sys@w7.test",
      recipients: [{ address: "later@far.test", finalRecipient: "later@far.test" }],
      receivedAt: 1_795_746_026_000,
      lastAttemptAt: 1_795_746_028_000,
      attempts: 2,
      eightBit: false,
      warned: false,
      isReport: false,
      reason: "Deferred: 451 4.7.1 try again later please",
      relay: "client.test [192.0.2.7]",
      protocol: "ESMTP",
      helo: "client.test",
      header: undefined,
    },
  );
  assert.match(message.header, /^Received: from client\.test \(root@localhost\)\r\n\tby mail\.w7\.test/);
  assert.doesNotMatch(message.header, /Return-Path|Full-Name/);
  assert.match(message.header, /\r\nSubject: four\r\nPrecedence: bulk\r\n$/);
});

test("DSN wishes, quarantine, controlling users, and what an alias named", () => {
  const message = read(`V8
T1
K0
N0
F8dnrw
qlooks bad
S<>
ZENV1
Cnews:9:9:list
Qrfc822;Orig+x@foo.test
rRFC822; list@mail.w7.test
RFDAN:news
RPNSD:later@far.test
C
RPN:never@far.test
Cjoe:1001:1001:<joe@here>
R:"|/usr/bin/vacation joe"
H?P?From: a@b
HSubject: old
.
`);
  assert.equal(message.sender, "");
  assert.deepEqual(
    [
      message.envelopeId,
      message.dsnReturn,
      message.eightBit,
      message.warned,
      message.isReport,
      message.quarantine,
    ],
    ["ENV1", "HDRS", true, true, true, "looks bad"],
  );
  assert.deepEqual(message.recipients, [
    {
      address: "news",
      notify: ["FAILURE", "DELAY"],
      originalRecipient: "rfc822;Orig+x@foo.test",
      finalRecipient: "list@mail.w7.test",
      controller: { user: "news", uid: 9, alias: "list" },
    },
    {
      address: "later@far.test",
      notify: ["SUCCESS", "DELAY"],
      controller: { user: "news", uid: 9, alias: "list" },
    },
    { address: "never@far.test", notify: ["NEVER"] },
    { address: "|/usr/bin/vacation joe", controller: { user: "joe", uid: 1001, alias: "joe@here" } },
  ]);
  assert.equal(message.header, "From: a@b\r\nSubject: old\r\n");
});

test("what is no whole control file is refused, with the reason", () => {
  const reason = (text: string) => {
    const result = readQf(Buffer.from(text));
    return result.ok ? "read" : result.reason;
  };
  assert.match(reason(DEFERRED.slice(0, -3)), /has no end/);
  assert.match(reason("S<a@b>\n.\n"), /no version line/);
  assert.match(reason("V99\nS<a@b>\n.\n"), /version 99/);
  assert.match(reason("V8\nT1\n.\n"), /no sender/);
  assert.match(reason("V8\nTsoon\nS<a@b>\n.\n"), /not a time/);
});

test("property: any bytes are read or refused, none throws", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => typeof readQf(bytes).ok === "boolean"));
  const line = fc.tuple(fc.constantFrom(..."VAHCqQrRSTPMFNKdI$BZ".split("")), fc.string({ maxLength: 20 }));
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      const text = `V8\nS<a@b>\n${lines.map(([letter, value]) => letter + value.replace(/\n/g, "")).join("\n")}\n.\n`;
      return typeof readQf(Buffer.from(text)).ok === "boolean";
    }),
  );
});

test("property: a body keeps its octets but for line ends, however it comes in pieces", async () => {
  const lines = fc.array(fc.string({ maxLength: 5 }).map((s) => s.replace(/[\r\n]/g, "")));
  await fc.assert(
    fc.asyncProperty(lines, fc.integer({ min: 1, max: 7 }), async (text, size) => {
      const bytes = Buffer.from(text.map((l) => `${l}\n`).join(""));
      async function* pieces() {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      }
      const out: Buffer[] = [];
      for await (const piece of messageFromDf("A: b\r\n", pieces())) out.push(piece);
      const expected = `A: b\r\n\r\n${text.map((l) => `${l}\r\n`).join("")}`;
      assert.equal(Buffer.concat(out).toString(), expected);
    }),
  );
});

/** As 8.17.1 wrote it for `prog: "|/bin/sh -c 'exit 75'", "|exit 75"` and a .forward: the C line counts until the next. */
test("all programs, files and addresses are taken over, programs of aliases as DefaultUser's", async () => {
  const control = DEFERRED.replace(
    "rRFC822; later@far.test\nRPFD:<later@far.test>\n",
    'Cprog:1:0:prog\nRFDA:"|exit 75"\nRFDA:"|/bin/sh -c \'exit 75\'"\nRFDA:/var/log/one\n' +
      "Cjoe:1001:1001:joe\nRFDA:\\joe\nRFDA:\"|/bin/sh -c 'exit 75'\"\nC\nRPFD:<Joe@far.test>\nRPFD:<joe@far.test>\n",
  );
  const entry = await entryFromQf("6AR2KQ6S017893", read(control), {
    hostname: "mail.w7.test",
    now: 0,
    uidOf: (name) => (name === "joe" ? 1001 : undefined),
    resolve: (address) => Promise.resolve([{ address, target: { kind: "remote", domain: "far.test" } }]),
  });
  assert.deepEqual(
    entry.recipients.map(({ target, address }) =>
      target.kind === "remote" ? address : `${targetName(target)} ${"as" in target ? target.as.user : ""}`,
    ),
    [
      "|exit 75 undefined",
      "|/bin/sh -c 'exit 75' undefined",
      "/var/log/one undefined",
      "joe ",
      "|/bin/sh -c 'exit 75' joe",
      "Joe@far.test",
      "joe@far.test",
    ],
  );
});
