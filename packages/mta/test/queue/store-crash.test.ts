import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { queuePaths } from "../../src/queue/environment.ts";
import { openQueue } from "../../src/queue/lmdb-store.ts";
import { listLog, readBody, temporarySite } from "./queue-samples.ts";

const WRITER = fileURLToPath(new URL("crash-writer.ts", import.meta.url));

test("every message acknowledged before a kill -9 is in the queue after it", async (t) => {
  const site = await temporarySite(t);
  const acknowledged = new Map<string, number>();
  for (const wanted of [1, 150, 400]) {
    const child = spawn(
      process.execPath,
      [...process.execArgv.filter((a) => a !== "--test"), WRITER, site.root],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    let text = "";
    let seen = 0;
    for await (const piece of child.stdout) {
      text += String(piece);
      seen += String(piece).split("\n").length - 1;
      if (seen >= wanted) child.kill("SIGKILL");
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    assert.equal(child.signalCode, "SIGKILL");
    // A line that was cut off by the kill was not read by anybody.
    for (const line of text.split("\n").slice(0, -1)) {
      const [id, size] = line.split(" ");
      acknowledged.set(id!, Number(size));
    }
    const { store } = await openQueue(site, { clock: new ManualClock(Date.now()), log: listLog() });
    for (const [id, size] of acknowledged) {
      const entry = store.get(id);
      assert.ok(entry, `${id} was acknowledged and is gone`);
      assert.equal(await store.bodyFault(entry), undefined);
      assert.equal((await readBody(store.body(entry))).length, size);
    }
    const ids = new Set([...store.list()].map((entry) => entry.id));
    assert.deepEqual(
      readdirSync(queuePaths(site).large).filter((id) => !ids.has(id)),
      [],
    );
    assert.equal(store.due(Date.now() + 1e6, 1e6).length, ids.size);
    await store.close();
  }
  assert.ok(acknowledged.size > 500);
});
