import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import test from "node:test";
import { startInbound } from "./fake-inbound.ts";

/** What a client hears that sends all it has to say and closes its side, without waiting for anything. */
async function heardBy(port: number, words: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  let heard = "";
  socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
  socket.end(words);
  await once(socket, "close");
  return heard;
}

for (const others of [0, 2])
  test(`a client that closes its side behind its commands hears their replies, with ${others} others there`, async () => {
    const fixture = await startInbound();
    const clients = [];
    try {
      for (let i = 0; i < others; i++) clients.push(await fixture.client());
      const heard = await heardBy(fixture.port, "HELO client.example\r\nNOOP\r\nNOOP\r\n");
      assert.match(heard, /^220 .*\r\n250 .*\r\n250 2\.0\.0 OK\r\n250 2\.0\.0 OK\r\n$/);
    } finally {
      for (const { socket } of clients) socket.destroy();
      await fixture.stop();
    }
  });

for (const others of [0, 2])
  test(`behind QUIT the connection is closed, also for a client that closes nothing, with ${others} others there`, async () => {
    const fixture = await startInbound();
    const clients = [];
    try {
      for (let i = 0; i < others; i++) clients.push(await fixture.client());
      const socket = connect({ host: "127.0.0.1", port: fixture.port, allowHalfOpen: true });
      let heard = "";
      socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
      socket.write(`HELO client.example\r\n${"NOOP\r\n".repeat(10)}QUIT\r\n`);
      await once(socket, "end");
      assert.match(
        heard,
        /^220 .*\r\n250 .*\r\n(?:250 2\.0\.0 OK\r\n){10}221 2\.0\.0 .*closing connection\r\n$/,
      );
      // A side that was only closed for writing would take this, and drop it.
      const failed = once(socket, "error");
      const writing = setInterval(() => socket.write("NOOP\r\n"), 5);
      const [error] = (await failed) as [NodeJS.ErrnoException];
      clearInterval(writing);
      assert.match(String(error.code), /^(?:ECONNRESET|EPIPE)$/);
    } finally {
      for (const { socket } of clients) socket.destroy();
      await fixture.stop();
    }
  });
