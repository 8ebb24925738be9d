/** A message for programs is the message with LF line ends, however it was cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { commandWords } from "../../src/deliver/command-words.ts";
import { localText } from "../../src/deliver/local-text.ts";
import { bodyOf } from "./sample-message.ts";

async function text(
  body: ReturnType<typeof bodyOf>,
  fromLine: boolean,
  returnPath: boolean,
): Promise<string> {
  const chunks: Buffer[] = [];
  const head = { sender: "a@b.example", receivedAt: 0, fromLine, returnPath };
  for await (const chunk of localText(body, head)) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

test("only CRLF becomes LF, and the last line has an end", async () => {
  const piece = fc.constantFrom("\r", "\n", "\r\n", "a", "From x", "");
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 12 }),
      fc.integer({ min: 1, max: 5 }),
      async (pieces, cut) => {
        const given = pieces.join("");
        const whole = given.replaceAll("\r\n", "\n");
        const wanted = whole === "" || whole.endsWith("\n") ? whole : `${whole.replace(/\r$/, "")}\n`;
        assert.equal(await text(bodyOf(given, cut), false, false), wanted);
      },
    ),
  );
});

test("the head has what the mailer's flags ask for", async () => {
  const from = "From a@b.example Thu Jan  1 00:00:00 1970\n";
  assert.equal(await text(bodyOf("x\r\n"), true, false), `${from}x\n`);
  assert.equal(await text(bodyOf("x\r\n"), false, true), "Return-Path: <a@b.example>\nx\n");
});

test("a message that ends early is an error", async () => {
  await assert.rejects(text({ ...bodyOf("x\r\n"), size: 99 }, false, false), /3 of 99 octets/);
});

test("a command's macros are one word each, empty ones too", () => {
  assert.deepEqual(commandWords('/usr/bin/procmail -t -a $h -d $u "a b"', { h: "", u: "x y" }), [
    "/usr/bin/procmail",
    "-t",
    "-a",
    "",
    "-d",
    "x y",
    "a b",
  ]);
});
