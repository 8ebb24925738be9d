/** EUIDL and XTND XLST as they read on the wire. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { dialogue, loggedIn } from "../harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "../harness/server.ts";

const MESSAGES = [
  "X-UIDL: one\nFrom: Wang\n <wang@example.net>\nSubject: first\n\tpart\n\nbody\n",
  `X-UIDL: two\nFROM : ${"x".repeat(200)}\nsubject: 2\n\nSubject: not this\n`,
  "X-UIDL: three\nSubject-Of: nothing\n\nbody\n",
];

test("EUIDL lists number, unique id, octets and sender", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  await dialogue(
    server.port,
    `
    S: +OK …
    C: EUIDL
    S: -ERR Unknown command: "euidl".
    C: USER wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK …
    C: EUIDL
    S: +OK euidl command accepted.
    S: 1 one 77 Wang <wang@example.net>
    S: 2 two 255 ${"x".repeat(128)}
    S: 3 three 44…
    S: .
    C: EUIDL 1
    S: +OK 1 one 77 Wang <wang@example.net>
    C: EUIDL 4
    S: -ERR Message 4 does not exist.
    C: DELE 1
    S: +OK …
    C: EUIDL 1
    S: -ERR Message 1 has been deleted.
    C: EUIDL
    S: +OK euidl command accepted.
    S: 2 two 255 ${"x".repeat(128)}
    S: 3 three 44…
    S: .
    `,
  );
});

test("XTND XLST lists the first field of a name, folded as it is, and leaves out messages without it", async (t) => {
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
    C: XTND XLST Subject
    S: +OK xlst command accepted; headers coming.
    S: 1 Subject: first
    S: \tpart
    S: 2 subject: 2
    S: .
    C: xtnd xlst subject: 2
    S: +OK xlst command accepted; headers coming.
    S: 2 subject: 2
    S: .
    C: XTND XLST From 3
    S: +OK xlst command accepted; headers coming.
    S: .
    C: XTND XLST From 4
    S: -ERR Message 4 does not exist.
    C: XTND XLST From 0
    S: -ERR Message 0 does not exist.
    C: XTND XLST
    S: -ERR Too few arguments for the xtnd xlst command.
    C: XTND XLST 王
    S: -ERR Not the name of a header field: …
    C: XTND FOO
    S: -ERR Unknown command: "xtnd foo".
    C: DELE 2
    S: +OK …
    C: XTND XLST Subject
    S: +OK xlst command accepted; headers coming.
    S: 1 Subject: first
    S: \tpart
    S: .
    `.replaceAll("\\t", "\t"),
  );
});

test("headers in an old 8-bit character set come as they are", async (t) => {
  const server = await startServer(t);
  const text = Buffer.from(
    "From a@b Tue Nov 24 21:00:00 2026\nFrom: \xcd\xf5 <w@b>\nX-UIDL: a\n\nx\n\n",
    "latin1",
  );
  writeFileSync(server.mbox("wang"), text);
  const client = await loggedIn(server.port);
  assert.deepEqual(await client.list("EUIDL"), ["1 a 32 \xcd\xf5 <w@b>"]);
  assert.deepEqual(await client.list("XTND XLST From"), ["1 From: \xcd\xf5 <w@b>"]);
  await client.quit();
});

test("an empty mailbox has an empty list of headers", async (t) => {
  const server = await startServer(t);
  const client = await loggedIn(server.port);
  assert.deepEqual(await client.list("EUIDL"), []);
  assert.deepEqual(await client.list("XTND XLST From"), []);
  await client.quit();
});

test("headers of a mailbox that another program has rewritten are refused", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  writeMbox(server.mbox("wang"), [...MESSAGES].reverse());
  assert.match(await client.command("EUIDL"), /^-ERR \[SYS\/TEMP\] mailbox was changed/);
  assert.match(await client.command("EUIDL 1"), /^-ERR \[SYS\/TEMP\] mailbox was changed/);
  assert.match(await client.command("XTND XLST From"), /^-ERR \[SYS\/TEMP\] mailbox was changed/);
  await client.quit();
});
