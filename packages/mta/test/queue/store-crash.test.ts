import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { queuePaths } from "../../src/queue/environment.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import { listLog, readBody, temporarySite } from "./queue-samples.ts";

const WRITER = fileURLToPath(new URL("crash-writer.ts", import.meta.url));

for (const as of ["daemon", "command"]) {
  test(`every message acknowledged before a kill -9 is in the queue after it, by a ${as}`, async (t) => {
    const site = await temporarySite(t);
    const acknowledged = new Map<string, number>();
    const gone = new Set<string>();
    for (const wanted of [1, 150, 400, 800]) {
      const child = spawn(
        process.execPath,
        [...process.execArgv.filter((a) => a !== "--test"), WRITER, site.root, as],
        { stdio: ["ignore", "pipe", "inherit"] },
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
        if (id!.startsWith("-")) gone.add(id!.slice(1));
        else acknowledged.set(id!, Number(size));
      }
      // Whoever opens it next takes in what was accepted: a daemon, or a command.
      const { store } = await openQueue(site, {
        clock: new ManualClock(Date.now()),
        log: listLog(),
        daemon: wanted === 150,
      });
      for (const [id, size] of acknowledged) {
        const entry = store.get(id);
        assert.ok(entry, `${id} was acknowledged and is gone`);
        assert.equal(store.bodyFault(entry), undefined);
        assert.equal((await readBody(store.body(entry))).length, size);
      }
      for (const id of gone) assert.ok(!store.isThere(id), `${id} was done with and is back`);
      const ids = new Set([...store.list()].map((entry) => entry.id));
      assert.deepEqual(
        readdirSync(queuePaths(site).large).filter((id) => !ids.has(id)),
        [],
      );
      assert.equal(store.due(Date.now() + 1e6, 1e6).length, ids.size);
      await store.close();
    }
    assert.ok(acknowledged.size > 500 && gone.size > 20, `${acknowledged.size} and ${gone.size}`);
  });
}
