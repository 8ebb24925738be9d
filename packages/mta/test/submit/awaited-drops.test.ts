import assert from "node:assert/strict";
import { mkdirSync, readdirSync } from "node:fs";
import { rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import type { Log } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { openQueue } from "../../src/queue/open-queue.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { acceptSubmission, type Submission } from "../../src/submit/accept-submission.ts";
import { openAwaitedDrops } from "../../src/submit/awaited-drops.ts";
import { type CollectorParts, startDropCollector } from "../../src/submit/drop-collector.ts";
import { createDrop, dropHead } from "../../src/submit/drop-file.ts";
import { makeSite, removeSite } from "../commands/site-fixture.ts";

async function rig(
  t: TestContext,
  before: (submission: Submission) => Promise<void> = () => Promise.resolve(),
) {
  const site = makeSite();
  mkdirSync(site.dropDir, { recursive: true });
  const log: Log = { write: () => undefined, close: () => Promise.resolve() };
  const settings = parseSettings(
    "hostname: mail.linuxaid.com.cn\naccounts: [file]\nsmtp: {maxMessageSize: 1KiB}\n",
    site.settingsFile,
  );
  const tables = openSiteTables(site, { log, settings });
  const queue = await openQueue(site, { clock: systemClock, log });
  const submitted: QueueEntry[] = [];
  const parts: CollectorParts = {
    dir: site.dropDir,
    store: queue.store,
    async accept(submission) {
      await before(submission);
      const book = { site, settings, tables };
      return acceptSubmission({ book, store: queue.store, log, clock: systemClock }, submission);
    },
    submitted: (entry) => void submitted.push(entry),
    userOf: () => ({ name: "root" }),
    maxSize: () => settings.smtp.maxMessageSize,
    log,
    clock: systemClock,
  };
  const awaited = openAwaitedDrops(parts);
  t.after(async () => {
    await awaited.close();
    await queue.store.close();
    await tables.close();
    removeSite(site);
  });
  return {
    dir: site.dropDir,
    queue,
    submitted,
    awaited,
    files: () => readdirSync(site.dropDir),
    async write(recipients: string[], text = "Subject: x\r\n\r\nhello\r\n") {
      const drop = await createDrop(site.dropDir);
      await drop.write(dropHead({ recipients, fromHeader: false }));
      await drop.write(Buffer.from(text));
      return drop;
    },
    async collect() {
      const collector = startDropCollector({ ...parts, awaited, fs: { unlink, rename } });
      await collector.collect();
      await collector.close();
    },
  };
}

test("a message is queued at once, its file goes, and its owner is told its id", async (t) => {
  const host = await rig(t);
  const drop = await host.write(["joe"]);
  const result = await host.awaited.take({ drop: drop.name, errorsTo: "caller" });
  const [entry] = host.submitted;
  assert.deepEqual(result, {
    exitCode: 0,
    complaints: [],
    id: entry!.id,
    recipients: ["joe@mail.linuxaid.com.cn"],
  });
  assert.deepEqual(host.files(), []);
  await drop.discard();
  await host.collect();
  assert.deepEqual(host.queue.store.queuedDrops(), []);
});

test("what is refused stays its owner's, with exit code and complaint", async (t) => {
  const host = await rig(t);
  const unknown = await host.write(["nobody-here"]);
  assert.deepEqual(await host.awaited.take({ drop: unknown.name, errorsTo: "caller" }), {
    exitCode: 67,
    complaints: ["nobody-here... User unknown"],
  });
  const large = await host.write(["joe"], `${"x".repeat(70)}\r\n`.repeat(20));
  const refused = await host.awaited.take({ drop: large.name, errorsTo: "caller" });
  assert.deepEqual([refused?.exitCode, refused?.id], [69, undefined]);
  assert.equal(host.files().length, 2);
  await unknown.discard();
  await large.discard();
  assert.deepEqual(host.files(), []);
  assert.deepEqual([...host.queue.store.list()], []);
});

test("one known recipient of two: queued, and the other complained of", async (t) => {
  const host = await rig(t);
  const drop = await host.write(["joe", "nobody-here"]);
  const result = await host.awaited.take({ drop: drop.name, errorsTo: "caller" });
  assert.deepEqual([result?.exitCode, result?.complaints], [67, ["nobody-here... User unknown"]]);
  assert.equal(host.submitted.length, 1);
  await drop.discard();
});

test("an owner who stops waiting loses nothing, and nothing is queued twice", async (t) => {
  let goOn: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const host = await rig(t, () => held);
  const drop = await host.write(["joe"]);
  const taking = host.awaited.take({ drop: drop.name, errorsTo: "caller" });
  await drop.finish(true);
  const collecting = host.collect();
  goOn();
  await taking;
  await collecting;
  assert.equal([...host.queue.store.list()].length, 1);
  assert.equal(host.submitted.length, 1);
  assert.deepEqual(host.files(), []);
});

test("the answer is lost: the owner finds that his file has been taken", async (t) => {
  const host = await rig(t);
  const drop = await host.write(["joe"]);
  await host.awaited.take({ drop: drop.name, errorsTo: "caller" });
  await drop.finish(true);
  await host.collect();
  assert.equal(host.submitted.length, 1);
  await assert.rejects(async () => {
    const other = await host.write(["joe"]);
    await unlink(join(host.dir, `.${other.name}`));
    await other.finish();
  }, /the message cannot be stored/);
});

test("what is no drop file is nobody's message", async (t) => {
  const host = await rig(t);
  for (const drop of ["../../etc/passwd", "x", "0".repeat(32)])
    assert.equal(await host.awaited.take({ drop, errorsTo: "caller" }), undefined);
  const drop = await createDrop(host.dir);
  await drop.write(Buffer.from("something else\n"));
  assert.equal(await host.awaited.take({ drop: drop.name, errorsTo: "caller" }), undefined);
  await drop.discard();
});
