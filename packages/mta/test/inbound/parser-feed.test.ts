import assert from "node:assert/strict";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import test from "node:test";
import fc from "fast-check";
import { DataParser } from "../../src/inbound/data-parser.ts";
import { ParserFeed } from "../../src/inbound/parser-feed.ts";

/** A feed from a stream of ours; each command waits until it is answered. */
function fed() {
  const socket = new PassThrough();
  const parser = new DataParser();
  const commands: string[] = [];
  const waiting: (() => void)[] = [];
  parser.oncommand = (command, next) => {
    commands.push(command.toString());
    if (next !== undefined) waiting.push(next);
  };
  const feed = new ParserFeed(socket as unknown as Socket, parser);
  const turn = () => new Promise((done) => void setImmediate(done));
  const answer = async () => {
    waiting.shift()?.();
    await turn();
  };
  return { socket, parser, commands, waiting, feed, turn, answer };
}

test("a command at a time, and the socket waits while one is carried out", async () => {
  const { socket, commands, turn, answer } = fed();
  socket.write("EHLO a\r\nMA");
  await turn();
  socket.write("IL FROM:<b@c>\r\n");
  await turn();
  assert.deepEqual([commands, socket.isPaused()], [["EHLO a"], true]);
  await answer();
  assert.deepEqual(commands, ["EHLO a", "MAIL FROM:<b@c>"]);
  await answer();
  assert.equal(socket.isPaused(), false);
  socket.write("QUIT\r\n");
  await turn();
  assert.equal(commands[2], "QUIT");
});

test("commands are the same however they are cut, and whoever answers at once", () => {
  const line = fc.string({ unit: fc.constantFrom("a", " ", "\r", "ÿ"), maxLength: 4 });
  const lines = fc.array(fc.tuple(line, fc.constantFrom("\r\n", "\n")), { maxLength: 6 });
  fc.assert(
    fc.property(lines, fc.array(fc.nat(12), { maxLength: 8 }), fc.boolean(), (given, cuts, isQuick) => {
      const bytes = Buffer.from(given.map(([text, end]) => text + end).join(""), "latin1");
      const { parser, commands, waiting } = fed();
      parser.oncommand = (command, next) => {
        commands.push(command.toString("latin1"));
        if (next !== undefined && isQuick) next();
        else if (next !== undefined) waiting.push(next);
      };
      let done = 0;
      const pieces = [...cuts, bytes.length];
      let from = 0;
      for (const [i, cut] of pieces.entries()) {
        const to = i === pieces.length - 1 ? bytes.length : Math.min(bytes.length, from + cut);
        parser._write(bytes.subarray(from, to), "buffer", () => (done += 1));
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) next();
        from = to;
      }
      const wanted = bytes.toString("latin1").split(/\r?\n/).slice(0, -1);
      assert.deepEqual([commands, done], [wanted, pieces.length]);
    }),
  );
});

test("the last line may lack its end", async () => {
  const { socket, commands, turn, answer } = fed();
  socket.end("NOOP\r\nQUIT");
  await turn();
  assert.deepEqual(commands, ["NOOP"]);
  await answer();
  await turn();
  assert.deepEqual(commands, ["NOOP", "QUIT"]);
});

test("news is what came since it was asked for", async () => {
  const { socket, feed, turn, answer } = fed();
  socket.write("MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n");
  await turn();
  assert.deepEqual([feed.takeNews(), feed.takeNews()], [true, false]);
  await answer();
  await answer();
  assert.equal(feed.takeNews(), false);
  socket.write("DATA\r\n");
  await turn();
  assert.equal(feed.takeNews(), true);
});

test("after a stop nothing more is taken, and the socket rests", async () => {
  const { socket, feed, commands, turn, answer } = fed();
  socket.write("STARTTLS\r\n");
  await turn();
  socket.write("MAIL FROM:<smuggled@in.the.clear>\r\n");
  await turn();
  feed.stop();
  await answer();
  assert.deepEqual([commands, socket.isPaused()], [["STARTTLS"], true]);
});

test("a line that is too long is the parser's error, once", async () => {
  const { socket, parser, turn } = fed();
  const faults: string[] = [];
  parser.on("error", (error) => faults.push(error.message));
  socket.write(Buffer.alloc(20_000, "a"));
  socket.write(Buffer.alloc(20_000, "a"));
  await turn();
  assert.deepEqual(faults, ["Command line too long"]);
});
