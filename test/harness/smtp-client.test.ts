/**
 * The tests' own SMTP client leaves nothing open: a connection would keep a test's process long after its last test.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { openSmtp } from "./smtp-client.ts";

for (const [what, greeting] of [
  ["that speaks another protocol", "+OK POP3 here\r\n"],
  ["that is silent", ""],
] as const) {
  test(`a connection to a server ${what} is closed`, async (t) => {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    t.after(() => server.close());
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const { port } = server.address() as AddressInfo;
    const opened = openSmtp({ host: "127.0.0.1", port }, { patience: 300 });
    const [socket] = await accepted;
    socket.resume().write(greeting);
    // It is the client that ends.
    const ended = once(socket, "end");
    await assert.rejects(opened);
    await ended;
    socket.destroy();
  });
}
