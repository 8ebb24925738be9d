/** Commands out of bytes, whatever the chunks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ClientLine, CommandReader, LONGEST_LINE } from "../../src/protocol/command.ts";

function read(...chunks: readonly (string | Uint8Array)[]): ClientLine[] {
  const reader = new CommandReader();
  return chunks.flatMap((chunk) => [...reader.take(Buffer.from(chunk as string))]);
}

const SESSION = "USER wang\r\nPASS two words \r\nstat\nRETR  1\r\n\r\nQUIT\r\n";

test("verbs come in upper case, arguments as typed", () => {
  assert.deepEqual(read(SESSION), [
    { kind: "command", verb: "USER", typed: "USER", argument: "wang" },
    { kind: "command", verb: "PASS", typed: "PASS", argument: "two words " },
    { kind: "command", verb: "STAT", typed: "stat", argument: "" },
    { kind: "command", verb: "RETR", typed: "RETR", argument: " 1" },
    { kind: "command", verb: "", typed: "", argument: "" },
    { kind: "command", verb: "QUIT", typed: "QUIT", argument: "" },
  ]);
});

test("every split into three chunks gives the same commands", () => {
  const whole = read(SESSION);
  for (let a = 0; a <= SESSION.length; a++) {
    for (let b = a; b <= SESSION.length; b++) {
      assert.deepEqual(read(SESSION.slice(0, a), SESSION.slice(a, b), SESSION.slice(b)), whole);
    }
  }
});

test("a byte at a time gives the same commands, in UTF-8 too", () => {
  const text = Buffer.from("PASS 密码\r\nNOOP\r\n");
  const bytes = Array.from(text, (byte) => Buffer.from([byte]));
  assert.deepEqual(read(...bytes), read(text));
  assert.equal((read(text)[0] as { argument: string }).argument, "密码");
});

test("a line that is too long is one fault, and the next is read", () => {
  const longest = "x".repeat(LONGEST_LINE - 2);
  assert.equal(read(`${longest}\r\n`)[0]?.kind, "command");
  for (const size of [1, 100, 511, 512, 513, 5000]) {
    const text = `x${longest}\r\nNOOP\r\n`;
    const chunks = [];
    for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size));
    assert.deepEqual(
      read(...chunks).map((line) => line.kind),
      ["too-long", "command"],
      `chunks of ${size}`,
    );
  }
});

test("garbage of any kind is read in bounded memory and as many lines as it has", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 }), { maxLength: 8 }), (chunks) => {
      const all = Buffer.concat(chunks);
      const lines = read(...chunks.map((chunk) => Buffer.from(chunk)));
      assert.equal(lines.length, all.filter((byte) => byte === 10).length);
    }),
  );
});

test("lines are given out one at a time, so the rest can wait", () => {
  const lines = new CommandReader().take(Buffer.from("NOOP\r\n".repeat(1000)));
  assert.equal(lines.next().done, false);
});
