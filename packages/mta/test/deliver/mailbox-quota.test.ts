/** Limits of mailboxes at delivery: to the octet, one message after another, and the owner is told once. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { readFile, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { storedSize } from "@mailhost/common/mbox/stored-size";
import { createLocalMailer } from "../../src/deliver/local-mailer.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { warningText } from "../../src/deliver/quota-warning.ts";
import { formatReply } from "../../src/policy/reply.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import { bodyOf, entryOf, listLog, local, temporarySite } from "../queue/queue-samples.ts";

interface Limits {
  limit: number;
  readonly action?: "defer" | "bounce";
  readonly warnAt?: number;
  certain?: boolean;
}

async function mailer(t: TestContext, limits: Limits) {
  const site = await temporarySite(t);
  mkdirSync(site.spoolDir, { recursive: true });
  mkdirSync(site.stateDir, { recursive: true });
  const log = listLog();
  const made = createLocalMailer({
    site,
    accounts: { lookUp: (name) => Promise.resolve({ name, source: "file" }) },
    lockTimeout: 0,
    clock: systemClock,
    log,
    quota: {
      limitOf: (name) => (name === "bob" ? limits.limit : 0),
      isCertain: () => limits.certain ?? true,
      action: limits.action ?? "defer",
      warnAt: limits.warnAt ?? 0,
      hostname: "mail.here.example",
    },
  });
  t.after(() => made.close());
  const path = join(site.spoolDir, "bob");
  const send = async (text: string, recipients: QueueRecipient[] = [local("bob@here.example")]) => {
    const body = bodyOf(text);
    const entry = entryOf({ size: body.size });
    const outcomes = await made.deliver({ entry, body, recipients, forced: false });
    return outcomes.map(described).join(", ");
  };
  return { site, log, send, path, read: () => readFile(path, "utf8") };
}

function described(outcome: Outcome): string {
  return `${outcome.kind} ${formatReply(outcome.reply)}`;
}

function sizeOf(text: string): Promise<number> {
  const { sender, receivedAt } = entryOf();
  return storedSize({ sender, receivedAt, stream: () => bodyOf(text).stream() });
}

const SENT = "delivered 250 2.0.0 Sent";
const FULL = "deferred 452 4.2.2 Mailbox full";
const TEXT = "Subject: x\r\n\r\nhello\r\nFrom here\r\n>From there\r\n";

test("a message that fills the mailbox to the octet fits, the next one waits", async (t) => {
  const size = await sizeOf(TEXT);
  const m = await mailer(t, { limit: 2 * size });
  assert.equal(await m.send(TEXT), SENT);
  assert.equal((await stat(m.path)).size, size);
  assert.equal(await m.send(TEXT), SENT);
  assert.equal((await stat(m.path)).size, 2 * size);
  assert.equal(await m.send("Subject: y\r\n\r\n"), FULL);
  assert.equal((await stat(m.path)).size, 2 * size);
});

test("one octet less and it does not", async (t) => {
  const m = await mailer(t, { limit: 2 * (await sizeOf(TEXT)) - 1 });
  assert.equal(await m.send(TEXT), SENT);
  assert.equal(await m.send(TEXT), FULL);
});

test("messages of one batch are counted one after another, and a small one may still fit", async (t) => {
  const small = "Subject: s\r\n\r\n";
  const m = await mailer(t, { limit: 2 * (await sizeOf(TEXT)) + (await sizeOf(small)) });
  const outcomes = await Promise.all([m.send(TEXT), m.send(TEXT), m.send(TEXT), m.send(small)]);
  assert.deepEqual(outcomes, [SENT, SENT, FULL, SENT]);
  assert.equal((await m.read()).match(/^From /gm)?.length, 3);
});

test("bounce says so for good; a message larger than any mailbox does in either case", async (t) => {
  const m = await mailer(t, { limit: await sizeOf(TEXT), action: "bounce" });
  assert.equal(await m.send(TEXT), SENT);
  assert.equal(await m.send(TEXT), "failed 552 5.2.2 Mailbox full");
  const large = "x".repeat(2000);
  const tooLarge = /^failed 552 5\.2\.3 Message is larger than the mailbox may be \(\d+\)$/;
  assert.match(await m.send(large), tooLarge);
  const waits = await mailer(t, { limit: 1000 });
  assert.match(await waits.send(large), tooLarge);
});

test("while the table of limits has a fault, whatever does not fit waits", async (t) => {
  const limits: Limits = { limit: await sizeOf(TEXT), action: "bounce", warnAt: 50, certain: false };
  const m = await mailer(t, limits);
  assert.equal(await m.send("x".repeat(2000)), FULL);
  assert.equal(await m.send(TEXT), SENT);
  assert.equal(await m.send(TEXT), FULL);
  assert.equal((await stat(m.path)).size, limits.limit, "no warning by a doubtful limit");
  limits.certain = true;
  assert.equal(await m.send(TEXT), "failed 552 5.2.2 Mailbox full");
});

test("of several recipients the full one alone waits", async (t) => {
  const m = await mailer(t, { limit: 200 });
  await m.send(TEXT);
  const recipients = [local("bob@here.example"), local("eve@here.example")];
  assert.equal(await m.send(TEXT, recipients), `${FULL}, ${SENT}`);
});

test("the owner is warned once, and again only after the mailbox was well below", async (t) => {
  const size = await sizeOf(TEXT);
  const m = await mailer(t, { limit: 10 * size, warnAt: 50 });
  const warnings = async () => (await m.read()).match(/^Subject: Your mailbox is/gm)?.length ?? 0;
  for (let i = 0; i < 4; i++) await m.send(TEXT);
  assert.equal(await warnings(), 0);
  assert.equal(await m.send(TEXT), SENT);
  assert.equal(await warnings(), 1);
  assert.match(await m.read(), /^Return-Path: <>$/m);
  assert.ok(existsSync(join(m.site.stateDir, "quota-warned/bob")));
  assert.deepEqual(readdirSync(join(m.site.stateDir, "quota-warned")), ["bob"]);
  assert.equal(m.log.lines.length, 1);
  assert.match(m.log.lines[0]!, /^quota: bob: 50% of \d+ octets: the owner was warned$/);
  await m.send("Subject: y\r\n\r\n");
  assert.equal(await warnings(), 1);
  // Between 40 and 50 per cent nothing changes; below 40 it may come again.
  await truncate(m.path, Math.ceil(4.5 * size));
  await m.send(TEXT);
  assert.equal(await warnings(), 0, "cut off with the rest");
  await truncate(m.path, 3 * size);
  await m.send(TEXT);
  assert.equal(await warnings(), 0);
  await m.send(TEXT);
  assert.equal(await warnings(), 1);
});

test("where it can not be remembered that the owner was warned, there is no warning, and not one with each delivery", async (t) => {
  const m = await mailer(t, { limit: 4 * (await sizeOf(TEXT)), warnAt: 50 });
  writeFileSync(join(m.site.stateDir, "quota-warned"), "in the way");
  for (let i = 0; i < 3; i++) assert.equal(await m.send(TEXT), SENT);
  assert.doesNotMatch(await m.read(), /Your mailbox is/);
  assert.match(m.log.lines.join("\n"), /quota: bob can not be warned/);
});

test("a full mailbox takes its warning all the same, though it takes nothing else", async (t) => {
  const limits = { limit: 0, warnAt: 90 };
  const m = await mailer(t, limits);
  await m.send(TEXT);
  limits.limit = 1 + (await sizeOf(TEXT));
  assert.equal(await m.send(TEXT), FULL);
  assert.match(await m.read(), /Subject: Your mailbox is 9\d% full/);
  assert.equal((await m.read()).match(/^From /gm)?.length, 2);
  assert.equal(await m.send(TEXT), FULL);
  assert.equal((await m.read()).match(/^From /gm)?.length, 2);
});

test("the warning speaks English and Chinese, and nothing answers it", () => {
  const text = warningText({
    name: "alice@a.example",
    hostname: "mail.here.example",
    action: "defer",
    size: 95 * 1024 ** 2,
    limit: 100 * 1024 ** 2,
    now: Date.UTC(2026, 10, 24),
  });
  assert.match(text, /^To: <alice@a\.example>\r$/m);
  assert.match(text, /^Auto-Submitted: auto-generated\r$/m);
  assert.match(text, /^Date: Tue, 24 Nov 2026 00:00:00 \+0000\r$/m);
  assert.doesNotMatch(text, /[^\0-\x7f]/);
  const body = text.slice(text.indexOf("\r\n\r\n") + 4).replace(/=\r\n/g, "");
  const decoded = Buffer.from(
    body.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  ).toString("utf8");
  assert.match(decoded, /holds 95\.0 MiB of at most 100\.0 MiB/);
  assert.match(decoded, /alice@a\.example 的邮箱已使用 95\.0 MiB，上限为 100\.0 MiB。/);
});
