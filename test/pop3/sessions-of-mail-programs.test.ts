/**
 * Sessions as Thunderbird, Outlook and Apple Mail hold them, written down by hand after their known behaviour (they are no captures): in that
 * order and in such packets, for the ways in which people have them set: leave mail on the server, delete it after some days, delete
 * it when it goes from the inbox, headers only.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Connection } from "../harness/connection.ts";
import { converse } from "../harness/dialogue.ts";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { type MailHost, PASSWORD } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";

const ALL = AWKWARD_BODIES.length;

async function ids(host: MailHost): Promise<string[]> {
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const uids = await session.uids();
  await session.quit();
  return uids;
}

/** Opens a session, reads the greeting, and holds the conversation up to the login and through it. */
async function begun(host: MailHost, script: string): Promise<Connection> {
  const connection = await Connection.open(host.pop3);
  await converse(connection, `S: +OK …\n${script}`);
  return connection;
}

/** Reads the lines of an answer up to its end mark. */
async function answer(connection: Connection): Promise<string[]> {
  assert.match(await connection.readText(), /^\+OK/);
  const lines: string[] = [];
  for (;;) {
    const line = await connection.readText();
    if (line === ".") return lines;
    lines.push(line.startsWith(".") ? line.slice(1) : line);
  }
}

/** Says QUIT and waits for the host to close, after which the mailbox is as the session left it. */
async function quit(connection: Connection): Promise<void> {
  await connection.write("QUIT\r\n");
  assert.match((await connection.readToEnd()).toString(), /^\+OK/);
}

/** AUTH without a name asks for the mechanisms, as many did before CAPA; both answers to it are good. */
async function probeAuth(connection: Connection): Promise<void> {
  await connection.write("AUTH\r\n");
  const first = await connection.readText();
  while (first.startsWith("+OK") && (await connection.readText()) !== ".");
}

test("Thunderbird leaves mail on the server, fetches what is new, and deletes what was moved to the trash", async (t) => {
  const host = await hostWithMail(t);
  const known = await ids(host);
  const login = async () => {
    const connection = await Connection.open(host.pop3);
    await connection.readText();
    await probeAuth(connection);
    await connection.write("CAPA\r\n");
    const offered = await answer(connection);
    for (const name of ["TOP", "UIDL", "USER"])
      assert.ok(
        offered.some((line) => line.startsWith(name)),
        name,
      );
    await converse(
      connection,
      `C: USER wang\nS: +OK …\nC: PASS ${PASSWORD}\nS: +OK …\nC: STAT\nS: +OK ${ALL} …`,
    );
    return connection;
  };
  const first = await login();
  await first.write("LIST\r\n");
  const sizes = (await answer(first)).map((line) => Number(line.split(" ")[1]));
  await first.write("UIDL\r\n");
  assert.deepEqual(
    await answer(first),
    known.map((uid, i) => `${i + 1} ${uid}`),
  );
  for (const [i, size] of sizes.entries()) {
    await first.write(`RETR ${i + 1}\r\n`);
    const octets = (await answer(first)).reduce((sum, line) => sum + line.length + 2, 0);
    assert.equal(octets, size);
  }
  await quit(first);
  // The next time nothing is new; two messages went to the trash meanwhile.
  const second = await login();
  await second.write("LIST\r\n");
  await answer(second);
  await second.write("UIDL\r\n");
  const now = await answer(second);
  for (const uid of [known[1], known[3]]) {
    const number = now.find((line) => line.endsWith(` ${uid}`))?.split(" ")[0];
    await second.write(`DELE ${number}\r\n`);
    assert.match(await second.readText(), /^\+OK/);
  }
  await quit(second);
  assert.deepEqual(await ids(host), [known[0], known[2]]);
});

test("Thunderbird fetches headers only, then one whole message", async (t) => {
  const host = await hostWithMail(t);
  const connection = await begun(
    host,
    `C: USER wang\nS: +OK …\nC: PASS ${PASSWORD}\nS: +OK …\nC: STAT\nS: +OK ${ALL} …`,
  );
  for (let n = 1; n <= ALL; n++) {
    await connection.write(`TOP ${n} 0\r\n`);
    const lines = await answer(connection);
    assert.ok(lines.includes(`Subject: awkward ${n - 1}`));
    assert.equal(lines.at(-1), "");
  }
  await connection.write("TOP 4 20\r\n");
  assert.ok((await answer(connection)).includes("x".repeat(5000)));
  await quit(connection);
  assert.equal(host.mailbox("wang").length, ALL);
});

test("Outlook asks for ids one at a time and deletes after some days", async (t) => {
  const host = await hostWithMail(t);
  const known = await ids(host);
  const connection = await begun(
    host,
    `C: USER wang\nS: +OK …\nC: PASS ${PASSWORD}\nS: +OK …\nC: STAT\nS: +OK ${ALL} …`,
  );
  await connection.write("UIDL\r\n");
  assert.equal((await answer(connection)).length, ALL);
  await connection.write("LIST\r\n");
  assert.equal((await answer(connection)).length, ALL);
  for (const [i, uid] of known.entries()) {
    await converse(
      connection,
      `C: UIDL ${i + 1}\nS: +OK ${i + 1} ${uid}\nC: LIST ${i + 1}\nS: +OK ${i + 1} …`,
    );
  }
  // It goes from the last to the first.
  for (const n of [4, 2, 1]) await converse(connection, `C: DELE ${n}\nS: +OK …`);
  await quit(connection);
  assert.deepEqual(await ids(host), [known[2]]);
});

test("Apple Mail sends many commands before it reads, and takes the answers in small pieces", async (t) => {
  const host = await hostWithMail(t);
  const known = await ids(host);
  const connection = await begun(host, `C: CAPA\nS: +OK …`);
  while ((await connection.readText()) !== ".");
  await converse(connection, `C: USER wang\nS: +OK …\nC: PASS ${PASSWORD}\nS: +OK …`);
  const numbers = Array.from({ length: ALL }, (_, i) => i + 1);
  const all = (verb: string) => numbers.map((n) => `${verb} ${n}\r\n`).join("");
  const commands = `STAT\r\nUIDL\r\nLIST\r\n${all("RETR")}${all("DELE")}RSET\r\nDELE 2\r\nNOOP\r\nQUIT\r\n`;
  connection.socket.pause();
  await connection.write(commands);
  // It reads a hundred octets, and then some more.
  const pieces: Buffer[] = [];
  connection.socket.removeAllListeners("data");
  connection.socket.on("readable", () => {
    for (let piece = connection.socket.read(100); piece !== null; piece = connection.socket.read(100))
      pieces.push(piece);
    const last = connection.socket.read();
    if (last !== null) pieces.push(last);
  });
  await new Promise((done) => connection.socket.once("end", done));
  const text = Buffer.concat(pieces).toString("latin1");
  const listed = known.map((uid, i) => `${i + 1} ${uid}\r\n`).join("");
  assert.ok(text.includes(`${listed}.\r\n`), text.slice(0, 500));
  for (let i = 0; i < ALL; i++) assert.ok(text.includes(`\r\nbody-${i}\r\n.\r\n+OK`), `message ${i + 1}`);
  const replies = text.slice(text.lastIndexOf("\r\n.\r\n") + 5).split("\r\n");
  assert.deepEqual(
    replies.map((line) => line.slice(0, 3)),
    [...numbers, "RSET", "DELE", "NOOP", "QUIT"].map(() => "+OK").concat(""),
  );
  assert.deepEqual(await ids(host), [known[0], known[2], known[3]]);
});
