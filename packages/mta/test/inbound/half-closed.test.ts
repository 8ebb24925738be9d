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
