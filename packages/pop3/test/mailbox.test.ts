/** What a session's mailbox keeps its word on: numbers, octets, ids, deletions. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, renameSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { connected, loggedIn } from "./harness/client.ts";
import { mboxText, PASSWORD, startServer, writeMbox } from "./harness/server.ts";
import { until } from "./harness/until.ts";

const BODIES = ["one", "two", "three", "four"];
const mail = (body: string) => `Subject: s\nMessage-ID: <${body}@example.net>\n\n${body}\n`;
const MESSAGES = BODIES.map(mail);

test("octets announced are octets sent, whatever the message", async (t) => {
  const server = await startServer(t);
  const texts = [
    "X: y\n\n.\n..\n...x\n",
    "X: y\n\n>From a\n>>From b\n>Frob\n>\n",
    "X: y\n\na\rb\r\nc\r\r\n",
    "X: only a header\n",
    "\nonly a body\n",
    `X: y\n\n${"long ".repeat(100_000)}\n${".\n".repeat(50_000)}`,
    "X: y\n\n\u0000\u00ff\n\n\n\n",
    "X: y\n\nno newline at the end",
  ];
  writeFileSync(server.mbox("wang"), texts.map((text) => mboxText(text)).join(""), "latin1");
  const client = await loggedIn(server.port);
  const list = await client.list("LIST");
  assert.equal(list.length, texts.length);
  for (const [i, line] of list.entries()) {
    const { text, announced } = await client.retrieve(i + 1);
    assert.equal(line, `${i + 1} ${text.length}`);
    assert.equal(announced, text.length);
  }
  await client.quit();
});

test("mail that arrives during a session is neither numbered nor lost", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  appendFileSync(server.mbox("wang"), mboxText(mail("five"), 5));
  assert.equal(await client.command("STAT"), `+OK 4 ${await sum(client)}`);
  assert.match(await client.command("RETR 5"), /^-ERR/);
  assert.match((await client.retrieve(4)).text, /four/);
  for (const number of [1, 4]) await client.command(`DELE ${number}`);
  appendFileSync(server.mbox("wang"), mboxText(mail("six"), 6));
  assert.match(await client.quit(), /^\+OK/);
  const again = await loggedIn(server.port);
  const bodies = [];
  for (const number of [1, 2, 3, 4]) bodies.push((await again.retrieve(number)).text.split("\r\n\r\n")[1]);
  assert.deepEqual(bodies, ["two\r\n", "three\r\n", "five\r\n", "six\r\n"]);
  assert.match(await again.command("RETR 5"), /^-ERR/);
  await again.quit();
});

async function sum(client: { list(text: string): Promise<string[]> }): Promise<number> {
  return (await client.list("LIST")).reduce((total, line) => total + Number(line.split(" ")[1]), 0);
}

test("a last message without its empty line and mail behind it are two messages, each deletable", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  writeFileSync(path, mboxText(mail("one")).trimEnd());
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  appendFileSync(path, `\n\n${mboxText(mail("two"), 2)}`);
  assert.match(await client.quit(), /^\+OK/);
  const again = await loggedIn(server.port);
  assert.equal((await again.list("LIST")).length, 1);
  assert.match((await again.retrieve(1)).text, /two/);
  await again.quit();
});

test("a session that ends without QUIT deletes nothing and gives the mailbox back", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const before = readFileSync(server.mbox("wang"));
  for (const leave of ["reset", "end"]) {
    const client = await loggedIn(server.port);
    for (const number of [1, 2, 3, 4]) await client.command(`DELE ${number}`);
    if (leave === "reset") client.drop();
    else client.socket.end();
    const next = await loggedIn(server.port);
    assert.equal((await next.list("LIST")).length, 4);
    await next.quit();
  }
  assert.deepEqual(readFileSync(server.mbox("wang")), before);
  assert.equal(server.logged.filter((line) => line.includes("POP EOF or I/O Error")).length, 2);
});

test("one session a mailbox; another user's is free", async (t) => {
  const server = await startServer(t, { users: ["wang", "li"] });
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  const second = await connected(server.port);
  await second.command("USER wang");
  assert.match(await second.command(`PASS ${PASSWORD}`), /^-ERR \[IN-USE\] /);
  await second.command("USER li");
  assert.match(await second.command(`PASS ${PASSWORD}`), /^\+OK/);
  await client.quit();
  await second.quit();
});

test("a login that meets a session just before its end waits for it", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  for (const leave of ["reset", "end", "quit"] as const) {
    const client = await loggedIn(server.port);
    const next = await connected(server.port);
    await next.command("USER wang");
    const answer = next.command(`PASS ${PASSWORD}`);
    // Whatever comes first, the login or the end of the session before it.
    if (leave === "reset") client.drop();
    else if (leave === "end") client.socket.end();
    else await client.quit();
    assert.match(await answer, /^\+OK/, leave);
    await next.quit();
  }
});

test("a mailbox that another program has locked is not waited for longer than the settings say", async (t) => {
  const server = await startServer(t, { settings: "lockTimeout: 100ms\n" });
  writeMbox(server.mbox("wang"), MESSAGES);
  const before = readFileSync(server.mbox("wang"));
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  writeFileSync(`${server.mbox("wang")}.lock`, "");
  const second = await connected(server.port);
  assert.match(await client.command("QUIT"), /^-ERR \[SYS\/TEMP\] POP mailbox update for wang failed!/);
  assert.deepEqual(readFileSync(server.mbox("wang")), before);
  await second.command("USER wang");
  assert.match(await second.command(`PASS ${PASSWORD}`), /^-ERR \[IN-USE\] Maildrop is locked/);
  second.drop();
});

test("after another program rewrote the mbox no wrong byte is sent, and QUIT still finds what was deleted", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  writeMbox(path, MESSAGES);
  const client = await loggedIn(server.port);
  await client.command("DELE 3");
  // As mutt does it: message 1 is gone, 2 has become old, the file is the same file.
  const rest = [1, 2, 3].map((i) =>
    mboxText(MESSAGES[i]!.replace("Subject", i === 1 ? "Status: O\nSubject" : "Subject"), i),
  );
  writeFileSync(path, rest.join(""));
  const refused = "-ERR [SYS/TEMP] mailbox was changed by another program; log in again";
  assert.equal(await client.command("RETR 2"), refused);
  assert.equal(await client.command("TOP 2 0"), refused);
  assert.match(await client.quit(), /^\+OK/);
  assert.equal(readFileSync(path, "latin1"), [rest[0], rest[2]].join(""));
});

test("a delivery that fails and is undone disturbs no session", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  writeMbox(path, MESSAGES);
  const before = readFileSync(path, "latin1");
  const client = await loggedIn(server.port);
  const whole = await client.list("RETR 1");
  // Seen while it was longer, and not seen at all.
  writeFileSync(path, `${before}From a@example.com Tue Nov 24 00:00:00 2026\nhalf a`, "latin1");
  assert.deepEqual(await client.list("RETR 1"), whole);
  truncateSync(path, Buffer.byteLength(before, "latin1"));
  assert.deepEqual(await client.list("RETR 1"), whole);
  appendFileSync(path, "more");
  truncateSync(path, Buffer.byteLength(before, "latin1"));
  assert.deepEqual(await client.list("RETR 1"), whole);
  assert.match(await client.command("TOP 2 0"), /^\+OK/);
  client.drop();
});

test("a new file under the mailbox's name is noticed", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  writeMbox(path, MESSAGES);
  const client = await loggedIn(server.port);
  writeMbox(`${path}.new`, MESSAGES);
  renameSync(`${path}.new`, path);
  assert.match(await client.command("RETR 1"), /^-ERR \[SYS\/TEMP\] mailbox was changed/);
  client.drop();
});

test("a twin of a deleted message that another program may have removed is kept", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  const twin = mboxText(mail("same"), 9);
  writeFileSync(path, twin + twin);
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  writeFileSync(path, twin);
  assert.match(await client.quit(), /^\+OK/);
  assert.equal(readFileSync(path, "latin1"), twin);
});

test("deleting everything leaves an empty mbox", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  for (const number of [1, 2, 3, 4]) await client.command(`DELE ${number}`);
  assert.match(await client.quit(), /^\+OK/);
  assert.equal(readFileSync(server.mbox("wang")).length, 0);
  assert.ok(existsSync(server.mbox("wang")));
  const again = await loggedIn(server.port);
  assert.equal(await again.command("STAT"), "+OK 0 0");
  await again.quit();
});

test("5,000 messages: listed, a thousand deleted, the rest called as before", async (t) => {
  const server = await startServer(t);
  const bodies = Array.from({ length: 5000 }, (_, i) => mail(`body ${i}`));
  writeMbox(server.mbox("wang"), bodies);
  const client = await loggedIn(server.port);
  const uids = await client.uids();
  assert.equal(new Set(uids).size, 5000);
  const gone = Array.from({ length: 1000 }, (_, i) => i * 5);
  client.send(gone.map((i) => `DELE ${i + 1}\r\n`).join(""));
  for (let i = 0; i < 1000; i++) assert.match((await client.line()) ?? "", /^\+OK/);
  assert.match(await client.quit(), /^\+OK/);
  const again = await loggedIn(server.port);
  const expected = uids.filter((_, i) => i % 5 !== 0);
  assert.deepEqual(await again.uids(), expected);
  assert.match((await again.retrieve(4000)).text, /body 4999\r\n$/);
  assert.match((await again.retrieve(1)).text, /body 1\r\n$/);
  await again.quit();
});

test("a mailbox that can not be opened is a fault of ours, and the log says why", async (t) => {
  const server = await startServer(t, { users: ["..", "wang"] });
  const client = await connected(server.port);
  await client.command("USER ..");
  assert.match(await client.command(`PASS ${PASSWORD}`), /^-ERR \[SYS\/PERM\] /);
  await until(() => server.logged.some((line) => line.startsWith("error the mailbox of ..")), "the log line");
  client.drop();
});
