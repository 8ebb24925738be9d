/**
 * The table of docs/mbox-and-locking.md, "Damage": what a session sees of a mailbox that is not as it should be, and that no
 * mail is lost by it.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connected, loggedIn } from "../harness/client.ts";
import { mboxText, PASSWORD, startServer, type TestServer } from "../harness/server.ts";

const one = mboxText("Subject: one\n\nfirst\n", 1);
const two = mboxText("Subject: two\n\nsecond\n", 2);
const three = mboxText("Subject: three\n\nthird\n", 3);

/** Logs in, and returns the texts of all messages; checks that what is announced is sent, and the file stays as it is. */
async function texts(server: TestServer): Promise<string[]> {
  const before = readFileSync(server.mbox("wang"));
  const client = await loggedIn(server.port);
  const found: string[] = [];
  const sizes = (await client.list("LIST")).map((line) => Number(line.split(" ")[1]));
  for (const [i, size] of sizes.entries()) {
    const { text, announced } = await client.retrieve(i + 1);
    assert.equal(text.length, size);
    assert.equal(announced, size);
    found.push(text);
  }
  await client.quit();
  assert.deepEqual(readFileSync(server.mbox("wang")), before);
  return found;
}

async function served(t: TestContext, content: string): Promise<string[]> {
  const server = await startServer(t);
  writeFileSync(server.mbox("wang"), content, "latin1");
  return await texts(server);
}

/** The subjects of messages, `-` for one without. */
function subjects(found: readonly string[]): string[] {
  return found.map((text) => /^Subject: (\w+)\r/m.exec(text)?.[1] ?? "-");
}

test("a missing From line: at the start it is kept and not shown, in the middle it is part of the one before", async (t) => {
  const server = await startServer(t);
  const headless = `Subject: lost\n\nlost\n\n${two}`;
  writeFileSync(server.mbox("wang"), headless);
  assert.deepEqual(subjects(await texts(server)), ["two"]);
  assert.ok(server.logged.some((line) => line.includes("damaged: its first 21 octets belong to no message")));
  // Deleting all that is seen leaves it there.
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  await client.quit();
  assert.equal(readFileSync(server.mbox("wang"), "latin1"), "Subject: lost\n\nlost\n\n");
  const found = await served(t, `${one}Return-Path: <a@b>\nSubject: lost\n\nlost\n\n${two}`);
  assert.deepEqual(subjects(found), ["one", "two"]);
  assert.match(found[0]!, /first\r\n\r\nReturn-Path: <a@b>\r\nSubject: lost\r\n\r\nlost\r\n$/);
});

test("binary garbage before, between and behind: every message is there, and the garbage stays", async (t) => {
  const garbage = Buffer.from(Array.from({ length: 3000 }, (_, i) => (i * 7919) % 256)).toString("latin1");
  const found = await served(t, `${garbage}\n\n${one}${garbage}\n\n${two}${garbage}`);
  assert.deepEqual(subjects(found), ["one", "two"]);
});

test("a block of NUL bytes hides no message behind it", async (t) => {
  const nul = "\0".repeat(8192);
  assert.deepEqual(subjects(await served(t, `${one}${nul}\n\n${two}`)), ["one", "two"]);
  assert.deepEqual(subjects(await served(t, `${nul}\n\n${one}`)), ["one"]);
  assert.deepEqual(subjects(await served(t, `${one}${nul}`)), ["one"]);
});

test("a last message that is cut short is served as far as it goes", async (t) => {
  for (let cut = 1; cut < two.length; cut += 5) {
    const found = await served(t, one + two.slice(0, -cut));
    assert.equal(subjects(found)[0], "one");
    assert.ok(found.length <= 2);
  }
});

test("Content-Length is not believed", async (t) => {
  for (const length of ["0", "3", "99999999", "-1", "abc"]) {
    const lying = one.replace("Subject", `Content-Length: ${length}\nSubject`);
    assert.deepEqual(subjects(await served(t, lying + two)), ["one", "two"]);
  }
});

test("CR LF line ends, in all of the file or part of it", async (t) => {
  const crlf = (text: string) => text.replaceAll("\n", "\r\n");
  assert.deepEqual(subjects(await served(t, crlf(one + two + three))), ["one", "two", "three"]);
  assert.deepEqual(subjects(await served(t, one + crlf(two) + three)), ["one", "two", "three"]);
  assert.deepEqual(subjects(await served(t, crlf(one) + two + crlf(three))), ["one", "two", "three"]);
  const plain = await served(t, one + two + three);
  assert.deepEqual(await served(t, crlf(one + two + three)), plain, "the same octets come out");
});

