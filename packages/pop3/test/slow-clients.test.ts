/** Clients that send an octet a second, close half of the connection, or read nothing, encrypted and not: none holds its mailbox. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { certificate } from "./harness/certificate.ts";
import { TestClient } from "./harness/client.ts";
import { PASSWORD, startServer, type TestServer, writeMbox } from "./harness/server.ts";

/** 20 MiB, more than the system's buffers of a connection take. */
const LARGE = `Subject: large\n\n${`${"x".repeat(1023)}\n`.repeat(20 * 1024)}`;

interface Slow {
  readonly server: TestServer;
  readonly clock: ManualClock;
  /** A connection as the clients have it. */
  readonly open: () => Socket;
  /** The same, with its greeting taken. */
  readonly greeted: () => Promise<TestClient>;
}

/** A server of each kind. */
async function each(t: TestContext, work: (slow: Slow) => Promise<void>): Promise<void> {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  for (const kind of ["pop3", "pop3s"] as const) {
    const clock = new ManualClock(Date.now());
    const server = await startServer(t, { clock, kind, tls, settings: "pop3: { timeout: 600s }\n" });
    const port = { port: server.port, host: "127.0.0.1" };
    const open = () => (kind === "pop3" ? connect(port) : connectTls({ ...port, rejectUnauthorized: false }));
    const greeted = async () => {
      const client = new TestClient(open());
      assert.match((await client.line()) ?? "", /^\+OK /);
      return client;
    };
    await work({ server, clock, open, greeted });
  }
}

async function logIn(client: TestClient): Promise<void> {
  await client.command("USER wang");
  assert.match(await client.command(`PASS ${PASSWORD}`), /^\+OK/);
}

/** Lets seconds pass by the clock until something holds. */
async function passUntil(clock: ManualClock, holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`);
    await clock.advance(10_000);
    await new Promise(setImmediate);
  }
}

/** Somebody else logs in, and sees that nothing was deleted. */
async function othersGoOn({ clock, greeted }: Slow, messages: number): Promise<void> {
  const other = await greeted();
  const deadline = Date.now() + 60_000;
  await other.command("USER wang");
  for (let reply = ""; !reply.startsWith("+OK"); ) {
    // The other session is just ending, by another clock than the one that a login waits by.
    assert.ok(Date.now() < deadline, reply);
    if (reply !== "") {
      assert.match(reply, /^-ERR \[IN-USE\]/);
      await other.command("USER wang");
    }
    const answer = other.command(`PASS ${PASSWORD}`);
    for (reply = ""; reply === ""; ) {
      reply = await Promise.race([
        answer,
        clock.advance(10).then(() => new Promise<string>((done) => setImmediate(done, ""))),
      ]);
    }
  }
  assert.equal((await other.list("LIST")).length, messages);
  assert.match(await other.quit(), /^\+OK/);
}

test("who sends an octet a second, before the login or behind it, is let go when the time is over", async (t) => {
  await each(t, async (slow) => {
    const { server, clock, greeted } = slow;
    writeMbox(server.mbox("wang"), ["Subject: one\n\none\n"]);
    for (const inside of [false, true]) {
      const client = await greeted();
      if (inside) {
        await logIn(client);
        await client.command("DELE 1");
      }
      let octets = 0;
      let over = false;
      client.socket.on("close", () => {
        over = true;
      });
      const deadline = Date.now() + 60_000;
      while (!over) {
        assert.ok(Date.now() < deadline, "waited in vain for the end");
        if (octets++ < 2000 && client.socket.writable) client.send("N");
        await clock.advance(1000);
        await new Promise(setImmediate);
      }
      assert.ok(octets >= 600, `${octets} octets`);
      await othersGoOn(slow, 1);
    }
  });
});

test("who says a word of a TLS handshake a second is let go, and holds up nobody", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const clock = new ManualClock(Date.now());
  const server = await startServer(t, { clock, kind: "pop3s", tls });
  const socket = connect(server.port, "127.0.0.1").on("error", () => undefined);
  socket.resume();
  let over = false;
  socket.on("close", () => {
    over = true;
  });
  await once(socket, "connect");
  // The start of a record of 512 octets that never comes to its end.
  const hello = Buffer.concat([Buffer.from("1603010200010001fc0303", "hex"), Buffer.alloc(501)]);
  let at = 0;
  await passUntil(
    clock,
    () => {
      if (at < 500 && socket.writable) socket.write(hello.subarray(at, ++at));
      return over;
    },
    "the end of the handshake",
  );
  await server.listener.stop(30_000);
});

test("who closes its half of the connection is answered, and its session ends", async (t) => {
  await each(t, async (slow) => {
    const { server, greeted } = slow;
    writeMbox(server.mbox("wang"), ["Subject: one\n\none\n", "Subject: two\n\ntwo\n"]);
    const before = readFileSync(server.mbox("wang"), "latin1");
    const client = await greeted();
    await logIn(client);
    const closed = new Promise<void>((resolve) => client.socket.on("close", () => resolve()));
    client.send("DELE 1\r\n");
    assert.match((await client.line()) ?? "", /^\+OK/);
    client.socket.end("STAT\r\nNO");
    await closed;
    await othersGoOn(slow, 2);
    assert.equal(readFileSync(server.mbox("wang"), "latin1"), before);
  });
});

test("who asks for 20 MiB and reads nothing is let go when the time is over, and deletes nothing", async (t) => {
  await each(t, async (slow) => {
    const { server, clock, greeted } = slow;
    writeMbox(server.mbox("wang"), ["Subject: one\n\none\n", LARGE]);
    const client = await greeted();
    await logIn(client);
    await client.command("DELE 1");
    client.socket.pause();
    client.send("RETR 2\r\nQUIT\r\n");
    const told = () => server.logged.some((line) => line.includes("Timeout (600 secs)"));
    await passUntil(clock, told, "the session's end");
    await othersGoOn(slow, 2);
    client.socket.destroy();
  });
});
