/** Whatever is written to an LMDB file of the POP3 server waits while another process opens that file. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { whileItIsOpened } from "@mailhost/common/testing/held-gate";
import { openProgressStore, progressFile } from "../../src/bulletins/progress-store.ts";
import { indexFile, openIndexStore } from "../../src/maildrop/index-store.ts";
import { refreshIndex } from "../../src/maildrop/refresh.ts";
import { mboxText, memoryLog, temporarySite } from "../harness/server.ts";

test("an index", async (t) => {
  const site = temporarySite(t);
  const logged: string[] = [];
  const store = openIndexStore(site, { log: memoryLog(logged), clock: systemClock });
  t.after(() => store.close());
  const mailbox = join(site.spoolDir, "wang");
  writeFileSync(mailbox, mboxText("Subject: s\n\ntext\n", 0));
  const file = await open(mailbox, "r");
  t.after(() => file.close());
  const { index } = await refreshIndex(file, undefined);
  const path = indexFile(site);
  await whileItIsOpened(path, () => store.write("wang", index, 0));
  assert.equal((await store.read("wang"))?.messages.count, 1);
  await whileItIsOpened(path, () => store.forget("wang"));
  assert.equal(await store.read("wang"), undefined);
  await store.write("wang", index, 0);
  await whileItIsOpened(path, () => store.sweep(() => Promise.resolve(false)));
  assert.equal(await store.read("wang"), undefined);
  assert.deepEqual(logged, []);
});

test("the progress with bulletins", async (t) => {
  const site = temporarySite(t);
  const store = openProgressStore(site);
  t.after(() => store.close());
  await store.write("wang", { last: 1 });
  const path = progressFile(site);
  await whileItIsOpened(path, () => store.write("wang", { last: 2 }));
  assert.deepEqual(store.read("wang"), { last: 2 });
  await whileItIsOpened(path, () => store.forget("wang"));
  assert.equal(store.read("wang"), undefined);
});
