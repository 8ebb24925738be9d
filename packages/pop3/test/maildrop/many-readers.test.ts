/** What is shared by all processes of a site has room for a popper of inetd's for each of many connections. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { openProgressStore, progressFile } from "../../src/bulletins/progress-store.ts";
import { INDEX_READERS, indexFile, openIndexStore } from "../../src/maildrop/index-store.ts";
import { memoryLog, temporarySite } from "../harness/server.ts";

/** Octets of LMDB's lock file that a reader takes. */
const SLOT = 64;

test("index and bulletins can be read by 960 processes at once", async (t) => {
  const site = temporarySite(t);
  const store = openIndexStore(site, { log: memoryLog([]), clock: systemClock });
  const progress = openProgressStore(site);
  t.after(async () => {
    await store.close();
    await progress.close();
  });
  assert.equal(progress.read("wang"), undefined);
  for (const file of [indexFile(site), progressFile(site)]) {
    assert.ok(statSync(`${file}-lock`).size >= INDEX_READERS * SLOT, file);
  }
});
