/** Single clauses of RFC 1939 and its extensions that no other test is about; docs/pop3-conformance.md names them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { certificate } from "./harness/certificate.ts";
import { connected, dialogue, loggedIn } from "./harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "./harness/server.ts";

const MESSAGES = ["Subject: one\n\na\n", "Subject: two\n\nb\n", "Subject: three\n\nc\n"];

test("QUIT before a login is answered and ends the connection; nothing is opened or written", async (t) => {
  const server = await startServer(t);
  const client = await connected(server.port);
  await client.command("USER wang");
  assert.equal(await client.command("QUIT"), "+OK Pop server at mail.test signing off.");
  assert.equal(await client.line(), undefined);
  assert.ok(!server.logged.some((line) => line.includes("Stats:")));
});

test("LIST and UIDL of an empty mailbox, and of one whose messages are all deleted, are empty lists", async (t) => {
  const server = await startServer(t, { users: ["wang", "li"] });
  writeMbox(server.mbox("wang"), MESSAGES);
  const none = await loggedIn(server.port, "li");
  assert.deepEqual(await none.list("LIST"), []);
  assert.deepEqual(await none.list("UIDL"), []);
  assert.match(await none.command("LIST 1"), /^-ERR/);
  await none.quit();
  const client = await loggedIn(server.port);
  for (const number of [1, 2, 3]) await client.command(`DELE ${number}`);
  assert.deepEqual(await client.list("LIST"), []);
  assert.deepEqual(await client.list("UIDL"), []);
  assert.equal(await client.command("STAT"), "+OK 0 0");
  await client.command("RSET");
  assert.equal((await client.list("LIST")).length, 3);
  await client.quit();
});

test("unique ids are 1 to 70 octets of 0x21 to 0x7E, and the same in the next session, after a cut one too", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), [
    ...MESSAGES,
    `X-UIDL: ${"x".repeat(71)}\nSubject: long\n\nd\n`,
    "X-UIDL: two words\nSubject: space\n\ne\n",
    "X-UIDL: \u00e9\nSubject: letter\n\nf\n",
    MESSAGES[0]!,
  ]);
  const cut = await loggedIn(server.port);
  const uids = await cut.list("UIDL");
  for (const [i, line] of uids.entries()) assert.match(line, new RegExp(`^${i + 1} [!-~]{1,70}$`));
  assert.equal(new Set(uids.map((line) => line.split(" ")[1])).size, 7);
  await cut.command("DELE 2");
  cut.drop();
  const next = await loggedIn(server.port);
  assert.deepEqual(await next.list("UIDL"), uids);
  await next.command("DELE 2");
  await next.quit();
  const last = await loggedIn(server.port);
  const ids = (lines: readonly string[]) => lines.map((line) => line.split(" ")[1]);
  assert.deepEqual(ids(await last.list("UIDL")), ids(uids.filter((_, i) => i !== 1)));
  await last.quit();
});

test("PASS needs a USER of its own, and a failed AUTH is as if it had not been said", async (t) => {
  const server = await startServer(t);
  const client = await connected(server.port);
  await client.command("USER wang");
  assert.match(await client.command("PASS wrong"), /^-ERR \[AUTH\]/);
  assert.equal(await client.command(`PASS ${PASSWORD}`), "-ERR Say USER first.");
  await client.command("USER wang");
  assert.match(await client.command("AUTH NONE"), /^-ERR/);
  assert.equal(await client.command("AUTH PLAIN"), "+ ");
  assert.match(await client.command("*"), /^-ERR/);
  assert.match(await client.command("AUTH PLAIN =AAA"), /^-ERR Not base64/);
  assert.match(await client.command("AUTH PLAIN AAA=BBB="), /^-ERR Not base64/);
  assert.match(await client.command(`PASS ${PASSWORD}`), /^\+OK wang/);
  await client.quit();
});

test("STLS is announced before the login only, and refused after it", async (t) => {
  const { tls } = certificate(t);
  if (tls === undefined) return;
  const server = await startServer(t, { tls });
  const client = await connected(server.port);
  const before = await client.list("CAPA");
  await client.command("USER wang");
  assert.match(await client.command(`PASS ${PASSWORD}`), /^\+OK/);
  const after = await client.list("CAPA");
  assert.ok(before.includes("STLS"));
  assert.deepEqual(
    after,
    before.filter((line) => line !== "STLS"),
    "all else is announced in both states",
  );
  assert.match(await client.command("STLS"), /^-ERR/);
  await client.quit();
});

test("replies stay ASCII and within 512 octets whatever was typed, until UTF8 or LANG", async (t) => {
  const server = await startServer(t);
  const name = Buffer.from("王").toString("latin1");
  for (const [first, shown] of [
    ["NOOP", "?"],
    ["UTF8", name],
    ["LANG en", name],
  ] as const) {
    const client = await connected(server.port);
    await client.command(first);
    assert.equal(await client.command(`USER ${name}`), `+OK Password required for ${shown}.`);
    assert.equal(await client.command(`${name} x`), `-ERR Unknown command: "${shown}".`);
    assert.ok((await client.command(`USER ${name.repeat(160)}`)).length <= 510);
    client.drop();
  }
});

test("no text of ours begins with a bracket but with a code of RFC 2449 or RFC 3206", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  const said: string[] = [];
  const client = await connected(server.port);
  for (const line of [
    "[X]",
    "USER [X]",
    "PASS [X]",
    "AUTH [X]",
    "LANG [X]",
    "USER wang",
    `PASS ${PASSWORD}`,
  ]) {
    said.push(await client.command(line));
  }
  for (const line of ["LIST [X]", "RETR [X]", "UIDL [X]", "TOP 1 [X]", "DELE [X]", "XTND [X]", "EUIDL [X]"]) {
    said.push(await client.command(line));
  }
  for (const line of said)
    assert.match(line, /^(\+OK|-ERR) (?!\[)|^-ERR \[(AUTH|IN-USE|SYS\/(TEMP|PERM))\] /);
  await client.quit();
});

test("TOP doubles dots in header and body, and sends all there is when there are fewer lines", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), [".Subject: dot\n\n.\n..\nx\n", "Subject: two\n\nb\n"]);
  await dialogue(
    server.port,
    `
    S: +OK …
    C: USER wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK …
    C: TOP 1 0
    S: +OK …
    S: ..Subject: dot
    S:${" "}
    S: .
    C: TOP 1 2
    S: +OK …
    S: ..Subject: dot
    S:${" "}
    S: ..
    S: ...
    S: .
    C: TOP 2 9
    S: +OK …
    S: Subject: two
    S:${" "}
    S: b
    S: .
    C: QUIT
    S: +OK …
    `,
  );
});

test("without a setting the autologout timer is 10 minutes or longer", () => {
  assert.ok(parseSettings("hostname: mail.test\n", "mailhost.yaml").pop3.timeout >= 600_000);
});
