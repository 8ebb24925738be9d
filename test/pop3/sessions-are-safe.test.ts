/** POP3 over a whole host: numbers, unique ids, one session a mailbox, mail that arrives meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialogue } from "../harness/dialogue.ts";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn, openPop3 } from "../harness/pop3-client.ts";
import { sendMail } from "../harness/smtp-client.ts";

async function deliver(host: MailHost, text: string, count: number): Promise<void> {
  const reply = await sendMail(host.smtp, { from: "a@example.net", to: "wang@linuxaid.com.cn" }, text);
  assert.equal(reply.code, 250, reply.text);
  await host.arrived("wang", count);
}

test("a session as RFC 1939 has it", async (t) => {
  const host = await hostWithMail(t);
  await dialogue(
    host.pop3,
    `
    S: +OK …
    C: STAT
    S: -ERR …
    C: CAPA
    S: +OK…
    `,
  );
  await dialogue(
    host.pop3,
    `
    S: +OK …
    C: USER wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK …
    C: STAT
    S: +OK 4 …
    C: LIST 2
    S: +OK 2 …
    C: LIST 5
    S: -ERR …
    C: DELE 1
    S: +OK …
    C: LIST 1
    S: -ERR …
    C: RETR 1
    S: -ERR …
    C: STAT
    S: +OK 3 …
    C: RSET
    S: +OK …
    C: STAT
    S: +OK 4 …
    C: NOOP
    S: +OK…
    C: FROB
    S: -ERR …
    C: QUIT
    S: +OK …
    `,
  );
});

test("the octets of LIST are the octets of RETR, TOP stops where it should", async (t) => {
  const host = await hostWithMail(t);
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const sizes = (await session.lines("LIST")).map((line) => Number(line.split(" ")[1]));
  for (const [i, body] of AWKWARD_BODIES.entries()) {
    const message = await session.retrieve(i + 1);
    assert.equal(message.length, sizes[i], `message ${i + 1}`);
    assert.ok(message.toString().endsWith(`\r\n\r\n${body}`));
    const head = await session.lines(`TOP ${i + 1} 0`);
    assert.equal(`${head.join("\r\n")}\r\n`, message.toString().slice(0, message.length - body.length));
  }
  await session.quit();
});

test("unique ids are stable over sessions, rewrites and restarts, and differ for identical messages", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const same = mailText("the same");
  for (let i = 1; i <= 4; i++) await deliver(host, same, i);
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const uids = await session.uids();
  assert.equal(new Set(uids).size, 4);
  for (const uid of uids) assert.match(uid, /^[\x21-\x7e]{1,70}$/);
  await session.command("DELE 2");
  assert.match(await session.quit(), /^\+OK/);
  const rest = [uids[0], uids[2], uids[3]];
  const second = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.deepEqual(await second.uids(), rest);
  await second.quit();
  await host.restart();
  await deliver(host, same, 4);
  const third = await loggedIn(host.pop3, "wang", PASSWORD);
  const now = await third.uids();
  assert.deepEqual(now.slice(0, 3), rest);
  assert.equal(new Set([...uids, ...now]).size, 5, "a new id, not that of the deleted message");
  await third.quit();
});

test("one session a mailbox, and a connection that is cut deletes nothing and frees it", async (t) => {
  const host = await hostWithMail(t);
  const first = await loggedIn(host.pop3, "wang", PASSWORD);
  const second = await openPop3(host.pop3);
  assert.match(await second.login("wang", PASSWORD), /^-ERR \[IN-USE\]/);
  second.close();
  for (let n = 1; n <= 4; n++) await first.command(`DELE ${n}`);
  first.connection.socket.resetAndDestroy();
  const third = await openPop3(host.pop3);
  for (let answer = ""; !answer.startsWith("+OK"); ) answer = await third.login("wang", PASSWORD);
  assert.equal(await third.count(), 4);
  await third.quit();
});

test("mail that arrives during a session keeps its place behind it and survives its deletions", async (t) => {
  const host = await hostWithMail(t);
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const uids = await session.uids();
  await deliver(host, mailText("arrived meanwhile"), 5);
  assert.equal(await session.count(), 4, "numbers are those of the login");
  assert.match(await session.command("RETR 5"), /^-ERR/);
  assert.ok((await session.retrieve(4)).toString().includes("body-3"));
  for (const n of [1, 3]) await session.command(`DELE ${n}`);
  await deliver(host, mailText("arrived later"), 6);
  assert.match(await session.quit(), /^\+OK/);
  const next = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await next.count(), 4);
  assert.deepEqual((await next.uids()).slice(0, 2), [uids[1], uids[3]]);
  assert.match((await next.retrieve(3)).toString(), /^Subject: arrived meanwhile\r$/m);
  assert.match((await next.retrieve(4)).toString(), /^Subject: arrived later\r$/m);
  await next.quit();
});

test("pipelined commands in one packet, cut anywhere, are answered in order", async (t) => {
  const host = await hostWithMail(t);
  const script = `USER wang\r\nPASS ${PASSWORD}\r\nSTAT\r\nUIDL 1\r\nDELE 1\r\nRSET\r\nNOOP\r\nQUIT\r\n`;
  for (const size of [script.length, 1, 7]) {
    const session = await openPop3(host.pop3);
    for (let at = 0; at < script.length; at += size)
      await session.connection.write(script.slice(at, at + size));
    for (let i = 0; i < 8; i++)
      assert.match(await session.connection.readText(), /^\+OK/, `answer ${i}, pieces of ${size}`);
    session.close();
  }
});

test("a wrong password and an unknown name are answered alike", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const answers = [];
  for (const name of ["wang", "nobody-here"]) {
    const session = await openPop3(host.pop3);
    answers.push((await session.login(name, "guess")).replaceAll(name, "NAME"));
    session.close();
  }
  assert.match(answers[0]!, /^-ERR \[AUTH\]/);
  assert.equal(answers[0], answers[1]);
});
