/** Ports that are encrypted from the first octet, and passwords that may not travel without it. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { connect as connectTls } from "node:tls";
import { certificate } from "./harness/certificate.ts";
import { connected, TestClient } from "./harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "./harness/server.ts";

test("pop3s serves a session, behind a PROXY header in the same packet too", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  for (const proxied of [false, true]) {
    const server = await startServer(t, {
      kind: "pop3s",
      tls,
      settings: `pop3: { proxyProtocol: [${proxied ? '"127.0.0.1"' : ""}] }\n`,
    });
    writeMbox(server.mbox("wang"), [`S: x\n\n${"text\n".repeat(100_000)}`]);
    const plain = connect(server.port, "127.0.0.1");
    // Corked, the header leaves together with the TLS client's first words.
    plain.cork();
    if (proxied) plain.write("PROXY TCP4 192.0.2.7 10.0.0.1 40000 995\r\n");
    const client = new TestClient(connectTls({ socket: plain, rejectUnauthorized: false }));
    plain.uncork();
    assert.match((await client.line()) ?? "", /^\+OK/);
    await client.command("USER wang");
    assert.match(await client.command(`PASS ${PASSWORD}`), /^\+OK/);
    assert.equal((await client.retrieve(1)).text.length, 8 + 600_000);
    assert.match(await client.quit(), /^\+OK/);
    assert.deepEqual(server.recorded, [`${proxied ? "192.0.2.7" : "127.0.0.1"} wang`]);
  }
});

test("who does not speak TLS on pop3s is let go", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const server = await startServer(t, { kind: "pop3s", tls });
  const client = new TestClient(connect(server.port, "127.0.0.1"));
  client.send("USER wang\r\n");
  while ((await client.line()) !== undefined);
  await server.listener.stop(30_000);
});

test("stopping cuts an encrypted session", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const server = await startServer(t, { kind: "pop3s", tls });
  const client = new TestClient(
    connectTls({ port: server.port, host: "127.0.0.1", rejectUnauthorized: false }),
  );
  await client.line();
  await server.listener.stop(30_000);
  assert.equal(await client.line(), undefined);
});

test("where there is TLS, a password from outside must not come without it", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const access = { "127.0.0.8": "RELAY" };
  const server = await startServer(t, { tls, access, relayDomains: ["127.0.0.7"] });
  const outside = await connected(server.port, "127.0.0.9");
  assert.ok(!(await outside.list("CAPA")).includes("USER"));
  assert.match(await outside.command("USER wang"), /^-ERR \[AUTH\] You must use TLS/);
  assert.match(await outside.command(`PASS ${PASSWORD}`), /^-ERR/);
  outside.drop();
  for (const from of ["127.0.0.1", "127.0.0.8", "127.0.0.7"]) {
    const inside = await connected(server.port, from);
    assert.ok((await inside.list("CAPA")).includes("USER"));
    await inside.command("USER wang");
    assert.match(await inside.command(`PASS ${PASSWORD}`), /^\+OK/);
    await inside.quit();
  }
  const lax = await startServer(t, { tls, settings: "tls: { allowPlaintextAuth: true }\n" });
  const client = await connected(lax.port, "127.0.0.9");
  assert.match(await client.command("USER wang"), /^\+OK/);
  client.drop();
});

test("a container's gateway may hide anybody: no password without TLS, and no relaying for it", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const gateways = ["127.0.0.8"];
  const server = await startServer(t, { tls, access: { "127.0.0.8": "RELAY" }, gateways });
  const client = await connected(server.port, "127.0.0.8");
  assert.match(await client.command("USER wang"), /^-ERR \[AUTH\] You must use TLS/);
  client.drop();
  assert.ok(server.logged.some((line) => line.includes("connection from the container gateway [127.0.0.8]")));
  const lax = await startServer(t, { gateways });
  const inside = await connected(lax.port, "127.0.0.8");
  await inside.command("USER wang");
  assert.match(await inside.command(`PASS ${PASSWORD}`), /^\+OK/);
  await inside.quit();
  assert.deepEqual(lax.recorded, []);
});
