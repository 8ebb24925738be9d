/** What a trace shows and what it does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { SessionTrace } from "../../src/connection/session-trace.ts";
import { CommandReader } from "../../src/protocol/command.ts";

/** The trace of these lines of a client before its login. */
function traced(lines: readonly string[], known: (verb: string) => boolean, reply: string): string[] {
  const shown: string[] = [];
  const trace = new SessionTrace({ write: (text) => void shown.push(text), close: () => undefined });
  const reader = new CommandReader();
  for (const text of lines) {
    for (const line of reader.take(Buffer.from(`${text}\r\n`))) {
      if (line.kind === "too-long") trace.tooLong();
      else trace.command(line, { known: known(line.verb), loggedIn: false });
      trace.line(reply.replace("$", line.kind === "command" ? line.typed : ""));
    }
  }
  return shown;
}

const KNOWN = new Set(["USER", "PASS", "APOP", "AUTH", "CAPA", "STLS", "QUIT", "RPOP"]);

test("passwords, digests and SASL data are left out", () => {
  const shown = traced(
    [
      "USER wang",
      "PASS hush hush",
      "pass hush",
      "APOP wang 0123hush",
      "AUTH PLAIN AHdhbmcAaHVzaA==",
      "AUTH CRAM-MD5",
      "aHVzaA==",
      "PASS\thush",
      "PAS hush",
      "",
    ],
    (verb) => KNOWN.has(verb),
    '-ERR Unknown command: "$".',
  );
  assert.deepEqual(
    shown.filter((line) => line.startsWith("C:")),
    [
      "C: USER wang",
      "C: PASS ****",
      "C: pass ****",
      "C: APOP wang ****",
      "C: AUTH PLAIN ****",
      "C: AUTH CRAM-MD5",
      "C: (no command, 8 octets)",
      "C: (no command, 9 octets)",
      "C: (no command, 7 octets)",
      "C: (no command, 0 octets)",
    ],
  );
  assert.ok(!shown.some((line) => line.includes("aHVzaA")), shown.join("\n"));
});

test("no password shows, however a client sends it", () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9+/=]{6,40}$/).map((text) => `zq${text}`);
  const frame = fc.constantFrom(
    "PASS $",
    "pass  $",
    "PASS\t$",
    "$",
    "AUTH PLAIN $",
    "AUTH LOGIN $",
    "APOP wang $",
    "$ $",
    "PASSS $",
    "RPOP x $",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(frame, secret), { maxLength: 6 }), (pieces) => {
      const lines = pieces.map(([text, word]) => text.replaceAll("$", word));
      const shown = traced(lines, (verb) => KNOWN.has(verb), '-ERR Unknown command: "$".').join("\n");
      for (const [, word] of pieces) assert.ok(!shown.includes(word), shown);
    }),
  );
});

test("of a long reply the first line and what followed is shown", () => {
  const shown: string[] = [];
  const trace = new SessionTrace({
    write: (text) => void shown.push(text),
    close: () => shown.push("closed"),
  });
  trace.line("+OK mailhost");
  trace.command({ typed: "LIST", verb: "LIST", argument: "" }, { known: true, loggedIn: true });
  for (const line of ["+OK 2 visible messages", "1 10", "2 20", "."]) trace.line(line);
  trace.command({ typed: "retr", verb: "RETR", argument: "1" }, { known: true, loggedIn: true });
  trace.line("+OK 1000 octets");
  trace.bytes(600);
  trace.bytes(403);
  trace.command({ typed: "AUTH", verb: "AUTH", argument: "PLAIN" }, { known: true, loggedIn: true });
  trace.line("+ ");
  trace.data(Buffer.from("secret"));
  trace.message(77);
  trace.event("timeout");
  trace.close();
  assert.deepEqual(shown, [
    "S: +OK mailhost",
    "C: LIST",
    "S: +OK 2 visible messages",
    "S: (3 lines, 15 octets more)",
    "C: retr 1",
    "S: +OK 1000 octets",
    "S: (1003 octets more)",
    "C: AUTH PLAIN",
    "S: + ****",
    "C: (6 octets of data)",
    "C: (a message of 77 octets)",
    "-- timeout",
    "-- end",
    "closed",
  ]);
});
