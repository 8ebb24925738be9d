import assert from "node:assert/strict";
import test from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { type Batch, MailboxBatches } from "../../src/deliver/mailbox-batches.ts";

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
