import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { bindPort } from "@mailhost/common/daemon/bound-port";
import { challengeServer } from "../../src/acme/challenge-server.ts";

const ANY = [{ host: "127.0.0.1", port: 0 }];
const PATH = "/.well-known/acme-challenge/";

/** What the server answers to some bytes, whole. */
async function said(port: number, text: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  let answer = "";
  socket.setEncoding("latin1");
  socket.on("data", (piece: string) => (answer += piece));
  socket.on("error", () => undefined);
  socket.on("connect", () => socket.write(text));
  await new Promise((closed) => socket.on("close", closed));
  return answer;
}

function serverFor(t: TestContext, ...args: Parameters<typeof challengeServer>) {
  const server = challengeServer(...args);
  t.after(() => server.close());
  return server;
}

test("an outstanding token is answered, and nothing else", async (t) => {
  const server = serverFor(t, ANY);
  await server.add("token-1", "token-1.thumb");
  const { port } = server.listening()[0]!;
  const ask = (line: string) => said(port, `${line}\r\nHost: mail.a.example\r\n\r\n`);
  const got = await ask(`GET ${PATH}token-1 HTTP/1.1`);
  assert.match(got, /^HTTP\/1\.1 200 /);
  assert.match(got, /Connection: close/i);
  assert.ok(got.endsWith("\r\n\r\ntoken-1.thumb"));
  const head = await ask(`HEAD ${PATH}token-1 HTTP/1.1`);
  assert.match(head, /^HTTP\/1\.1 200 /);
  assert.ok(head.endsWith("\r\n\r\n"));
  for (const line of [
    `GET ${PATH} HTTP/1.1`,
    `GET ${PATH}token-2 HTTP/1.1`,
    `GET ${PATH}token-1/ HTTP/1.1`,
    `GET ${PATH}../acme-challenge/token-1 HTTP/1.1`,
    `GET ${PATH}constructor HTTP/1.1`,
    "GET / HTTP/1.1",
    `POST ${PATH}token-1 HTTP/1.1`,
    `DELETE ${PATH}token-1 HTTP/1.0`,
  ]) {
    assert.match(await ask(line), /^HTTP\/1\.1 404 /, line);
  }
});

test("what is no HTTP, or too much of it, is hung up on", async (t) => {
  const server = serverFor(t, ANY);
  await server.add("token-1", "token-1.thumb");
  const { port } = server.listening()[0]!;
  assert.equal(await said(port, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n"), "");
  assert.equal(await said(port, `GET ${PATH}token-1 HTTP/1.1\r\nX: ${"x".repeat(20_000)}\r\n\r\n`), "");
  const flood = await said(
    port,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n${"x".repeat(100_000)}`,
  );
  assert.match(flood, /^(?:HTTP\/1\.1 404 |$)/);
  assert.match(await said(port, `GET ${PATH}token-1 HTTP/1.1\r\nHost: a\r\n\r\n`), /200/);
});

test("whoever says nothing is hung up on", async (t) => {
  const server = serverFor(t, ANY);
  await server.add("token-1", "token-1.thumb");
  assert.equal(await said(server.listening()[0]!.port, ""), "");
});

test("it listens only while a token is outstanding", async (t) => {
  const server = serverFor(t, ANY);
  assert.deepEqual(server.listening(), []);
  await server.add("one", "1");
  await server.add("two", "2");
  const { port } = server.listening()[0]!;
  await server.remove("one");
  assert.equal(server.listening()[0]?.port, port);
  await server.remove("two");
  assert.deepEqual(server.listening(), []);
  await server.add("three", "3");
  assert.match(
    await said(server.listening()[0]!.port, `GET ${PATH}three HTTP/1.1\r\nHost: a\r\n\r\n`),
    /200 /,
  );
});

test("a port that was bound before stays, and hangs up while nothing is outstanding", async (t) => {
  const held = bindPort("smtp", ANY[0]!, "acme.listen");
  const { port } = held.address;
  const server = serverFor(t, [], [held]);
  for (const token of ["one", "two"]) {
    await server.add(token, `${token}.thumb`);
    assert.match(await said(port, `GET ${PATH}${token} HTTP/1.1\r\nHost: a\r\n\r\n`), /200 /);
    await server.remove(token);
    assert.equal(await said(port, `GET ${PATH}${token} HTTP/1.1\r\nHost: a\r\n\r\n`), "");
  }
});

test("a port that is taken is named, with what to do", async (t) => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const { port } = other.address() as { port: number };
  const server = serverFor(t, [{ host: "127.0.0.1", port }]);
  await assert.rejects(
    server.add("one", "1"),
    /cannot answer the certificate authority on 127\.0\.0\.1:\d+: the port is in use/,
  );
  assert.deepEqual(server.listening(), []);
});
