/** STLS (RFC 2595): what came before it counts for nothing after it, at whatever place the packets were cut. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { certificate } from "./harness/certificate.ts";
import { connected, TestClient } from "./harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "./harness/server.ts";

/** The encrypted side of a client's connection. */
function encrypted(socket: Socket): TestClient {
  socket.removeAllListeners("data");
  return new TestClient(connectTls({ socket, rejectUnauthorized: false }));
}

test("CAPA before and after; a name and a language given before are forgotten", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const server = await startServer(t, { tls });
  writeMbox(server.mbox("wang"), ["S: x\n\ntext\n"]);
  const outside = await connected(server.port, "127.0.0.9");
  const before = await outside.list("CAPA");
  assert.ok(before.includes("STLS"));
  assert.ok(!before.includes("USER") && !before.some((line) => line.startsWith("SASL")));
  const inside = await connected(server.port);
  assert.match(await inside.command("USER wang"), /^\+OK/);
  assert.match(await inside.command("LANG zh"), /^\+OK/);
  for (const client of [outside, inside]) {
    assert.match(await client.command("STLS"), /^\+OK/);
    const secure = encrypted(client.socket);
    const after = await secure.list("CAPA");
    assert.ok(!after.includes("STLS"));
    assert.ok(after.includes("USER") && after.includes("SASL PLAIN LOGIN"));
    assert.equal(await secure.command("PASS x"), "-ERR Say USER first.");
    assert.equal(await secure.command("STLS"), "-ERR Command not permitted when TLS active");
    await secure.command("USER wang");
    assert.match(await secure.command(`PASS ${PASSWORD}`), /^\+OK wang has 1/);
    assert.equal(await secure.command("STLS"), '-ERR Unknown command: "stls".');
    assert.match(await secure.quit(), /^\+OK/);
  }
});

test("without a certificate there is no STLS, nor inside pop3s", async (t) => {
  const server = await startServer(t);
  const client = await connected(server.port);
  assert.ok(!(await client.list("CAPA")).includes("STLS"));
  assert.equal(await client.command("STLS"), "-ERR TLS is not available");
  assert.match(await client.quit(), /^\+OK/);
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const secure = await startServer(t, { tls, kind: "pop3s" });
  const inside = new TestClient(connectTls({ port: secure.port, rejectUnauthorized: false }));
  await inside.line();
  assert.ok(!(await inside.list("CAPA")).includes("STLS"));
  inside.socket.destroy();
});

/** What an attacker on the way could put behind the client's STLS, to be carried out as the client's own. */
const INJECTED = `STLS\r\nUSER wang\r\nPASS ${PASSWORD}\r\nDELE 1\r\nQUIT\r\n`;

test("nothing that was pipelined behind STLS survives it, wherever the packets are cut", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const server = await startServer(t, { tls });
  const message = "S: x\n\ntext\n";
  writeMbox(server.mbox("wang"), [message]);
  await Promise.all(
    Array.from({ length: INJECTED.length }, async (_, cut) => {
      const client = await connected(server.port);
      client.send(INJECTED.slice(0, cut));
      await new Promise(setImmediate);
      client.send(INJECTED.slice(cut));
      assert.match((await client.line()) ?? "", /^\+OK Begin TLS/, `cut at ${cut}`);
      const secure = encrypted(client.socket);
      secure.send("NOOP\r\n");
      // What came as the server's TLS was in place already is no TLS, and ends the connection.
      const answer = await secure.line();
      assert.ok(
        answer === undefined || answer === '-ERR Unknown command: "noop".',
        `cut at ${cut}: ${answer}`,
      );
      secure.socket.destroy();
    }),
  );
  assert.ok(!server.logged.some((line) => line.includes("POP login")), "nobody was logged in");
  const after = await connected(server.port);
  await after.command("USER wang");
  assert.match(await after.command(`PASS ${PASSWORD}`), /^\+OK wang has 1 /, "and nothing was deleted");
  await after.quit();
});

test("a client that speaks no TLS behind STLS is let go, and holds up nobody", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const server = await startServer(t, { tls });
  const client = new TestClient(connect(server.port, "127.0.0.1"));
  await client.line();
  await client.command("STLS");
  client.send("USER wang\r\nPASS x\r\n");
  while ((await client.line()) !== undefined);
  await server.listener.stop(30_000);
});
