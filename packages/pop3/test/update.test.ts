/** What QUIT, and a session's end without it, leave in the mailbox and beside it. */
import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { isSweepDue, sweepRemoved } from "../src/maildrop/removed-messages.ts";
import { listRemoved, restoreRemoved } from "../src/maildrop/restore-removed.ts";
import { loggedIn } from "./harness/client.ts";
import {
  mboxText,
  memoryLog,
  startServer,
  type TestServer,
  temporarySite,
  writeMbox,
} from "./harness/server.ts";
import { until } from "./harness/until.ts";

const mail = (body: string) => `Subject: ${body}\nFrom: b@example.net\n\n${body}\n`;
const MESSAGES = ["one", "two", "three", "four"].map(mail);
const uids = (list: readonly string[]) => list.map((line) => line.split(" ")[1]!);
const text = (server: TestServer) => readFileSync(server.mbox("wang"), "latin1");
const parts = (server: TestServer) => ({
  site: server.site,
  store: server.store,
  clock: systemClock,
  log: memoryLog([]),
  lockTimeout: 1000,
});

test("a large removal goes on behind the reply, and the next login finds it done", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  const large = `Subject: large\n\n${"x".repeat(1023)}\n`.repeat(1);
  const body = `${"y".repeat(1023)}\n`.repeat(12 * 1024);
  writeMbox(path, [mail("first"), ...[1, 2, 3, 4].map((n) => `Subject: ${n}\n\n${body}`), large]);
  const { ino } = statSync(path);
  const client = await loggedIn(server.port);
  const before = uids(await client.list("UIDL"));
  await client.command("DELE 1");
  assert.match(await client.quit(), /^\+OK/);
  const again = await loggedIn(server.port);
  assert.deepEqual(uids(await again.list("UIDL")), before.slice(1));
  assert.equal((await again.retrieve(4)).text, `Subject: 4\r\n\r\n${body.replaceAll("\n", "\r\n")}`);
  await again.quit();
  assert.equal(statSync(path).ino, ino);
  assert.equal(statSync(mailboxPaths(server.site, "wang").journal).size, 0);
});

test("pop3.autoDelete deletes what was retrieved whole, and RSET takes that back", async (t) => {
  const server = await startServer(t, { settings: "pop3:\n  autoDelete: true\n  stats: true\n" });
  writeMbox(server.mbox("wang"), MESSAGES);
  const first = await loggedIn(server.port);
  await first.retrieve(1);
  await first.command("RSET");
  await first.retrieve(2);
  await first.list("TOP 3 0");
  assert.match(await first.quit(), /^\+OK/);
  assert.doesNotMatch(text(server), /Subject: two/);
  assert.match(text(server), /Subject: one[\s\S]*Subject: three[\s\S]*Subject: four/);
  assert.ok(server.logged.some((line) => /Stats: wang 1 \d+ 3 /.test(line)));
});

test("pop3.updateOnAbort applies deletions of a lost connection, and not without it", async (t) => {
  for (const on of [true, false]) {
    const server = await startServer(t, { settings: `pop3:\n  updateOnAbort: ${on}\n  stats: true\n` });
    writeMbox(server.mbox("wang"), MESSAGES);
    const client = await loggedIn(server.port);
    await client.command("DELE 2");
    client.socket.destroy();
    await until(() => server.logged.some((line) => line.includes("Stats: wang")), "the end of the session");
    assert.equal(text(server).includes("Subject: two"), !on);
    assert.ok(server.logged.some((line) => line.includes(on ? "Stats: wang 1 " : "Stats: wang 0 0 4 ")));
  }
});

test("pop3.autoDelete deletes nothing when the connection is lost: what was sent may not have come", async (t) => {
  const settings = "pop3:\n  autoDelete: true\n  updateOnAbort: true\n  stats: true\n";
  const server = await startServer(t, { settings });
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  await client.command("DELE 2");
  await client.retrieve(3);
  client.socket.destroy();
  await until(() => server.logged.some((line) => line.includes("Stats: wang 1 ")), "the end of the session");
  assert.doesNotMatch(text(server), /Subject: two/);
  assert.match(text(server), /Subject: three/);
});

