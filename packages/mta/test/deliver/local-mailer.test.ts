import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import type { Account } from "@mailhost/common/accounts/accounts";
import { systemClock } from "@mailhost/common/clock";
import { createLocalMailer } from "../../src/deliver/local-mailer.ts";
import type { Mailer } from "../../src/deliver/mailer.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import type { MessageBody } from "../../src/queue/queue-store.ts";
import { bodyOf, entryOf, listLog, local, remote, temporarySite } from "../queue/queue-samples.ts";

const KNOWN = new Set(["bob", "eve"]);

async function mailer(t: TestContext, lockTimeout = 0) {
  const site = await temporarySite(t);
  mkdirSync(site.spoolDir, { recursive: true });
  mkdirSync(site.stateDir, { recursive: true });
  const log = listLog();
  const find = (name: string): Account | undefined =>
    KNOWN.has(name) || name.startsWith("user") ? { name, source: "file" } : undefined;
  const made = createLocalMailer({
    site,
    accounts: { lookUp: (name) => Promise.resolve(find(name)) },
    lockTimeout,
    clock: systemClock,
    log,
  });
  t.after(() => made.close());
  return { site, log, mailer: made, mbox: (name: string) => readFile(join(site.spoolDir, name), "utf8") };
}

function deliver(
  m: Mailer,
  recipients: QueueRecipient[],
  text: string | MessageBody = "Subject: x\r\n\r\nhello\r\n",
) {
  const body = typeof text === "string" ? bodyOf(text) : text;
  return m.deliver({ entry: entryOf({ size: body.size }), body, recipients, forced: false });
}

test("a message is appended to its mailbox", async (t) => {
  const m = await mailer(t);
  const [outcome] = await deliver(m.mailer, [local("bob@here.example")]);
  assert.equal(outcome?.kind, "delivered");
  const text = await m.mbox("bob");
  assert.match(
    text,
    /^From sender@origin\.example Tue Nov 24 21:59:01 2026\nReturn-Path: <sender@origin\.example>\nSubject: x\n\nhello\n\n$/,
  );
});

test("two recipients that end in one mailbox get one copy; others get theirs", async (t) => {
  const m = await mailer(t);
  const alias = local("info@here.example", { target: { kind: "mailbox", name: "bob" } });
  const outcomes = await deliver(m.mailer, [local("bob@here.example"), alias, local("eve@here.example")]);
  assert.deepEqual(
    outcomes.map((o) => o.kind),
    ["delivered", "delivered", "delivered"],
  );
  assert.equal((await m.mbox("bob")).match(/^From /gm)?.length, 1);
  assert.equal((await m.mbox("eve")).match(/^From /gm)?.length, 1);
});

test("an account that is gone fails, and only that recipient", async (t) => {
  const m = await mailer(t);
  const outcomes = await deliver(m.mailer, [local("nobody@here.example"), local("bob@here.example")]);
  assert.deepEqual(outcomes[0], {
    kind: "failed",
    relay: "local",
    reply: { code: 550, enhanced: "5.1.1", text: "User unknown" },
  });
  assert.equal(outcomes[1]?.kind, "delivered");
});

test("a hundred at once arrive, each once", async (t) => {
  const m = await mailer(t);
  const all = Array.from({ length: 100 }, (_, i) =>
    deliver(m.mailer, [local("bob@x")], `Subject: n${i}\r\n\r\nx\r\n`),
  );
  for (const [outcome] of await Promise.all(all)) assert.equal(outcome?.kind, "delivered");
  const subjects = (await m.mbox("bob")).match(/^Subject: n\d+$/gm) ?? [];
  assert.equal(subjects.length, 100);
  assert.equal(new Set(subjects).size, 100);
});

test("a mailbox that another program has locked is a temporary failure", async (t) => {
  const m = await mailer(t);
  await writeFile(join(m.site.spoolDir, "bob"), "");
  await mkdir(join(m.site.spoolDir, "bob.lock"));
  const [busy] = await deliver(m.mailer, [local("bob@x")]);
  assert.deepEqual([busy?.kind, busy?.reply.code, busy?.reply.enhanced], ["deferred", 451, "4.2.0"]);
  await rmdir(join(m.site.spoolDir, "bob.lock"));
  assert.equal((await deliver(m.mailer, [local("bob@x")]))[0]?.kind, "delivered");
});

test("mailboxes that are locked keep no other waiting, however many they are", async (t) => {
  const m = await mailer(t, 60_000);
  const locks = Array.from({ length: 40 }, (_, i) => join(m.site.spoolDir, `user${i}.lock`));
  for (const lock of locks) await writeFile(lock, "");
  let over = 0;
  const waiting = locks.map((_, i) => deliver(m.mailer, [local(`user${i}@x`)]).finally(() => over++));
  assert.equal((await deliver(m.mailer, [local("bob@x")]))[0]?.kind, "delivered");
  assert.equal(over, 0);
  for (const lock of locks) await rm(lock);
  for (const [outcome] of await Promise.all(waiting)) assert.equal(outcome?.kind, "delivered");
});

test("a mailbox that is no file is a temporary failure, and named in the log", async (t) => {
  const m = await mailer(t);
  await mkdir(join(m.site.spoolDir, "bob"));
  const [outcome] = await deliver(m.mailer, [local("bob@x")]);
  assert.deepEqual([outcome?.kind, outcome?.reply.code], ["deferred", 451]);
  assert.match(m.log.lines.join("\n"), /local delivery: .*bob/);
});

test("a message that cannot be read does not keep its batch out", async (t) => {
  const m = await mailer(t);
  const broken: MessageBody = {
    size: 10,
    whole: () => undefined,
    stream: () =>
      (async function* () {
        yield Buffer.from("half");
        throw new Error("disk read error");
      })(),
  };
  const all = await Promise.all([
    deliver(m.mailer, [local("bob@x")], "Subject: one\r\n\r\n"),
    deliver(m.mailer, [local("bob@x")], broken),
    deliver(m.mailer, [local("bob@x")], "Subject: two\r\n\r\n"),
  ]);
  assert.deepEqual(
    all.map(([o]) => o?.kind),
    ["delivered", "deferred", "delivered"],
  );
  assert.deepEqual((await m.mbox("bob")).match(/^Subject: .*$/gm), ["Subject: one", "Subject: two"]);
});

test("a remote recipient is not ours to deliver", async (t) => {
  const m = await mailer(t);
  assert.equal((await deliver(m.mailer, [remote("a@far.example")]))[0]?.kind, "deferred");
});
