import assert from "node:assert/strict";
import { test } from "node:test";
import { HeaderFilter, type HeaderRules, messageIdOf } from "../../src/inbound/header-filter.ts";

function run(text: string, rules: HeaderRules = {}, cuts: readonly number[] = []) {
  const filter = new HeaderFilter(rules);
  const bytes = Buffer.from(text, "latin1");
  const out: Buffer[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    out.push(...filter.push(bytes.subarray(from, to)));
    from = to;
  }
  out.push(...filter.finish());
  return { text: Buffer.concat(out).toString("latin1"), seen: filter.seen };
}

const MESSAGE =
  "Received: from a\r\n\tby b\r\nreceived : from c\r\nMessage-ID:\r\n <x@y>\r\nSubject: Received: no\r\n\r\nReceived: in the body\r\n";

test("a message goes through as it is, whatever the pieces, and its hops are counted", () => {
  for (let cut = 0; cut <= MESSAGE.length; cut += 1) {
    const { text, seen } = run(MESSAGE, { keep: new Set(["message-id"]) }, [cut]);
    assert.equal(text, MESSAGE);
    assert.equal(seen.hops, 2);
    assert.equal(messageIdOf(seen), "<x@y>");
  }
});

test("a message with no header gets an empty line before its body", () => {
  assert.equal(run("hello there\r\nSubject: no\r\n").text, "\r\nhello there\r\nSubject: no\r\n");
  assert.equal(
    run("From a@b Mon Jan 1\r\nSubject: no\r\n").text,
    "\r\nFrom a@b Mon Jan 1\r\nSubject: no\r\n",
  );
  assert.equal(run(" indented\r\n").text, "\r\n indented\r\n");
  assert.equal(run("").text, "\r\n");
});

test("a message that begins with an empty line, or is all header, stays as it is", () => {
  assert.equal(run("\r\nbody\r\n").text, "\r\nbody\r\n");
  assert.equal(run("Subject: x\r\n").text, "Subject: x\r\n");
});

test("missing fields are added at the end of the header", () => {
  const rules: HeaderRules = {
    missing: ({ names }) =>
      (names.has("date") ? "" : "Date: now\r\n") + (names.has("message-id") ? "" : "Message-ID: <i@h>\r\n"),
  };
  for (let cut = 0; cut < 20; cut += 1) {
    assert.equal(
      run("Date: then\r\n\r\nbody\r\n", rules, [cut]).text,
      "Date: then\r\nMessage-ID: <i@h>\r\n\r\nbody\r\n",
    );
  }
  assert.equal(run("body only\r\n", rules).text, "Date: now\r\nMessage-ID: <i@h>\r\n\r\nbody only\r\n");
  assert.equal(run("Subject: x\r\n", rules).text, "Subject: x\r\nDate: now\r\nMessage-ID: <i@h>\r\n");
});

test("dropped fields go with all their lines, kept ones are unfolded by nobody", () => {
  const rules: HeaderRules = { drop: new Set(["bcc"]), keep: new Set(["to", "bcc"]) };
  const { text, seen } = run("To: a,\r\n b\r\nBcc: c,\r\n\td\r\nSubject: x\r\n\r\nBcc: body\r\n", rules);
  assert.equal(text, "To: a,\r\n b\r\nSubject: x\r\n\r\nBcc: body\r\n");
  assert.deepEqual(seen.values, [
    { name: "to", text: " a,\r\n b\r\n" },
    { name: "bcc", text: " c,\r\n\td\r\n" },
  ]);
});

test("a very long line is not held, and keeps its meaning", () => {
  const long = `Subject: ${"x".repeat(100_000)}\r\nBcc: ${"y".repeat(100_000)}\r\nTo: z\r\n\r\nbody\r\n`;
  const cuts = Array.from({ length: 30 }, (_, i) => (i + 1) * 6000);
  const { text, seen } = run(long, { drop: new Set(["bcc"]), keep: new Set(["bcc"]) }, cuts);
  assert.equal(text, `Subject: ${"x".repeat(100_000)}\r\nTo: z\r\n\r\nbody\r\n`);
  assert.equal(seen.overflow, true);
});

test("ten thousand fields are counted and passed on", () => {
  const header = Array.from({ length: 10_000 }, (_, i) => `X-${i}: v\r\n`).join("");
  const { text, seen } = run(`${header}Received: x\r\n\r\n`);
  assert.equal(text.length, header.length + "Received: x\r\n\r\n".length);
  assert.equal(seen.hops, 1);
});

test("a header of nothing but kept fields fills no memory", () => {
  const filter = new HeaderFilter({ keep: new Set(["message-id"]) });
  const chunk = Buffer.from("Message-ID:\r\n".repeat(5000));
  for (let i = 0; i < 40; i += 1) assert.ok(Buffer.concat(filter.push(chunk)).equals(chunk));
  assert.equal(filter.seen.overflow, true);
  assert.ok(filter.seen.values.length <= 32 * 1024 + 1);
});
