/** The forms of commands (RFC 1939 section 3, RFC 2449 section 4), and what CAPA makes of the settings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, dialogue, loggedIn } from "./harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "./harness/server.ts";

test("arguments: more spaces, leading zeros, any case; huge, signed and missing ones are refused", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), ["Subject: a\n\nx\n"]);
  await dialogue(
    server.port,
    `
    S: +OK …
    C: uSeR wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK …
    C: list   1
    S: +OK 1 17
    C: LIST 001
    S: +OK 1 17
    C: STAT${"  "}
    S: +OK 1 17
    C: NOOP now
    S: -ERR Too many arguments for the noop command.
    C: LIST 99999999999999999999999
    S: -ERR Unknown LIST argument: 99999999999999999999999
    C: LIST 4294967297
    S: -ERR Message 4294967297 does not exist.
    C: RETR -1
    S: -ERR …
    C: RETR +1
    S: -ERR …
    C: RETR 1e0
    S: -ERR …
    C: RETR 0x1
    S: -ERR …
    C: RETR 1.0
    S: -ERR …
    C: RETR
    S: -ERR Too few arguments for the retr command.
    C: DELE 0
    S: -ERR Message 0 does not exist.
    C: TOP 1 99999999999
    S: -ERR …
    C: TOP 1 0 0
    S: -ERR …
    C: QUIT now
    S: -ERR …
    C: QUIT
    S: +OK …
    `,
  );
});

test("a command of 255 octets is carried out, one of more than 512 is refused, and the next is read", async (t) => {
  const server = await startServer(t);
  const client = await connected(server.port);
  const name = "x".repeat(255 - "USER \r\n".length);
  assert.equal(await client.command(`USER ${name}`), `+OK Password required for ${name}.`);
  assert.equal(await client.command(`USER ${"x".repeat(600)}`), "-ERR Line too long.");
  assert.match(await client.command("CAPA"), /^\+OK/);
  client.drop();
});

test("replies to a batch of commands come in their order, messages and refusals among them", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), ["Subject: a\n\n.x\n", "Subject: b\n\ny\n"]);
  const client = await loggedIn(server.port);
  client.send("STAT\r\nRETR 1\r\nFOO\r\nDELE 1\r\nTOP 2 0\r\nDELE 1\r\nLIST\r\nQUIT\r\nSTAT\r\n");
  const heard: string[] = [];
  for (let line = await client.line(); line !== undefined; line = await client.line()) heard.push(line);
  assert.deepEqual(heard, [
    "+OK 2 35",
    "+OK 18 octets",
    "Subject: a",
    "",
    "..x",
    ".",
    '-ERR Unknown command: "foo".',
    "+OK Message 1 has been deleted.",
    "+OK Message follows",
    "Subject: b",
    "",
    ".",
    "-ERR Message 1 has been deleted.",
    "+OK 1 visible message (17 octets)",
    "2 17",
    ".",
    "+OK Pop server at mail.test signing off.",
  ]);
});

test("verbs of the other state are refused, and change nothing", async (t) => {
  const server = await startServer(t);
  const client = await connected(server.port);
  for (const verb of ["STAT", "LIST", "UIDL", "RETR 1", "TOP 1 0", "DELE 1", "RSET", "NOOP", "XTND XMIT"]) {
    assert.match(await client.command(verb), /^-ERR/);
  }
  await client.command("USER wang");
  assert.match(await client.command(`PASS ${PASSWORD}`), /^\+OK/);
  for (const verb of ["USER wang", "PASS x", "APOP wang 0", "AUTH PLAIN", "STLS"]) {
    assert.match(await client.command(verb), /^-ERR/);
  }
  assert.equal(await client.command("STAT"), "+OK 0 0");
  await client.quit();
});

async function capabilities(port: number, login: boolean): Promise<string[]> {
  const client = login ? await loggedIn(port) : await connected(port);
  const lines = await client.list("CAPA");
  await client.quit();
  return lines.filter((line) => /^(EXPIRE|LOGIN-DELAY|IMPLEMENTATION)/.test(line));
}

test("CAPA announces what the settings say of EXPIRE, LOGIN-DELAY and IMPLEMENTATION", async (t) => {
  for (const [settings, before, after] of [
    ["announceExpire: 30\n  announceLoginDelay: 90s", ["EXPIRE 30", "LOGIN-DELAY 90"], undefined],
    ["autoDelete: true\n  announceExpire: 30", ["EXPIRE 0"], undefined],
    [
      "userOptions: true\n  announceLoginDelay: 60s",
      ["EXPIRE 0 USER", "LOGIN-DELAY 60 USER"],
      ["EXPIRE NEVER", "LOGIN-DELAY 60"],
    ],
  ] as const) {
    const server = await startServer(t, { settings: `pop3:\n  ${settings}\n` });
    const rest = "IMPLEMENTATION mailhost";
    assert.deepEqual(await capabilities(server.port, false), [...before, rest]);
    assert.deepEqual(await capabilities(server.port, true), [...(after ?? before), rest]);
  }
  const shy = await startServer(t, { settings: "pop3:\n  shy: true\n" });
  assert.deepEqual(await capabilities(shy.port, true), ["EXPIRE NEVER"]);
});
