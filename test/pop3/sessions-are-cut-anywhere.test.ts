/**
 * One session's commands, sent in two packets that are split at every octet, are answered alike; and a connection that is cut after
 * any of them has deleted nothing, unless QUIT had come whole.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";
import { openPop3 } from "../harness/pop3-client.ts";

const COMMANDS = [
  ...[
    "CAPA",
    "USER wang",
    `PASS ${PASSWORD}`,
    "STAT",
    "LIST",
    "LIST 2",
    "UIDL",
    "UIDL 1",
    "RETR 3",
    "TOP 2 1",
    "DELE 1",
  ],
  ...["DELE 4", "LIST 1", "RSET", "NOOP", "LAST", "DELE 2", "FROB", "RETR 2", "STAT"],
] as const;

/** The session, as one text. */
const SESSION = COMMANDS.map((line) => `${line}\r\n`).join("");

test("commands split into packets at any octet are answered alike", async (t) => {
  const host = await hostWithMail(t);
  const said = async (pieces: readonly string[]) => {
    for (;;) {
      const connection = await Connection.open(host.pop3);
      for (const piece of pieces) if (piece !== "") await connection.write(piece);
      const all = (await connection.readToEnd()).toString("latin1");
      connection.close();
      // The session before may still be giving the mailbox back.
      if (!all.includes("[IN-USE]")) return withoutGreeting(all);
    }
  };
  // RSET: nothing goes.
  const session = `${SESSION}RSET\r\nQUIT\r\n`;
  const whole = await said([session]);
  assert.match(whole, /\r\n\+OK [^\r\n]*\r\n$/);
  for (let at = 1; at < session.length; at++) {
    assert.equal(await said([session.slice(0, at), session.slice(at)]), whole, `split at ${at}`);
  }
  assert.equal(host.mailbox("wang").length, 4);
});

test("a session that is cut after any octet of it deletes nothing", async (t) => {
  const host = await hostWithMail(t);
  const before = host.read("var/spool/mail/wang");
  const session = `${SESSION}QUIT`;
  for (let at = 0; at <= session.length; at += 3) {
    const connection = await Connection.open(host.pop3);
    await connection.write(session.slice(0, at));
    // Half of them in order, half with a reset.
    if (at % 2 === 0) connection.socket.end();
    else connection.socket.resetAndDestroy();
    if (at % 2 === 0) await connection.readToEnd();
    connection.close();
  }
  const last = await eventually(
    async () => {
      const session = await openPop3(host.pop3);
      if ((await session.login("wang", PASSWORD)).startsWith("+OK")) return session;
      session.close();
      return undefined;
    },
    { what: "a free mailbox" },
  );
  assert.equal(await last.count(), 4);
  assert.equal(host.read("var/spool/mail/wang"), before);
  await last.command("DELE 2");
  assert.match(await last.quit(), /^\+OK/);
  assert.equal(host.mailbox("wang").length, 3);
});

/** It may name the time and the process. */
const withoutGreeting = (all: string) => all.slice(all.indexOf("\r\n") + 2);
