import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { addressSpans, replaceAddresses } from "../../src/rewrite/header-addresses.ts";
import { HeaderRewriter, LONGEST_FIELD } from "../../src/rewrite/header-rewriter.ts";

const found = (text: string) => addressSpans(text).map(({ start, end }) => text.slice(start, end));

describe("the addresses of a field", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    [" joe@a.example", ["joe@a.example"]],
    [" joe", ["joe"]],
    [' "Doe, Joe" <joe@a.example>, sue (Sue, (really)) , <ann>', ["joe@a.example", "sue", "ann"]],
    [" Joe Doe\r\n <joe@a.example>,\r\n\tsue@b.example", ["joe@a.example", "sue@b.example"]],
    [" friends: joe, sue@b.example;, ann", ["joe", "sue@b.example", "ann"]],
    [" undisclosed-recipients:;", []],
    [" <@relay.example:joe@a.example>", []],
    [" <>", []],
    [" Joe Doe", []],
    [' "joe doe"@a.example', ['"joe doe"@a.example']],
    [" joe@[192.0.2.1]", ["joe@[192.0.2.1]"]],
    [" < joe@a.example >", ["joe@a.example"]],
    [" joe@a.example (unclosed", ["joe@a.example"]],
    [" <joe@a.example", []],
    [' "unclosed', []],
    [" a@b@c", []],
  ];
  for (const [text, addresses] of cases) {
    test(JSON.stringify(text), () => assert.deepEqual(found(text), addresses));
  }
});

test("nothing changes when no address does, whatever the text", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'ab@.<>(),:;"\\[] \t\r\n'.split("")) }), (text) => {
      assert.equal(
        replaceAddresses(text, (address) => address),
        text,
      );
      for (const { start, end } of addressSpans(text)) assert.ok(start < end && end <= text.length);
    }),
    { numRuns: 2000 },
  );
});

const MESSAGE = `Received: from x by y; Mon, 1 Jan 2026 00:00:00 +0000\r
From:   "Joe" (the man)\r
\t<joe@lan.example>  \r
X-From: joe@lan.example\r
To: sue, bob@lan.example,\r
  ann@else.example\r
Subject: joe@lan.example\r
\r
From: joe@lan.example\r
`;

const replace = (address: string, role: string) =>
  role === "sender" && address.endsWith("@lan.example")
    ? address.replace("lan.", "")
    : address === "sue"
      ? "sue@host.example"
      : address;

const EXPECTED = MESSAGE.replace("<joe@lan.example>", "<joe@example>").replace(
  "To: sue,",
  "To: sue@host.example,",
);

function run(chunks: readonly Buffer[]): { text: string; changed: boolean } {
  const rewriter = new HeaderRewriter(replace);
  const out = [...chunks.flatMap((chunk) => rewriter.push(chunk)), ...rewriter.finish()];
  return { text: Buffer.concat(out).toString("latin1"), changed: rewriter.changed };
}

test("changes the addresses concerned and no other byte, at every split", () => {
  const bytes = Buffer.from(MESSAGE);
  for (let i = 0; i <= bytes.length; i++) {
    const { text, changed } = run([bytes.subarray(0, i), bytes.subarray(i)]);
    assert.equal(text, EXPECTED);
    assert.ok(changed);
  }
  assert.equal(run([...bytes].map((b) => Buffer.of(b))).text, EXPECTED);
});

test("a message that is all header, and one that has none", () => {
  assert.equal(run([Buffer.from("From: joe@lan.example")]).text, "From: joe@example");
  assert.equal(run([Buffer.from("\r\nFrom: joe@lan.example")]).changed, false);
  assert.equal(run([]).text, "");
});

test("a field beyond the bound goes through as it is, in bounded pieces", () => {
  const long = `To: ${"sue, ".repeat(LONGEST_FIELD / 4)}\r\nFrom: joe@lan.example\r\n\r\n`;
  const rewriter = new HeaderRewriter(replace);
  const out: Buffer[] = [];
  let held = 0;
  for (let at = 0; at < long.length; at += 1000) {
    out.push(...rewriter.push(Buffer.from(long.slice(at, at + 1000))));
    const given = out.reduce((n, b) => n + b.length, 0);
    held = Math.max(held, at + 1000 - given);
  }
  out.push(...rewriter.finish());
  assert.equal(Buffer.concat(out).toString(), long.replace("joe@lan.example", "joe@example"));
  assert.ok(held <= LONGEST_FIELD + 2000, `${held} octets were held`);
});

test("letters beyond ASCII survive", () => {
  const rewriter = new HeaderRewriter((address) =>
    address === "jürgen@lan.example" ? "jürgen@é.example" : address,
  );
  const bytes = Buffer.from("From: J\xfcrgen <jürgen@lan.example>\r\n\r\n");
  const out = Buffer.concat([...rewriter.push(bytes), ...rewriter.finish()]).toString();
  assert.equal(out, "From: J\xfcrgen <jürgen@é.example>\r\n\r\n");
});
