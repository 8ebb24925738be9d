/** XTND XMIT as it reads on the wire, with mail commands that are shell scripts. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loggedIn } from "../harness/client.ts";
import { startServer, type TestServer } from "../harness/server.ts";
import { until } from "../harness/until.ts";

/** Writes a mail command; `$OUT` is a file of the test. */
function mailCommand(server: TestServer, script: string): string {
  const path = join(server.site.root, "mail-command");
  writeFileSync(path, `#!/bin/sh\nOUT=${server.site.root}/out\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

const out = (server: TestServer): string => readFileSync(join(server.site.root, "out"), "latin1");

async function serverWith(
  t: Parameters<typeof startServer>[0],
  script: string,
  settings = "",
): Promise<TestServer> {
  const server = await startServer(t, {
    settings: (site) => `pop3:\n  mailCommand: ${site.root}/mail-command\n${settings}`,
  });
  mailCommand(server, script);
  return server;
}

test("a message is piped into the mail command, dots unstuffed, with its user as the sender", async (t) => {
  const server = await serverWith(t, 'echo "$@" > $OUT; cat >> $OUT');
  const client = await loggedIn(server.port);
  assert.equal(await client.command("XTND XMIT"), "+OK Start sending message.");
  client.send("To: li@example.net\r\n\r\n..dot\r\n...\r\n\xe9\r\n");
  assert.equal(await client.command("."), "+OK Message sent.");
  assert.equal(out(server), "-t -oi -f wang\nTo: li@example.net\n\n.dot\n..\n\xe9\n");
  assert.equal(await client.command("NOOP"), "+OK no big woop");
  await client.quit();
});

test("the reply, and what comes behind a message, keep their order in a pipeline", async (t) => {
  const server = await serverWith(t, "cat > $OUT");
  const client = await loggedIn(server.port);
  client.send("STAT\r\nxtnd xmit\r\nTo: a@b\r\n\r\nx\r\n.\r\nSTAT\r\nLAST\r\n");
  const heard = [];
  for (let i = 0; i < 5; i++) heard.push(await client.line());
  assert.deepEqual(heard, [
    "+OK 0 0",
    "+OK Start sending message.",
    "+OK Message sent.",
    "+OK 0 0",
    "+OK 0 is the last message seen.",
  ]);
  assert.equal(out(server), "To: a@b\n\nx\n");
  await client.quit();
});

test("what the command says about the message is the reply; what is the host's trouble is temporary", async (t) => {
  const server = await serverWith(
    t,
    'read code; cat > /dev/null; echo "nobody: User unknown" >&2; exit $code',
  );
  const client = await loggedIn(server.port);
  const send = async (code: number): Promise<string> => {
    await client.command("XTND XMIT");
    return await client.command(`${code}\r\n.`);
  };
  assert.equal(await send(67), "-ERR Message not sent: nobody: User unknown");
  assert.equal(await send(65), "-ERR Message not sent: nobody: User unknown");
  assert.equal(await send(75), "-ERR [SYS/TEMP] Message not sent; try again later.");
  assert.equal(await send(1), "-ERR [SYS/TEMP] Message not sent; try again later.");
  assert.equal(await send(0), "+OK Message sent.");
  assert.ok(
    server.logged.some((line) => /^error XTND XMIT.*ended with 75: nobody: User unknown$/.test(line)),
  );
  await client.quit();
});

test("a message over smtp.maxMessageSize is read to its end and not sent", async (t) => {
  const server = await serverWith(t, "cat > $OUT", "smtp:\n  maxMessageSize: 2KiB\n");
  const client = await loggedIn(server.port);
  await client.command("XTND XMIT");
  client.send(`${"x".repeat(500)}\r\n`.repeat(10));
  assert.equal(await client.command("."), "-ERR Message not sent: it is larger than 2048 octets.");
  assert.equal(await client.command("STAT"), "+OK 0 0");
  assert.ok(!existsSync(join(server.site.root, "out")));
  await client.quit();
});

test("an empty message is not sent", async (t) => {
  const server = await serverWith(t, "cat > $OUT");
  const client = await loggedIn(server.port);
  await client.command("XTND XMIT");
  assert.equal(await client.command("."), "-ERR Message not sent: it is empty.");
  await client.quit();
});

test("a client that goes away in the middle has sent nothing, and leaves no file", async (t) => {
  const server = await serverWith(t, "cat > $OUT");
  const client = await loggedIn(server.port);
  await client.command("XTND XMIT");
  client.send("To: a@b\r\n\r\nhalf");
  client.drop();
  await until(() => server.logged.some((line) => line.includes("POP EOF")), "the end of the session");
  assert.ok(!existsSync(join(server.site.root, "out")));
  assert.deepEqual(
    readdirSync(server.site.stateDir).filter((name) => name.startsWith("xmit")),
    [],
  );
});

test("a command that is not there is the host's trouble, and the session goes on", async (t) => {
  const server = await startServer(t, { settings: () => "pop3:\n  mailCommand: /nowhere/sendmail\n" });
  const client = await loggedIn(server.port);
  assert.match(await client.command("XTND XMIT"), /^\+OK/);
  assert.match(await client.command("x\r\n."), /^-ERR \[SYS\/TEMP\]/);
  assert.equal(await client.command("XTND XMIT now"), "-ERR Too many arguments for the xtnd xmit command.");
  await client.quit();
});

test("a command that reads nothing and says much harms nobody", async (t) => {
  const server = await serverWith(t, "yes complaint | head -c 1000000 >&2; exit 69");
  const client = await loggedIn(server.port);
  await client.command("XTND XMIT");
  assert.equal(await client.command(`${"x".repeat(70_000)}\r\n.`), "-ERR Message not sent: complaint");
  await client.quit();
});

test("the mail command gets nothing of ours: no descriptor but its streams, and an environment of its own", async (t) => {
  process.env.MAILHOST_TEST_SECRET = "geheim";
  t.after(() => delete process.env.MAILHOST_TEST_SECRET);
  // The shell has its own script and the output of the loop open; a descriptor of ours would show a file of ours.
  const server = await serverWith(t, 'for f in /proc/$$/fd/*; do readlink "$f"; done > $OUT; env >> $OUT');
  writeFileSync(server.mbox("wang"), "From a@b Mon Nov 23 10:00:00 2026\nSubject: x\n\nx\n\n");
  const client = await loggedIn(server.port);
  await client.command("STAT");
  await client.command("XTND XMIT");
  assert.equal(await client.command("To: a@b\r\n\r\nx\r\n."), "+OK Message sent.");
  const text = out(server);
  assert.doesNotMatch(text, /\.mdb|var\/spool|mailhost\.log/);
  // The pipe of its error output is a pair of sockets.
  assert.equal(text.match(/socket:/g)?.length, 1);
  assert.doesNotMatch(text, /MAILHOST_TEST_SECRET/);
  assert.match(text, /^PATH=/m);
  await client.quit();
});
