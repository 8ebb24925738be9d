/** Whatever changes the queue's tables waits while another process opens them: its commit would be lost (common lmdb/gate.ts). */
import assert from "node:assert/strict";
import { test } from "node:test";
import { whileItIsOpened } from "@mailhost/common/testing/held-gate";
import { queuePaths } from "../../src/queue/environment.ts";
import { dueRowsOf } from "../../src/queue/queue-store.ts";
import { enqueue, local, message, temporaryQueue } from "./queue-samples.ts";

test("each change of a queue waits", async (t) => {
  const { store, hosts, site, clock } = await temporaryQueue(t);
  const path = queuePaths(site).environment;
  const waits = <T>(act: () => Promise<T>) => whileItIsOpened(path, act);
  const first = await waits(() => enqueue(store));
  const second = await waits(() => enqueue(store, { drop: "drop1" }));
  assert.deepEqual(store.queuedDrops(), ["drop1"]);
  await waits(() => store.forgetDrop("drop1"));
  assert.deepEqual(store.queuedDrops(), []);
  assert.ok(await waits(() => store.hold(first.id, "wait")));
  assert.ok(await waits(() => store.release(first.id, clock.now())));
  assert.ok(await waits(() => store.quarantine(first.id, "odd")));
  assert.equal(await waits(() => store.forceAll(clock.now())), 1);
  const [report] = await waits(() =>
    store.change({
      update: [{ ...second, attempts: 1 }],
      add: [{ message: message({ sender: "" }), body: Buffer.from("x") }],
    }),
  );
  assert.equal(store.get(second.id)?.attempts, 1);
  assert.ok(await waits(() => store.discard(report!.id)));
  assert.ok(await waits(() => store.discard(second.id)));
  const delivered = await waits(() => enqueue(store, { recipients: [local("bob@here.example")] }));
  const [row] = dueRowsOf(delivered);
  await waits(() => store.change({ remove: [delivered.id], known: { row: row!, size: delivered.size } }));
  assert.deepEqual(
    [...store.list()].map(({ id }) => id),
    [first.id],
  );
  await waits(() => hosts.put("far.example", { failures: 1 }));
  assert.deepEqual(hosts.get("far.example"), { failures: 1 });
  await waits(() => hosts.remove("far.example"));
  assert.equal(hosts.get("far.example"), undefined);
});

test("a queue is closed when what was asked of it is done", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const entry = await enqueue(store);
  const held = await whileItIsOpened(queuePaths(site).environment, () => {
    const holding = store.hold(entry.id, "wait");
    return Promise.all([holding, store.close()]);
  });
  assert.deepEqual(held, [true, undefined]);
});
