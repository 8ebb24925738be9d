/** Clients that mean no good: each is served as far as it goes, and holds up nobody. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { connected, loggedIn } from "./harness/client.ts";
import { startServer, writeMbox } from "./harness/server.ts";
import { until } from "./harness/until.ts";

const LARGE = `Subject: large\n\n${"a line of text\n".repeat(200_000)}`;

test("half a million pipelined commands are answered, and another client is answered meanwhile", async (t) => {
  const server = await startServer(t);
  const flood = connect(server.port, "127.0.0.1");
  let answered = 0;
  flood.on("data", (chunk: Buffer) => {
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) answered++;
  });
  flood.write("CAPX\r\n".repeat(500_000));
  await until(() => answered > 1000, "the flood to begin");
  const other = await connected(server.port);
  assert.match(await other.command("CAPA"), /^\+OK/);
  assert.ok(answered < 500_001, "the other client did not have to wait for the end");
  await until(() => answered === 500_001, "every answer");
  flood.destroy();
  other.drop();
});

test("a line without an end, NULs, and a reset in the middle of a message leave the server as it was", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), [LARGE]);
  const endless = connect(server.port, "127.0.0.1");
  endless.resume().on("error", () => undefined);
  for (let i = 0; i < 64; i++) endless.write(Buffer.alloc(64 * 1024, "x"));
  const zeros = await connected(server.port);
  zeros.send("\0".repeat(100));
  assert.match(await zeros.command(""), /^-ERR /);
  for (let i = 0; i < 20; i++) {
    const client = await loggedIn(server.port);
    client.send("RETR 1\r\n");
    await client.line();
    client.drop();
  }
  const last = await loggedIn(server.port);
  assert.equal((await last.retrieve(1)).text.length, LARGE.length + LARGE.split("\n").length - 1);
  await last.quit();
  endless.destroy();
  zeros.drop();
});

test("clients that ask for a large message and read nothing cost a bounded number of octets each", async (t) => {
  const server = await startServer(t, { users: Array.from({ length: 20 }, (_, i) => `u${i}`) });
  const before = process.memoryUsage();
  const clients = [];
  for (let i = 0; i < 20; i++) {
    writeMbox(server.mbox(`u${i}`), [LARGE, LARGE]);
    const client = await loggedIn(server.port, `u${i}`);
    client.socket.pause();
    client.send("RETR 1\r\nRETR 2\r\n".repeat(1000));
    clients.push(client);
  }
  const other = await connected(server.port);
  for (let i = 0; i < 50; i++) assert.match(await other.command("CAPX"), /^-ERR/);
  const each = (process.memoryUsage().external - before.external) / clients.length;
  assert.ok(each < 2 * 1024 ** 2, `${Math.round(each / 1024)} KiB each`);
  for (const client of clients) client.drop();
  other.drop();
});
