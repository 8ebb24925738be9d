/** Whom the server serves, how slowly it answers wrong passwords, and what it does when clients misbehave or it stops. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { connected, loggedIn, TestClient } from "./harness/client.ts";
import { PASSWORD, startServer, type TestServer, writeMbox } from "./harness/server.ts";
import { until } from "./harness/until.ts";

const OUTSIDE = "127.0.0.9";
const MESSAGES = Array.from({ length: 3 }, (_, i) => `Subject: ${i}\n\n${"text\n".repeat(1000)}`);

function raw(server: TestServer, localAddress = "127.0.0.1"): TestClient {
  return new TestClient(connect({ port: server.port, host: "127.0.0.1", localAddress, allowHalfOpen: true }));
}

test("a whole session in one write, its sender gone half-way, is answered whole", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const script = `USER wang\r\nPASS ${PASSWORD}\r\nSTAT\r\nUIDL\r\nRETR 2\r\nDELE 2\r\nRSET\r\nDELE 1\r\nQUIT\r\n`;
  const client = raw(server);
  client.socket.end(script);
  const lines: string[] = [];
  for (let line = await client.line(); line !== undefined; line = await client.line()) lines.push(line);
  assert.equal(lines.filter((line) => line.startsWith("+OK")).length, 10);
  assert.equal(lines.filter((line) => line === "text").length, 1000);
  assert.equal(lines[lines.length - 1], "+OK Pop server at mail.test signing off.");
  const again = await loggedIn(server.port);
  assert.equal((await again.list("LIST")).length, 2);
  await again.quit();
});

test("a client that pipelines and never reads is not read any further, and fills nothing", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), [`S: x\n\n${"0123456789abcde\n".repeat(64 * 1024)}`]);
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.pause();
  const { rss } = process.memoryUsage();
  socket.write(`USER wang\r\nPASS ${PASSWORD}\r\n`);
  socket.write(Buffer.alloc(32 * 1024 * 1024, "RETR 1\r\n"));
  await until(() => server.recorded.length > 0, "the login");
  for (let i = 0; i < 2000; i++) await new Promise(setImmediate);
  assert.ok(process.memoryUsage().rss - rss < 200 * 1024 * 1024);
  assert.ok(socket.writableLength > 0, "commands wait at the client's side");
  const other = await connected(server.port);
  assert.match(await other.command("CAPA"), /^\+OK/);
  other.drop();
  socket.destroy();
});

test("the loop is kept awake after each reply, until the client's next command, and for the next client", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const { stayAwake } = server.listener;
  const heard: string[] = [];
  for (const what of ["came", "answered"] as const) {
    const real = stayAwake[what].bind(stayAwake);
    t.mock.method(stayAwake, what, () => {
      heard.push(what);
      real();
    });
  }
  const client = await loggedIn(server.port);
  assert.match(await client.command("STAT"), /^\+OK 3 /);
  await until(() => heard.length === 8, "the wait after STAT");
  await client.quit();
  await until(() => heard.length === 10, "the wait after QUIT");
  // The connection, USER, PASS, STAT and QUIT.
  assert.deepEqual(heard, Array.from({ length: 5 }, () => ["came", "answered"]).flat());
});

test("garbage is answered and ends nothing", async (t) => {
  const server = await startServer(t);
  const client = await connected(server.port);
  assert.equal(await client.command("x".repeat(100_000)), "-ERR Line too long.");
  assert.equal(await client.command("\u0000\u00ff\u001b[2J"), '-ERR Unknown command: "???[2j".');
  assert.match(await client.command("__proto__"), /^-ERR Unknown/);
  assert.match(await client.command("CAPA"), /^\+OK/);
  client.drop();
});

test("wrong passwords and unknown names get the same answer, ever more slowly, five times", async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, { clock });
  const client = await connected(server.port);
  const failures = () => server.logged.filter((line) => line.includes("Failed attempted login")).length;
  const answers: (string | undefined)[] = [];
  for (let i = 1; i <= 5; i++) {
    const user = i % 2 === 0 ? "wang" : "nobody";
    await client.command(`USER ${user}`);
    client.send("PASS wrong\r\n");
    await until(() => failures() === i, "the failure");
    await clock.advance(1000 * 2 ** (i - 1) - 1);
    assert.equal(clock.waiting, 2, "the answer still waits, beside the autologout");
    await clock.advance(1);
    answers.push((await client.line())?.replace(user, "X"));
  }
  assert.deepEqual(answers, Array(5).fill('-ERR [AUTH] Password supplied for "X" is incorrect.'));
  assert.equal(await client.line(), undefined);
});

test("while one client waits for its answer, another from the same address works", async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, { clock });
  const slow = await connected(server.port);
  await slow.command("USER wang");
  slow.send("PASS wrong\r\n");
  await until(() => server.logged.some((line) => line.includes("Failed attempted login")), "the failure");
  const client = await loggedIn(server.port);
  await client.quit();
  slow.drop();
});

test("over the limits clients are told so", async (t) => {
  const server = await startServer(t, {
    settings: "pop3: { maxConnections: 4, maxConnectionsPerClient: 1 }\n",
    access: { "127.0.0.8": "RELAY", "connect:127.0.0.7": "OK", "127.0.0": "REJECT" },
  });
  const one = await connected(server.port, OUTSIDE);
  const two = raw(server, OUTSIDE);
  assert.equal(await two.line(), "-ERR [SYS/TEMP] Too many sessions from your address; try again later.");
  assert.equal(await two.line(), undefined);
  const others = [await connected(server.port, "127.0.0.8"), await connected(server.port, "127.0.0.8")];
  others.push(await connected(server.port));
  const last = raw(server);
  assert.equal(await last.line(), "-ERR [SYS/TEMP] Too many sessions; try again later.");
  await one.quit();
  const next = await connected(server.port, OUTSIDE);
  for (const client of [...others, next, two, last]) client.drop();
});

test("whoever hangs up on the pause behind a wrong password is counted until it is over", async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, {
    clock,
    settings: "pop3: { maxConnectionsPerClient: 1 }\n",
  });
  const guesser = await connected(server.port, OUTSIDE);
  await guesser.command("USER wang");
  guesser.send("PASS guess\r\n");
  await until(() => server.logged.some((line) => line.includes("Failed attempted login")), "the failure");
  guesser.drop();
  const next = raw(server, OUTSIDE);
  assert.equal(await next.line(), "-ERR [SYS/TEMP] Too many sessions from your address; try again later.");
  next.drop();
  await clock.advance(16_000);
  const again = await connected(server.port, OUTSIDE);
  await again.quit();
});

test("a silent client is let go, one that only trickles too, and nothing is deleted", async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, { clock, settings: "pop3: { timeout: 600s }\n" });
  writeMbox(server.mbox("wang"), MESSAGES);
  const silent = await loggedIn(server.port);
  await silent.command("DELE 1");
  await clock.advance(599_000);
  silent.send("N");
  await until(() => true, "a turn");
  assert.match(await silent.command("OOP"), /^\+OK/);
  await clock.advance(599_000);
  silent.send("NO");
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
  await clock.advance(1000);
  assert.equal(await silent.line(), undefined);
  assert.ok(
    server.logged.some((line) => line.includes("Timeout (600 secs) during nw read from wang at 127.0.0.1")),
  );
  const again = await loggedIn(server.port);
  assert.equal((await again.list("LIST")).length, 3);
  await again.quit();
});

test("DRAC is told of a login and of fetches, of these once a minute", async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, { clock });
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  assert.deepEqual(server.recorded, ["127.0.0.1 wang"]);
  await client.retrieve(1);
  assert.equal(server.recorded.length, 1);
  await clock.advance(60_000);
  await client.retrieve(1);
  await client.retrieve(2);
  assert.equal(server.recorded.length, 2);
  await client.quit();
});

test("a forwarder's PROXY header names the client", async (t) => {
  const server = await startServer(t, { settings: 'pop3: { proxyProtocol: ["127.0.0.1"] }\n' });
  const login = `USER wang\r\nPASS ${PASSWORD}\r\nQUIT\r\n`;
  for (const [header, recorded] of [
    ["PROXY TCP4 192.0.2.7 10.0.0.1 40000 110\r\n", ["192.0.2.7 wang"]],
    ["PROXY TCP6 2001:DB8::7 ::1 40000 110\r\n", ["2001:db8:0:0:0:0:0:7 wang"]],
    ["PROXY UNKNOWN\r\n", []],
  ] as const) {
    server.recorded.length = 0;
    const client = raw(server);
    client.send(header + login);
    assert.match((await client.line()) ?? "", /^\+OK mailhost/);
    for (const _ of [1, 2, 3]) assert.match((await client.line()) ?? "", /^\+OK/);
    assert.equal(await client.line(), undefined);
    assert.deepEqual(server.recorded, recorded);
  }
  const liar = raw(server);
  liar.send(login);
  assert.equal(await liar.line(), undefined);
  const long = raw(server);
  long.send("x".repeat(5000));
  assert.equal(await long.line(), undefined);
});

test("stopping: idle clients go at once, an open mailbox may still be quit", async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, { clock });
  writeMbox(server.mbox("wang"), MESSAGES);
  const idle = await connected(server.port);
  const busy = await loggedIn(server.port);
  await busy.command("DELE 1");
  const stopped = server.listener.stop(30_000);
  assert.equal(await idle.line(), undefined);
  const refused = raw(server);
  assert.equal(await refused.line(), undefined);
  assert.match(await busy.command("QUIT"), /^\+OK/);
  await stopped;
});

test("stopping: who does not quit is cut after the time it has and deletes nothing", async (t) => {
  const clock = new ManualClock();
  const server = await startServer(t, { clock });
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  const stopped = server.listener.stop(30_000);
  await clock.advance(29_999);
  assert.match(await client.command("NOOP"), /^\+OK/);
  await clock.advance(1);
  await stopped;
  assert.ok(server.logged.some((line) => line.startsWith("info Stats: wang 0 0 3 ")));
});