test("From lines with odd dates start messages, others do not", async (t) => {
  const odd = [
    "Tue Nov 24 21:00 2026",
    "Tue Nov  4 1:00:00 EST 2026",
    "Tue, Nov 24 21:00:00 2026 +0800",
    "Tue Nov 24 21:00:00 26",
  ];
  const content = odd.map((date, i) => `From a@b ${date}\nSubject: s${i}\n\nbody\n\n`).join("");
  assert.deepEqual(subjects(await served(t, content)), ["s0", "s1", "s2", "s3"]);
  for (const date of ["yesterday", "2026-11-24", "Tue Nov 24", ""]) {
    const found = await served(t, `${one}From a@b ${date}\nSubject: odd\n\nbody\n\n${two}`);
    assert.deepEqual(subjects(found), ["one", "two"]);
    assert.match(found[0]!, /Subject: odd/);
  }
});

/** /dev/null, /dev/zero and a loop device: reading or writing one would wait, never end, or do harm. */
const DEVICES = ["c 1 3", "c 1 5", "b 7 0"];

function makeDevice(path: string, kind: string): void {
  execFileSync("mknod", [path, ...kind.split(" ")], { stdio: "ignore" });
}

/** Root outside of a user namespace may. */
function mayMakeDevices(folder: string): boolean {
  const path = join(folder, "device");
  try {
    makeDevice(path, DEVICES[0]!);
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}

test("what is no plain file with one name is refused at once, others are served", async (t) => {
  const server = await startServer(t, { users: ["wang", "li"] });
  writeFileSync(server.mbox("li"), one);
  const path = server.mbox("wang");
  const elsewhere = join(server.site.root, "elsewhere");
  const makes: (() => void | Promise<void>)[] = [
    () => {
      writeFileSync(elsewhere, one);
      symlinkSync(elsewhere, path);
    },
    () => execFileSync("mkfifo", [path]),
    () => mkdirSync(path),
    () => {
      writeFileSync(path, one);
      linkSync(path, elsewhere);
    },
    async () => {
      const socket = createServer().listen(path);
      t.after(() => socket.close());
      await once(socket, "listening");
    },
    ...(mayMakeDevices(server.site.root) ? DEVICES.map((kind) => () => makeDevice(path, kind)) : []),
  ];
  for (const make of makes) {
    await make();
    const client = await connected(server.port);
    await client.command("USER wang");
    assert.match(await client.command(`PASS ${PASSWORD}`), /^-ERR \[SYS\/PERM\] /);
    client.drop();
    const other = await loggedIn(server.port, "li");
    assert.equal(await other.command("STAT"), "+OK 1 23");
    await other.quit();
    rmSync(path, { recursive: true });
    rmSync(elsewhere, { force: true });
  }
});

test("a mailbox that may not be read is a refusal; one that everybody may read is served", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  writeFileSync(path, one);
  chmodSync(path, 0o644);
  assert.deepEqual(subjects(await texts(server)), ["one"]);
  if (process.getuid?.() === 0) return;
  chmodSync(path, 0);
  const client = await connected(server.port);
  await client.command("USER wang");
  assert.match(await client.command(`PASS ${PASSWORD}`), /^-ERR \[SYS\/PERM\] /);
  client.drop();
});

test("a file that shrinks under a session: what is left is served, the rest refused, nothing deleted", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  writeFileSync(path, one + two + three);
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  truncateSync(path, one.length + 10);
  assert.match(await client.command("RETR 3"), /^-ERR \[SYS\/TEMP\] /);
  client.drop();
  assert.equal(readFileSync(path, "latin1"), one + two.slice(0, 10));
  assert.deepEqual(subjects(await texts(server)), ["one"]);
});

test("a message of more than 2 GiB is listed in its length, and others are fetched beside it", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  const huge = 2 ** 31 + 4096;
  writeFileSync(path, `${one}From a@b Tue Nov 24 21:00:00 2026\nSubject: huge\n\n`);
  // A hole: nothing of it is on the disk.
  truncateSync(path, one.length + huge);
  const fd = openSync(path, "r+");
  writeSync(fd, `\n\n${three}`, one.length + huge);
  closeSync(fd);
  const client = await loggedIn(server.port);
  const sizes = (await client.list("LIST")).map((line) => Number(line.split(" ")[1]));
  assert.equal(sizes.length, 3);
  assert.ok(sizes[1]! > 2 ** 31);
  assert.match((await client.retrieve(3)).text, /Subject: three/);
  assert.equal((await client.list("TOP 2 0")).join(), "Subject: huge,");
  await client.command("DELE 2");
  assert.match(await client.quit(), /^\+OK/);
  assert.equal(readFileSync(path, "latin1"), one + three);
});
