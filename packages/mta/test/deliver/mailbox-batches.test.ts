import assert from "node:assert/strict";
import test from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { type Batch, MailboxBatches } from "../../src/deliver/mailbox-batches.ts";
import { FORGOTTEN, LONGEST } from "../../src/deliver/mailbox-gathering.ts";

const turn = () => new Promise(setImmediate);

test("what arrives while a batch is written makes the next batch", async () => {
  const written: string[] = [];
  const held: (() => void)[] = [];
  const batches = new MailboxBatches<string, string>({
    clock: systemClock,
    sizeOf: () => 1,
    async write(batch) {
      written.push(`${batch.name}: ${batch.items.join("")}`);
      await new Promise<void>((done) => held.push(done));
      return batch.items.map((item) => item.toUpperCase());
    },
  });
  batches.hurry();
  const first = ["a", "b"].map((item) => batches.add("bob", item));
  await turn();
  const second = ["c", "d", "e"].map((item) => batches.add("bob", item));
  const other = batches.add("eve", "x");
  await turn();
  assert.deepEqual(written, ["bob: ab", "eve: x"]);
  for (const done of held.splice(0)) done();
  assert.deepEqual(await Promise.all([...first, other]), ["A", "B", "X"]);
  await turn();
  for (const done of held.splice(0)) done();
  assert.deepEqual(await Promise.all(second), ["C", "D", "E"]);
  assert.deepEqual(written, ["bob: ab", "eve: x", "bob: cde"]);
  await batches.idle();
});

test("an item that waits for others, or for the batch before it, is told of; one whose turn it is, is not", async () => {
  const clock = new ManualClock();
  const waiting: string[] = [];
  const held: (() => void)[] = [];
  const batches = new MailboxBatches<string, string>({
    clock,
    sizeOf: () => 1,
    waits: (item) => void waiting.push(item),
    async write({ items }) {
      await new Promise<void>((done) => held.push(done));
      return [...items];
    },
  });
  const first = batches.add("bob", "first");
  await turn();
  assert.deepEqual(waiting, []);
  const more = [batches.add("bob", "second"), batches.add("bob", "third")];
  assert.deepEqual(waiting.splice(0), ["second", "third"]);
  for (const done of held.splice(0)) done();
  await first;
  await turn();
  more.push(batches.add("bob", "fourth"));
  assert.deepEqual(waiting.splice(0), ["fourth"], "its mailbox gathers");
  await clock.advance(LONGEST);
  await turn();
  for (const done of held.splice(0)) done();
  assert.deepEqual(await Promise.all(more), ["second", "third", "fourth"]);
  await clock.advance(FORGOTTEN + 1);
  const seldom = batches.add("bob", "fifth");
  await turn();
  assert.deepEqual(waiting, []);
  for (const done of held.splice(0)) done();
  assert.equal(await seldom, "fifth");
});

test("a batch has bounds in number and in octets, and so have mailboxes at once", async () => {
  const sizes: number[] = [];
  let running = 0;
  let most = 0;
  const batches = new MailboxBatches<number, number>({
    clock: systemClock,
    sizeOf: (item) => item,
    parallel: 3,
    async write(batch: Batch<number>) {
      most = Math.max(most, ++running);
      await turn();
      running--;
      sizes.push(batch.items.length);
      return [...batch.items];
    },
  });
  batches.hurry();
  await Promise.all(Array.from({ length: 2500 }, () => batches.add("bob", 1)));
  assert.deepEqual(sizes.splice(0), [1000, 1000, 500]);
  const MIB = 1024 * 1024;
  await Promise.all([30 * MIB, 10 * MIB, 6 * MIB, 1].map((size) => batches.add("eve", size)));
  assert.deepEqual(sizes.splice(0), [1, 2, 1]);
  await Promise.all(Array.from({ length: 20 }, (_, i) => batches.add(`box${i}`, 1)));
  assert.equal(most, 3);
});

test("a batch that cannot be written fails its items only", async () => {
  const batches = new MailboxBatches<string, string>({
    clock: systemClock,
    sizeOf: () => 1,
    write: ({ name }) => (name === "bad" ? Promise.reject(new Error("no")) : Promise.resolve(["ok"])),
  });
  batches.hurry();
  await assert.rejects(batches.add("bad", "x"), /no/);
  assert.equal(await batches.add("good", "x"), "ok");
  assert.equal(await batches.add("good", "y"), "ok");
});
