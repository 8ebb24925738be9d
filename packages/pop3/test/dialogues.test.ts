/** Sessions as they read on the wire. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dialogue } from "./harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "./harness/server.ts";

const MESSAGES = [
  "Subject: one\n\nfirst\n",
  "Subject: two\n\n.dots\n..\n>From me\nFrom you\n",
  "Subject: three\n\na\nb\nc\nno end",
];

test("the whole of RFC 1939", async (t) => {
  const server = await startServer(t);
  writeMbox(server.mbox("wang"), MESSAGES);
  await dialogue(
    server.port,
    `
    S: +OK mailhost POP3 server at mail.test starting.
    C: STAT
    S: -ERR Unknown command: "stat".
    C: PASS early
    S: -ERR Say USER first.
    C: USER
    S: -ERR Too few arguments for the user command.
    C: user Wang@linuxaid.com.cn.
    S: +OK Password required for Wang@linuxaid.com.cn..
    C: PASS ${PASSWORD}
    S: +OK wang has 3 visible messages (0 hidden) in 104 octets.
    C: USER wang
    S: -ERR Unknown command: "user".
    C: STAT
    S: +OK 3 104
    C: LIST
    S: +OK 3 visible messages (104 octets)
    S: 1 23
    S: 2 46
    S: 3 35
    S: .
    C: LIST 2
    S: +OK 2 46
    C: LIST 4
    S: -ERR Message 4 does not exist.
    C: LIST x
    S: -ERR Unknown LIST argument: x
    C: LIST 1 2
    S: -ERR Too many arguments for the list command.
    C: RETR 2
    S: +OK 46 octets
    S: Subject: two
    S:${" "}
    S: ..dots
    S: ...
    S: From me
    S: From you
    S: .
    C: LAST
    S: +OK 2 is the last message seen.
    C: TOP 3 2
    S: +OK Message follows
    S: Subject: three
    S:${" "}
    S: a
    S: b
    S: .
    C: TOP 3 0
    S: +OK Message follows
    S: Subject: three
    S:${" "}
    S: .
    C: TOP 3 99
    S: +OK Message follows
    S: Subject: three
    S:${" "}
    S: a
    S: b
    S: c
    S: no end
    S: .
    C: TOP 3
    S: -ERR Too few arguments for the top command.
    C: TOP 3 -1
    S: -ERR Unknown number of lines: -1
    C: RETR 0
    S: -ERR Message 0 does not exist.
    C: DELE 2
    S: +OK Message 2 has been deleted.
    C: DELE 2
    S: -ERR Message 2 has been deleted.
    C: RETR 2
    S: -ERR Message 2 has been deleted.
    C: TOP 2 1
    S: -ERR Message 2 has been deleted.
    C: LIST 2
    S: -ERR Message 2 has been deleted.
    C: UIDL 2
    S: -ERR Message 2 has been marked for deletion.
    C: UIDL 4
    S: -ERR Message 4 out of range.
    C: UIDL x
    S: -ERR Parameter must be a number between 1 and 3
    C: STAT
    S: +OK 2 58
    C: LIST
    S: +OK 2 visible messages (58 octets)
    S: 1 23
    S: 3 35
    S: .
    C: NOOP
    S: +OK no big woop
    C: RSET
    S: +OK Maildrop has 3 messages (104 octets)
    C: LAST
    S: +OK 0 is the last message seen.
    C: XTND
    S: -ERR Too few arguments for the xtnd command.
    C:${" "}
    S: -ERR Unknown command: "".
    C: QUIT
    S: +OK Pop server at mail.test signing off.
    `,
  );
});

test("CAPA says what there is, before and after the login", async (t) => {
  const server = await startServer(t);
  const list = `
    S: +OK Capability list follows
    S: TOP
    S: USER
    S: UIDL
    S: SASL PLAIN LOGIN
    S: UTF8 USER
    S: LANG
    S: RESP-CODES
    S: AUTH-RESP-CODE
    S: PIPELINING
    S: X-MANGLE
    S: EXPIRE NEVER
    S: IMPLEMENTATION mailhost
    S: .`;
  await dialogue(
    server.port,
    `
    S: +OK …
    C: CAPA
    ${list}
    C: USER wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK wang has 0 visible messages (0 hidden) in 0 octets.
    C: CAPA
    ${list}
    C: QUIT
    S: +OK …
    `,
  );
});

test("a mailbox that does not exist is empty and stays so", async (t) => {
  const server = await startServer(t);
  await dialogue(
    server.port,
    `
    S: +OK …
    C: USER wang
    S: +OK …
    C: PASS ${PASSWORD}
    S: +OK …
    C: STAT
    S: +OK 0 0
    C: UIDL
    S: +OK uidl command accepted.
    S: .
    C: RETR 1
    S: -ERR Message 1 does not exist.
    C: QUIT
    S: +OK …
    `,
  );
});

test("log lines are Qpopper's", async (t) => {
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
    C: DELE 1
    S: +OK …
    C: QUIT
    S: +OK …
    `,
  );
  assert.deepEqual(
    server.logged.filter((line) => !line.startsWith("debug")),
    [
      'info (v0.1.0) POP login by user "wang" at (127.0.0.1) 127.0.0.1',
      "info Stats: wang 1 23 2 81 127.0.0.1 127.0.0.1",
    ],
  );
});