test("pop3.updateStatusHeaders writes Status and X-UIDL, and ids and sizes stay true", async (t) => {
  const server = await startServer(t, { settings: "pop3:\n  updateStatusHeaders: true\n" });
  const odd = [
    "Subject: has one\nStatus: RO\nX-UIDL: kept-id\n\nbody\n",
    "Subject: twice\nStatus: O\nStatus: U\n\n\nbody\n",
    "Subject: crlf\r\nTo: x\r\n\r\nbody\r\n",
    "Subject: only a header\n",
  ];
  writeMbox(server.mbox("wang"), [...MESSAGES, ...odd]);
  const client = await loggedIn(server.port);
  const before = uids(await client.list("UIDL"));
  for (const number of [2, 6]) await client.retrieve(number);
  await client.command("DELE 1");
  assert.match(await client.quit(), /^\+OK/);
  const now = text(server);
  assert.match(
    now,
    new RegExp(`^From [^\\n]*\\nX-UIDL: ${before[1]}\\nSubject: two\\nFrom: [^\\n]*\\nStatus: RO\\n\\n`),
  );
  assert.match(now, /Subject: three\nFrom: [^\n]*\nStatus: U\n\n/);
  assert.match(now, /\nSubject: has one\nStatus: RO\nX-UIDL: kept-id\n\n/);
  assert.match(now, /\nSubject: twice\nStatus: RO\n\n\nbody/);
  const read = async () => {
    const again = await loggedIn(server.port);
    assert.deepEqual(uids(await again.list("UIDL")), before.slice(1));
    for (const [i, line] of (await again.list("LIST")).entries()) {
      assert.equal(line, `${i + 1} ${(await again.retrieve(i + 1)).text.length}`);
    }
    return again;
  };
  await (await read()).quit();
  // Read from the file alone, with no index to help.
  await server.store.write("wang", (await server.store.read("wang"))!, 0);
  appendFileSync(server.mbox("wang"), "");
  const same = text(server);
  await (await read()).quit();
  assert.equal(text(server), same);
});

test("what QUIT removed is kept, listed, and comes back once under its old ids", async (t) => {
  const server = await startServer(t, { settings: "pop3:\n  keepRemoved: 7d\n" });
  const twins = [mail("twin"), mail("twin")].map((message) => mboxText(message)).join("");
  writeFileSync(server.mbox("wang"), MESSAGES.map((m, i) => mboxText(m, i)).join("") + twins);
  const client = await loggedIn(server.port);
  const before = uids(await client.list("UIDL"));
  for (const number of [1, 3, 5]) await client.command(`DELE ${number}`);
  await client.quit();
  const folder = join(server.site.stateDir, "removed/wang");
  const [name] = readdirSync(folder);
  assert.equal(statSync(join(folder, name!)).mode & 0o777, 0o600);
  assert.equal(
    readFileSync(join(folder, name!), "latin1"),
    mboxText(MESSAGES[0]!, 0) + mboxText(MESSAGES[2]!, 2) + mboxText(mail("twin")),
  );
  const listed = await listRemoved(server.site, "wang");
  assert.deepEqual(
    listed.map(({ uid, subject, from }) => [uid, subject, from]),
    [0, 2, 4].map((i) => [before[i], ["one", "", "three", "", "twin"][i], "b@example.net"]),
  );
  const some = await restoreRemoved(parts(server), "wang", { uids: [before[2]!, "nobody"] });
  assert.deepEqual(some, { restored: 1, present: 0, unknown: ["nobody"] });
  assert.deepEqual(await restoreRemoved(parts(server), "wang", {}), { restored: 2, present: 1, unknown: [] });
  assert.deepEqual(await restoreRemoved(parts(server), "wang", {}), { restored: 0, present: 0, unknown: [] });
  assert.deepEqual(readdirSync(folder), []);
  const again = await loggedIn(server.port);
  assert.deepEqual(
    uids(await again.list("UIDL")),
    [1, 3, 5, 2, 0, 4].map((i) => before[i]),
  );
  assert.equal(
    await restoreRemoved(parts(server), "wang", {}).catch((e: { fault: string }) => e.fault),
    "busy",
  );
  await again.quit();
});

