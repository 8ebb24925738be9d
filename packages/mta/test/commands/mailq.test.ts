import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { entryLines, printMailq, type QueueMoment, run } from "../../src/commands/mailq.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { enqueue, entryOf, remote, temporaryQueue, temporarySite } from "../queue/queue-samples.ts";

const REPLY = { code: 451, enhanced: "4.4.1", text: "Connection refused by mx.far.example." };

test("an empty queue in Sendmail's words, also where there is none yet", async (t) => {
  const site = await temporarySite(t);
  const lines: string[] = [];
  assert.equal(await printMailq(site, {}, (line) => lines.push(line)), 0);
  assert.deepEqual(lines, [`${site.queueDir} is empty`, "\t\tTotal requests: 0"]);
});

test("a message in Sendmail's layout", async (t) => {
  const { store, site, clock } = await temporaryQueue(t);
  const entry = await enqueue(store, { recipients: [remote("c@far.example"), remote("d@far.example")] });
  entry.recipients[0]!.state = "delivered";
  entry.recipients[1]!.lastReply = REPLY;
  await store.change({ update: [entry] });
  const held = await enqueue(store, { sender: "" });
  await store.hold(held.id, "by an administrator");
  const lines: string[] = [];
  assert.equal(await printMailq(site, {}, (line) => lines.push(line)), 0);
  const time = lines[2]!.slice(24, 40);
  assert.match(time, /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d$/);
  assert.deepEqual(lines, [
    `\t\t${site.queueDir} (2 requests)`,
    "-----Q-ID----- --Size-- -----Q-Time----- ------------Sender/Recipient-----------",
    `${entry.id}       36 ${time} <sender@origin.example>`,
    "                 (Deferred: Connection refused by mx.far.example. (far.example))",
    "\t\t\t\t\t <d@far.example>",
    `${held.id}?      36 ${time} <>`,
    "                 (held: by an administrator)",
    "\t\t\t\t\t <rcpt@far.example>",
    "\t\tTotal requests: 2",
  ]);
  const json: string[] = [];
  await printMailq(site, { json: true }, (line) => json.push(line));
  assert.equal((JSON.parse(json[0]!) as { id: string }).id, entry.id);
  assert.ok(clock.now() > 0);
});

test("-v shows the priority; control characters are not printed", () => {
  const entry = entryOf({ size: 1000, sender: "a\u001b[31m@b" });
  const [line] = entryLines(entry, { verbose: true });
  assert.match(line!, /^6AONqJ00001234 {5}1000 {6}31000 /);
  assert.match(line!, /<a\?\[31m@b>$/);
});

test("the marks behind an id: under way, kept back, too busy, too young", () => {
  const entry = entryOf({ attempts: 1, lastAttemptAt: 1_000_000 });
  const quiet = { underWay: new Set<string>(), busy: false, minAge: 0, now: 1_000_001 };
  const mark = (moment: Partial<QueueMoment>, over: Partial<QueueEntry> = {}) =>
    entryLines({ ...entry, ...over }, {}, { ...quiet, ...moment })[0]!.charAt(entry.id.length);
  const underWay = new Set([entry.id]);
  assert.equal(mark({}), " ");
  assert.equal(mark({ underWay, busy: true }), "*");
  assert.equal(mark({ busy: true }), "X");
  assert.equal(mark({ busy: true }, { held: "by hand" }), "?");
  assert.equal(mark({}, { quarantine: "spam" }), "?");
  assert.equal(mark({ minAge: 600_000 }), "-");
  assert.equal(mark({ minAge: 600_000, now: 1_600_000 }), " ");
  assert.equal(mark({ minAge: 600_000 }, { attempts: 0, lastAttemptAt: 0 }), " ");
});

test("a wrong argument is a usage error", async () => {
  assert.equal(await run(["--bogus"]), 64);
});

test("the program prints and ends", async (t) => {
  const site = await temporarySite(t);
  const script = fileURLToPath(new URL("../../src/commands/mailq.ts", import.meta.url));
  const code = `import { run } from ${JSON.stringify(script)}; process.exitCode = await run(["--root", ${JSON.stringify(site.root)}]);`;
  const args = [...process.execArgv.filter((a) => a !== "--test"), "--input-type=module", "-e", code];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: "utf8" });
  assert.match(stdout, /is empty\n\t\tTotal requests: 0\n/);
  assert.equal(status, 0);
});
