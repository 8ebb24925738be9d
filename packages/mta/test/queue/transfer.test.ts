import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { open } from "lmdb";
import { queuePaths } from "../../src/queue/environment.ts";
import { exportQueue } from "../../src/queue/export-queue.ts";
import { lockImport } from "../../src/queue/import-lock.ts";
import { type ImportStore, importQueue } from "../../src/queue/import-queue.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import type { ImportParts } from "../../src/queue/qf-entry.ts";
import { enqueue, HEADER, local, readBody, remote, temporaryQueue } from "./queue-samples.ts";

const LARGE = Buffer.concat([Buffer.from(HEADER), Buffer.alloc(300_000, "0123456789abcde\r\n")]);

const PARTS: ImportParts = {
  hostname: "mail.here.example",
  now: 1_800_000_000_000,
  uidOf: (name) => (name === "joe" ? 1001 : undefined),
  resolve: (address) => {
    const [name = "", domain] = address.split("@");
    if (domain !== undefined && domain !== "mail.here.example") {
      return Promise.resolve([{ address, target: { kind: "remote", domain } }]);
    }
    if (name === "nobody") return Promise.resolve([]);
    return Promise.resolve([{ address: `${name}@mail.here.example`, target: { kind: "mailbox", name } }]);
  },
};

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-transfer-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function qf(subject: string, recipients: string, more = ""): string {
  return `V8\nT1795746026\nK0\nN1\n${more}$_root@localhost\nS<sys@far.example>\n${recipients}H??Subject: ${subject}\nH?M?Message-Id: <${subject}@x>\n.\n`;
}

