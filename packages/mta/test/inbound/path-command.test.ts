import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readPathCommand } from "../../src/inbound/path-command.ts";

function address(argument: string, keyword: "FROM" | "TO" = "TO"): string | undefined {
  const read = readPathCommand(keyword, argument);
  return read.ok ? read.value.address : undefined;
}

test("paths are read as they are written", () => {
  assert.equal(address("TO:<a@b.example>"), "a@b.example");
  assert.equal(address("to: <A@B.Example>"), "A@B.Example");
  assert.equal(address("TO:a@b.example"), "a@b.example");
  assert.equal(address("FROM:<>", "FROM"), "");
  assert.equal(address('TO:<"a b>c@d"@e.example>'), '"a b>c@d"@e.example');
  assert.equal(address("TO:<@x.example,@y.example:a@b.example>"), "a@b.example");
  assert.equal(address("TO:<a@[192.0.2.1]>"), "a@[192.0.2.1]");
  assert.equal(address("TO:<a@[IPv6:2001:db8::1]>"), "a@[IPv6:2001:db8::1]");
  assert.equal(address("TO:<a@xn--fsq.example>"), "a@xn--fsq.example");
  assert.equal(address("TO:<用户@例子.example>"), "用户@例子.example");
  assert.equal(address("TO:<postmaster>"), "postmaster");
  assert.equal(address("TO:<a@b.example.>"), "a@b.example.");
});

test("an address is read alike whether or not it is one that is read at once", () => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('aB9.-_+=@@%!"<>: ÿ')), maxLength: 12 });
  const long = fc.nat(300).map((n) => `${"a".repeat(n)}@b.example`);
  const domain = fc.nat(300).map((n) => `u@${"a.".repeat(n)}example`);
  fc.assert(
    fc.property(fc.oneof(text, long, domain), fc.constantFrom("FROM", "TO"), (given, keyword) => {
      // The blank before the bracket keeps the second from being read at once.
      assert.deepEqual(
        readPathCommand("TO", `${keyword}:<${given}>`),
        readPathCommand("TO", `${keyword}: <${given}>`),
      );
    }),
  );
});

test("parameters are read, and a wrong one refused", () => {
  const read = readPathCommand("FROM", "FROM:<a@b.example> SIZE=10 body=8BITMIME SMTPUTF8");
  assert.ok(read.ok);
  assert.deepEqual(
    [...read.value.parameters],
    [
      ["SIZE", "10"],
      ["BODY", "8BITMIME"],
      ["SMTPUTF8", ""],
    ],
  );
  const twice = readPathCommand("FROM", "FROM:<a@b.example> SIZE=10 SIZE=11");
  assert.ok(!twice.ok && twice.reply.code === 501);
});

test("what is no path is refused with 501 or 553", () => {
  const wrong = [
    "TO:",
    "TO:<a@b",
    "TO:<a@b>x",
    "FROM:<a@b.example>",
    "<a@b.example>",
    "TO:<a@b@>",
    "TO:<@b.example>",
    "TO:<a b@c>",
  ];
  for (const argument of [
    ...wrong,
    "TO:<a,c@b.example>",
    "TO:<a@b..c>",
    "TO:<a@b_c!>",
    "TO:<a@b>c@d>",
    "TO:<a\x00@b>",
    "TO:<a@\r\nb>",
  ]) {
    const read = readPathCommand("TO", argument);
    assert.ok(!read.ok, argument);
    assert.ok(read.reply.code === 501 || read.reply.code === 553, argument);
  }
});

test("the words of a refusal are Sendmail's", () => {
  const said = (argument: string) => {
    const read = readPathCommand("FROM", argument);
    return read.ok ? "" : `${read.reply.code} ${read.reply.enhanced} ${read.reply.text}`;
  };
  assert.equal(said(""), '501 5.5.2 Syntax error in parameters scanning ""');
  assert.equal(said("FROM"), '501 5.5.2 Syntax error in parameters scanning "FROM"');
  assert.equal(said("FROM:"), '501 5.5.2 Syntax error in parameters scanning "FROM"');
  assert.equal(said("TO:<a@b>"), '501 5.5.2 Syntax error in parameters scanning "TO"');
  assert.equal(said("FROM:<a@b.example"), "553 5.0.0 <a@b.example... Unbalanced '<'");
  assert.equal(said("FROM:a@b.example>"), "553 5.0.0 a@b.example>... Unbalanced '>'");
  assert.equal(said('FROM:<"a@b.example>'), "553 5.0.0 <\"a@b.example>... Unbalanced '\"'");
  assert.equal(said("FROM:<a@b> <c@d>"), "555 5.5.4  parameter unrecognized");
  assert.equal(said("FROM:a@b c@d"), "555 5.5.4 c parameter unrecognized");
  assert.equal(said("FROM:<a@b> RET=FULL RET=FULL"), "501 5.5.0 Duplicate RET parameter");
  assert.equal(said("FROM:<a@b@c.example>"), "553 5.1.3 <a@b@c.example>... Invalid route address");
  assert.equal(said("FROM:<a,b@c.example>"), "553 5.1.3 <a,b@c.example>... Invalid route address");
});

test("no argument makes the reader throw, and no address has a control character", () => {
  const hostile = fc.constantFrom('"', "\\", "<", ">", "@", "a", "\r", "\n", "\0", "\t", "\x7f", "\x85", " ");
  const text = fc.oneof(
    fc.string({ maxLength: 80, unit: "binary" }),
    fc.array(hostile, { maxLength: 12 }).map((parts) => parts.join("")),
    fc.array(hostile, { maxLength: 6 }).map((parts) => `<"${parts.join("")}"@ours.example>`),
  );
  fc.assert(
    fc.property(text, (text) => {
      const read = readPathCommand("TO", `TO:${text}`);
      if (read.ok) assert.ok(!/\p{Cc}/u.test(read.value.address));
    }),
    { numRuns: 2000 },
  );
});
