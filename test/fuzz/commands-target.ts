/**
 * Fuzzes what a POP3 client sends: the cutting into commands against a slow and obvious one, and whole sessions, which must
 * answer every line or end, with no error of ours.
 */
import assert from "node:assert/strict";
import { connect } from "node:net";
import type { TestContext } from "node:test";
import { type Clock, systemClock } from "../../packages/common/src/clock.ts";
import { CommandReader, LONGEST_LINE } from "../../packages/pop3/src/protocol/command.ts";
import { PASSWORD, startServer, writeMbox } from "../../packages/pop3/test/harness/server.ts";
import type { Target } from "./fuzzing.ts";
import { splitUp } from "./random.ts";

const WORDS = [
  "\r\n",
  "\n",
  "\r",
  " ",
  "\t",
  "\0",
  "USER wang\r\n",
  `PASS ${PASSWORD}\r\n`,
  "APOP wang 0123456789abcdef0123456789abcdef\r\n",
  "AUTH PLAIN\r\n",
  "AUTH LOGIN\r\n",
  "AUTH PLAIN AHdhbmcAbGV0IG1lIGlu\r\n",
  "AUTH CRAM-MD5\r\n",
  "*\r\n",
  "CAPA\r\n",
  "STLS\r\n",
  "STAT\r\n",
  "LIST\r\n",
  "LIST 1\r\n",
  "UIDL 2\r\n",
  "EUIDL\r\n",
  "RETR 1\r\n",
  "TOP 1 0\r\n",
  "TOP 2 99999999999999999999\r\n",
  "DELE 1\r\n",
  "RSET\r\n",
  "LAST\r\n",
  "NOOP\r\n",
  "XTND XLST Subject\r\n",
  "XTND XLST Subject 1\r\n",
  "X-MANGLE\r\n",
  "UTF8\r\n",
  "LANG zh\r\n",
  "LANG *\r\n",
  "QUIT\r\n",
  "-1",
  "1e9",
  "4294967297",
  "é中",
  "x".repeat(600),
];
/** A session that is not over by then hangs, ms. */
const PATIENCE = 20_000;

/** How long the end of a connection may take, ms (listener.ts): the last words must come. */
const FAREWELL = 5000;
/** Pauses after wrong passwords are shorter than this, ms. */
const LONGEST_PAUSE = 60_000;

/** A clock on which the pauses after wrong passwords take no time. */
const impatient: Clock = {
  now: () => systemClock.now(),
  after: (ms, fn) => systemClock.after(ms < LONGEST_PAUSE && ms !== FAREWELL ? 0 : ms, fn),
};

/** The target. Its server ends with `t`. */
export async function commandsTarget(t: Pick<TestContext, "after">): Promise<Target> {
  const server = await startServer(t as TestContext, {
    clock: impatient,
    users: ["wang"],
  });
  return {
    name: "commands",
    words: WORDS,
    longest: 4096,
    async run(input, random) {
      const reader = new CommandReader();
      const lines = splitUp(random, input).flatMap((chunk) => [...reader.take(chunk)]);
      assert.deepEqual(
        lines.map((line) => (line.kind === "command" ? `${line.typed}|${line.argument}` : line.kind)),
        slowLines(input),
      );
      // What the last session deleted comes back.
      writeMbox(server.mbox("wang"), ["Subject: a\n\n.dots\n..\n", "Subject: b\n\n>From b\n"]);
      const heard = await converse(server.port, splitUp(random, input));
      const fault = server.logged.find((line) => line.startsWith("error "));
      server.logged.length = 0;
      assert.equal(fault, undefined);
      assert.match(heard, /^\+OK [^\r\n]*\r\n/);
      assert.ok(heard.endsWith("\r\n"), "an answer without its end");
      // What was answered, less figures and what the client said.
      const kinds = heard.match(/^(?:\+OK|-ERR)(?: [\w[\]/+-]+){0,2}/gm) ?? [];
      return [...new Set(kinds.map((kind) => kind.replace(/\d+/g, "#")))].sort().join(", ");
    },
    close: () => Promise.resolve(),
  };
}

/** Sends it all and returns all that came. */
function converse(port: number, chunks: readonly Buffer[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    let heard = "";
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the session hangs after: ${heard.slice(-200)}`));
    }, PATIENCE);
    socket.on("data", (data: Buffer) => {
      heard += data.toString("latin1");
    });
    // A session that ends before all is sent may reset the connection.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(heard);
    });
    socket.on("end", () => socket.end());
    for (const chunk of chunks) socket.write(chunk);
    socket.end();
  });
}

/** Lines as one would cut them without caring for time or memory. */
function slowLines(input: Buffer): string[] {
  const lines = input.toString("latin1").split("\n").slice(0, -1);
  return lines.map((line) => {
    if (line.length + 1 > LONGEST_LINE) return "too-long";
    const text = Buffer.from(line.replace(/\r$/, ""), "latin1").toString("utf8");
    const space = text.indexOf(" ");
    return space < 0 ? `${text}|` : `${text.slice(0, space)}|${text.slice(space + 1)}`;
  });
}