test("what was exported comes back as it was: ids, states, times and every octet", async (t) => {
  const from = await temporaryQueue(t);
  const dir = folder(t);
  const small = await enqueue(from.store, { recipients: [local("bob@here.example")] }, `${HEADER}\xe9\r\n`);
  const large = await enqueue(from.store, { quarantine: "looks bad", envelopeId: "E1" }, LARGE);
  small.attempts = 3;
  small.lastAttemptAt = small.receivedAt + 5;
  small.nextAttemptAt = small.receivedAt + 60_000;
  await from.store.change({ update: [small] });
  assert.deepEqual(await exportQueue(from.store, dir), { ids: [small.id, large.id], faults: [] });
  assert.equal(readFileSync(join(dir, `${large.id}.eml`)).length, LARGE.length);
  assert.match(readFileSync(join(dir, `${small.id}.json`), "utf8"), /"receivedAt": "\d{4}-\d\d-\d\dT/);
  // Once more: nothing changes.
  assert.deepEqual((await exportQueue(from.store, dir)).ids, [small.id, large.id]);

  const to = await temporaryQueue(t);
  const taken = await importQueue(to.store, dir, PARTS);
  assert.deepEqual(taken, { ids: [small.id, large.id], known: [], faults: [] });
  for (const entry of [small, large]) {
    assert.deepEqual(to.store.get(entry.id), from.store.get(entry.id));
    assert.ok((await readBody(to.store.body(entry))).equals(await readBody(from.store.body(entry))));
  }
  assert.deepEqual(to.store.due(small.receivedAt + 60_000, 10), [small.id]);
  assert.deepEqual(await importQueue(to.store, dir, PARTS), { ids: [], known: [], faults: [] });
  assert.ok(readdirSync(dir).every((name) => name.startsWith("imported-")));
});

test("Sendmail's files are taken over, and marked so that Sendmail leaves them alone", async (t) => {
  const { store } = await temporaryQueue(t);
  const dir = folder(t);
  const write = (name: string, text: string) => writeFileSync(join(dir, name), text, "latin1");
  write(
    "qf6AR2KQ6S017893",
    qf("one", "RPFD:<later@far.test>\nRPFD:joe\nRPFD:nobody\n", "MDeferred: Connection refused by x.\n"),
  );
  write("df6AR2KQ6S017893", "body \xe9\n.dot\n");
  write("hf6AR2KQ6T017893", qf("two", "RPNSD:<a@far.test>\n", "qlooks bad\n"));
  write("df6AR2KQ6T017893", "");
  // An id of Sendmail 8.11, in the two folders of a queue that was split.
  mkdirSync(join(dir, "qf"));
  mkdirSync(join(dir, "df"));
  write("qf/qff53LxX123456", qf("old", "R<b@far.test>\n").replace("V8", "V4"));
  write("df/dff53LxX123456", "x");
  write("qf6AR2KQ6U017893", qf("cut", "RPFD:<a@far.test>\n").slice(0, -3));
  write("df6AR2KQ6U017893", "x");
  write("qf6AR2KQ6V017893", qf("no data", "RPFD:<a@far.test>\n"));
  write("xf6AR2KQ6S017893", "transcript");
  const { ids, faults } = await importQueue(store, dir, PARTS);
  assert.deepEqual(ids, ["6AR2KQ6S017893", "6AR2KQ6T017893", "f53LxX00123456"]);
  assert.deepEqual(
    faults.map(({ file, reason }) => [file.slice(dir.length + 1), reason.replace(dir, "")]),
    [
      ["qf6AR2KQ6U017893", "it has no end: Sendmail was still writing it, or it is cut off"],
      ["qf6AR2KQ6V017893", "/df6AR2KQ6V017893 is missing"],
    ],
  );
  const one = store.get("6AR2KQ6S017893")!;
  assert.deepEqual(
    one.recipients.map((r) => [r.address, r.target]),
    [
      ["later@far.test", { kind: "remote", domain: "far.test" }],
      ["joe@mail.here.example", { kind: "mailbox", name: "joe" }],
      ["nobody@mail.here.example", { kind: "mailbox", name: "nobody" }],
    ],
  );
  assert.deepEqual([one.receivedAt, one.attempts, one.messageId], [1_795_746_026_000, 1, "<one@x>"]);
  assert.equal(one.recipients[0]?.lastReply?.text, "Connection refused by x.");
  assert.equal(
    (await readBody(store.body(one))).toString("latin1"),
    "Subject: one\r\nMessage-Id: <one@x>\r\n\r\nbody \xe9\r\n.dot\r\n",
  );
  assert.equal(store.get("6AR2KQ6T017893")?.quarantine, "looks bad");
  assert.deepEqual(
    readdirSync(dir).filter((name) => /^[qh]f/.test(name)),
    ["qf", "qf6AR2KQ6U017893", "qf6AR2KQ6V017893"],
  );
  assert.deepEqual(readdirSync(join(dir, "qf")), ["imported-qff53LxX123456"]);
});

test("an import that is cut short at any place is finished by the next one, each message once", async (t) => {
  for (let cut = 0; cut < 8; cut++) {
    const { store, site } = await temporaryQueue(t);
    const dir = folder(t);
    for (let i = 0; i < 3; i++) {
      writeFileSync(join(dir, `qf6AR2KQ${i}S017893`), qf(`m${i}`, "RPFD:<a@far.test>\n"));
      writeFileSync(join(dir, `df6AR2KQ${i}S017893`), i === 1 ? LARGE : "x\n");
    }
    let steps = 0;
    const step = () => {
      if (steps++ === cut) throw Object.assign(new Error("killed here"), { code: "KILLED" });
    };
    const failing: ImportStore = {
      queuedDrop: (name) => store.queuedDrop(name),
      queuedDrops: () => store.queuedDrops(),
      forgetDrop: (name) => store.forgetDrop(name),
      async restore(entry, body, note) {
        step();
        const cutBody = (async function* () {
          for await (const piece of body) {
            if (entry.id.includes("KQ1S")) step();
            yield piece;
          }
        })();
        const done = await store.restore(entry, cutBody, note);
        // The message is in the queue, and its files are not marked yet.
        step();
        return done;
      },
    };
    await assert.rejects(importQueue(failing, dir, PARTS), /killed here/);
    // The daemon has delivered what it found in the queue, every other time.
    const delivered = cut % 2 === 0 ? [] : [...store.list()].map(({ id }) => id);
    await store.change({ remove: delivered });
    // What a kill would leave beside it: the data file of a message that was coming in.
    mkdirSync(queuePaths(site).large, { recursive: true });
    if (store.get("6AR2KQ1S017893") === undefined)
      writeFileSync(join(queuePaths(site).large, "6AR2KQ1S017893"), "half");
    await importQueue(store, dir, PARTS);
    assert.deepEqual(
      [...store.list()].map((entry) => entry.id),
      [0, 1, 2].map((i) => `6AR2KQ${i}S017893`).filter((id) => !delivered.includes(id)),
    );
    assert.deepEqual(store.queuedDrops(), []);
    for (const entry of store.list()) assert.equal(store.bodyFault(entry), undefined);
    assert.deepEqual(
      readdirSync(dir).filter((name) => !name.startsWith("imported-")),
      [],
    );
  }
});

test("a message that cannot be read is named, and the rest is taken over; one import at a time", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const dir = folder(t);
  for (const letter of ["S", "T"])
    writeFileSync(join(dir, `qf6AR2KQ6${letter}017893`), qf("m", "RPFD:<a@far.test>\n"));
  // Reading it fails.
  mkdirSync(join(dir, "df6AR2KQ6S017893"));
  writeFileSync(join(dir, "df6AR2KQ6T017893"), "x\n");
  const { ids, faults } = await importQueue(store, dir, PARTS);
  assert.deepEqual(ids, ["6AR2KQ6T017893"]);
  assert.match(faults.map(({ reason }) => reason).join(), /df6AR2KQ6S017893 cannot be read: EISDIR/);
  const unlock = lockImport(site.queueDir);
  assert.throws(() => lockImport(site.queueDir), /another import .* is under way/);
  unlock();
  writeFileSync(join(site.queueDir, "queue.import"), "999999999");
  lockImport(site.queueDir)();
});

test("an entry that cannot be read is named, and can be removed", async (t) => {
  const { store, site, clock, log } = await temporaryQueue(t);
  const good = await enqueue(store);
  const bad = await enqueue(store, { recipients: [remote("a@x.example"), remote("b@y.example")] }, LARGE);
  await store.close();
  const root = open({
    path: queuePaths(site).environment,
    noSubdir: true,
    maxDbs: 8,
    overlappingSync: false,
  });
  await root.openDB({ name: "entries", encoding: "binary" }).put(bad.id, Buffer.from("{nonsense"));
  await root.close();
  const again = await openQueue(site, { clock, log });
  t.after(() => again.store.close());
  assert.deepEqual(
    [...again.store.unreadable()].map(({ id }) => id),
    [bad.id],
  );
  const { ids, faults } = await exportQueue(again.store, folder(t));
  assert.deepEqual([ids, faults.map(({ id }) => id)], [[good.id], [bad.id]]);
  assert.equal(again.store.due(clock.now(), 10).length, 3);
  assert.equal(await again.store.discard(bad.id), true);
  assert.equal(await again.store.discard(bad.id), false);
  assert.deepEqual(again.store.due(clock.now(), 10), [good.id]);
  assert.equal(again.store.count(), 1);
  assert.deepEqual(readdirSync(queuePaths(site).large), []);
});
