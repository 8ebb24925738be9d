/** Faults that other POP3 servers have had, by their reports; each is a few lines of dialogue here. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, dialogue, loggedIn } from "./harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "./harness/server.ts";

const MESSAGES = ["X-UIDL: one\n\na\n", "X-UIDL: two\n\nb\n", "X-UIDL: three\n\nc\n"];

test("deleted messages stand in no list, and the others keep their numbers (twisted 9094)", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  await client.command("DELE 2");
  assert.deepEqual(await client.list("LIST"), ["1 18", "3 20"]);
  assert.deepEqual(await client.list("UIDL"), ["1 one", "3 three"]);
  assert.deepEqual(await client.list("EUIDL"), ["1 one 18 ", "3 three 20 "]);
  assert.equal(await client.command("STAT"), "+OK 2 38");
  await client.command("RSET");
  await client.quit();
});

test("LIST n and UIDL n name the number, with one space (twisted 9104, mailpit 518)", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  await dialogue(
    server.port,
    `
    S: +OK …
    C: USER wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK …
    C: LIST 3
    S: +OK 3 20
    C: UIDL 3
    S: +OK 3 three
    C: QUIT
    S: +OK …
    `,
  );
});

test("UIDL and TOP are announced before the login as after it (mail-api 50, neomutt 1427)", async (t) => {
  const server = await startServer(t);
  for (const client of [await connected(server.port), await loggedIn(server.port)]) {
    const capabilities = await client.list("CAPA");
    for (const name of ["UIDL", "TOP"]) assert.ok(capabilities.includes(name));
    await client.quit();
  }
});

test("an id of a message that was deleted is not given to the next (cyrus-imapd 374)", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), ["Subject: a\n\na\n", "Subject: b\n\nb\n"]);
  const first = await loggedIn(server.port);
  const before = await first.uids();
  await first.command("DELE 1");
  await first.quit();
  const second = await loggedIn(server.port);
  assert.deepEqual(await second.uids(), before.slice(1));
  await second.quit();
});