test("mail that bears the id of a removed message does not cost it its way back", async (t) => {
  const server = await startServer(t, { settings: "pop3:\n  keepRemoved: 7d\n" });
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  const [id] = uids(await client.list("UIDL"));
  await client.command("DELE 1");
  await client.quit();
  const folder = join(server.site.stateDir, "removed/wang");
  // A stranger's message that is called so, and one that even has the same header and size.
  const [real] = MESSAGES;
  const same = mboxText(real!, 0)
    .replace("Subject", `X-UIDL: ${id}\nSubject`)
    .replace("\n\none\n", "\n\nONE\n");
  assert.notEqual(same, mboxText(real!, 0));
  const other = mboxText(`X-UIDL: ${id}\nSubject: spoofed\n\nother text\n`);
  for (const [spoofed, text] of Object.entries({ other, same })) {
    const before = text === other ? readFileSync(server.mbox("wang"), "latin1") : "";
    writeFileSync(server.mbox("wang"), before + text);
    const copies = readdirSync(folder).map((name) => [name, readFileSync(join(folder, name))] as const);
    assert.deepEqual(
      await restoreRemoved(parts(server), "wang", {}),
      { restored: 1, present: 0, unknown: [] },
      spoofed,
    );
    const now = readFileSync(server.mbox("wang"), "latin1");
    const back = now.slice((before + text).length);
    assert.ok(now.startsWith(before + text), spoofed);
    assert.equal(back.replace(`X-UIDL: ${id}\n`, ""), mboxText(real!, 0), spoofed);
    assert.deepEqual(readdirSync(folder), []);
    // Killed before the copy was removed, and given again: it is there, whatever it is called.
    for (const [name, bytes] of copies) writeFileSync(join(folder, name), bytes);
    assert.deepEqual(await restoreRemoved(parts(server), "wang", {}), {
      restored: 0,
      present: 1,
      unknown: [],
    });
    assert.equal(readFileSync(server.mbox("wang"), "latin1"), now);
    for (const [name, bytes] of copies) writeFileSync(join(folder, name), bytes);
  }
});

test("copies are removed when their time is over", async (t) => {
  const server = await startServer(t, { settings: "pop3:\n  keepRemoved: 7d\n" });
  writeMbox(server.mbox("wang"), MESSAGES);
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  await client.quit();
  const folder = join(server.site.stateDir, "removed/wang");
  const day = 86_400_000;
  const sweep = async (days: number) => {
    const clock = new ManualClock(Date.now() + days * day);
    await sweepRemoved(server.site, 7 * day, { clock, log: memoryLog([]) });
    return readdirSync(folder).length;
  };
  assert.equal(await sweep(6.9), 1);
  assert.equal(await sweep(7.1), 0);
});

test("of many processes one an hour looks for copies that are over their time", (t) => {
  const site = temporarySite(t);
  const now = Date.now();
  assert.equal(isSweepDue(site, now), false, "nothing was ever removed");
  mkdirSync(join(site.stateDir, "removed"), { recursive: true });
  assert.deepEqual(
    [0, 0.1, 0.99, 1.01, 1.02, 2.5].map((hours) => isSweepDue(site, now + hours * 3_600_000)),
    [true, false, false, true, false, true],
  );
  assert.equal(isSweepDue(site, now - 86_400_000), true, "a clock that was put back");
});

test("with nowhere to keep it, nothing is removed, and the client is told", async (t) => {
  const server = await startServer(t, { settings: "pop3:\n  keepRemoved: 7d\n" });
  writeMbox(server.mbox("wang"), MESSAGES);
  const before = text(server);
  writeFileSync(join(server.site.stateDir, "removed"), "not a folder");
  const client = await loggedIn(server.port);
  await client.command("DELE 1");
  assert.match(await client.quit(), /^-ERR \[SYS\/TEMP\] /);
  assert.equal(text(server), before);
  assert.ok(existsSync(server.mbox("wang")));
});
