import assert from "node:assert/strict";
import { test } from "node:test";
import { stdinMessage } from "../../src/commands/stdin-message.ts";

async function read(text: string, ignoreDots: boolean, step: number): Promise<string> {
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let at = 0; at < text.length; at += step) yield Buffer.from(text.slice(at, at + step), "latin1");
  }
  let out = "";
  for await (const chunk of stdinMessage(pieces(), ignoreDots)) out += chunk.toString("latin1");
  return out;
}

test("lines become CRLF lines, whatever the pieces", async () => {
  const cases: readonly (readonly [string, boolean, string])[] = [
    ["a\nb\r\nc", false, "a\r\nb\r\nc\r\n"],
    ["a\n.\nb\n", false, "a\r\n"],
    ["a\n.\r\nb\n", false, "a\r\n"],
    ["a\n.\nb\n", true, "a\r\n.\r\nb\r\n"],
    ["a\n.", false, "a\r\n"],
    ["a\n.", true, "a\r\n.\r\n"],
    ["a\n..\n.b\nlonger than eight.\n", false, "a\r\n..\r\n.b\r\nlonger than eight.\r\n"],
    [
      "From joe Mon Jan  1 00:00:00 2026\nSubject: x\n\nFrom here\n",
      false,
      "Subject: x\r\n\r\nFrom here\r\n",
    ],
    ["", false, ""],
    [".\n", false, ""],
    ["a\n\n\n", false, "a\r\n\r\n\r\n"],
    [`${"x".repeat(3000)}\ny`, false, `${"x".repeat(3000)}\r\ny\r\n`],
  ];
  for (const [text, ignoreDots, expected] of cases) {
    for (const step of [1, 2, 3, 7, 9, 64, 1000, 100_000]) {
      assert.equal(
        await read(text, ignoreDots, step),
        expected,
        `${JSON.stringify(text.slice(0, 40))} in steps of ${step}`,
      );
    }
  }
});
