import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ReplyParser, type ServerReply, smtpReply, transcriptOf } from "../../src/deliver/smtp-reply.ts";

function parse(text: string, cuts: readonly number[] = []) {
  return parseBytes(Buffer.from(text), cuts);
}

function parseBytes(bytes: Buffer, cuts: readonly number[] = []) {
  const parser = new ReplyParser();
  const replies: ServerReply[] = [];
  let fault: string | undefined;
  const edges = [0, ...cuts.filter((at) => at <= bytes.length).sort((a, b) => a - b), bytes.length];
  for (let i = 1; i < edges.length; i++) {
    const parsed = parser.push(bytes.subarray(edges[i - 1], edges[i]));
    replies.push(...parsed.replies);
    fault = parsed.fault;
  }
  return { replies, fault };
}

const line = fc.stringMatching(/^[ -~é世]{0,20}$/);
const reply = fc.record(
  {
    code: fc.integer({ min: 200, max: 599 }),
    lines: fc.array(line, { minLength: 1, maxLength: 4 }),
  },
  { noNullPrototype: true },
);

test("replies are the same at every cut of the stream", () => {
  fc.assert(
    fc.property(
      fc.array(reply, { maxLength: 4 }),
      fc.array(fc.nat(400)),
      fc.constantFrom("\r\n", "\n"),
      (replies, cuts, end) => {
        const text = replies
          .map(({ code, lines }) =>
            lines.map((l, i) => `${code}${i < lines.length - 1 ? "-" : " "}${l}${end}`).join(""),
          )
          .join("");
        assert.deepEqual(parse(text, cuts), { replies, fault: undefined });
      },
    ),
  );
});

test("any bytes end in replies or a fault, never in an exception, and alike at every cut", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.nat(300)), (bytes, cuts) => {
      assert.deepEqual(parseBytes(Buffer.from(bytes), cuts), parseBytes(Buffer.from(bytes)));
    }),
  );
});

test("a code alone, without text, is a reply", () => {
  assert.deepEqual(parse("250\r\n").replies, [{ code: 250, lines: [""] }]);
});

test("bytes that are no reply are a fault, and what came before still counts", () => {
  const { replies, fault } = parse("220 hello\r\nHTTP/1.1 400 Bad\r\n");
  assert.equal(replies.length, 1);
  assert.match(fault!, /not an SMTP reply: HTTP/);
  for (const text of ["99 x\r\n", "600 x\r\n", "250x\r\n", "\r\n", "25\r\n"])
    assert.ok(parse(text).fault, text);
});

test("a line or a reply without end is a fault before it fills the memory", () => {
  assert.match(parse("x".repeat(5000)).fault!, /octets/);
  assert.match(parse("250-x\r\n".repeat(200)).fault!, /lines/);
});

test("the enhanced code is taken from each line, and only if it is of the code's class", () => {
  const two = { code: 550, lines: ["5.1.1 no such user;", "5.1.1 see http://x"] };
  assert.deepEqual(smtpReply(two), { code: 550, enhanced: "5.1.1", text: "no such user; see http://x" });
  assert.deepEqual(smtpReply({ code: 550, lines: ["2.0.0 odd"] }), {
    code: 550,
    enhanced: "",
    text: "2.0.0 odd",
  });
  assert.deepEqual(smtpReply({ code: 250, lines: ["2.1.5"] }), { code: 250, enhanced: "2.1.5", text: "" });
});

test("control characters reach neither log nor report", () => {
  assert.equal(smtpReply({ code: 450, lines: ["a\u0000b\u001b[2J"] }).text, "a b [2J");
  assert.deepEqual(transcriptOf({ code: 550, lines: ["a\rb", "c"] }), ["<<< 550-a b", "<<< 550 c"]);
});
