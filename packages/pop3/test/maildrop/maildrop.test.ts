/** How a session lets go of its mailbox. */
import assert from "node:assert/strict";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { Maildrop } from "../../src/maildrop/maildrop.ts";
import { temporarySite } from "../harness/server.ts";

test("the session's lock is kept until the index is written, and a disk that fails meanwhile ends nothing", async (t) => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  t.after(() => process.off("unhandledRejection", note));
  const site = temporarySite(t);
  const fault = Object.assign(new Error("EIO: i/o error, close"), { path: join(site.spoolDir, "wang") });
  let finish: () => void = () => undefined;
  const written = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let released = false;
  const drop = new Maildrop({
    paths: mailboxPaths(site, "wang"),
    file: { close: () => Promise.reject(fault) } as FileHandle,
    index: undefined,
    lock: {
      release: async () => {
        released = true;
      },
    },
    written,
  });
  const closing = assert.rejects(drop.close(), fault);
  for (let turn = 0; turn < 20; turn++) await setImmediate();
  assert.equal(released, false);
  assert.deepEqual(unhandled, []);
  finish();
  await closing;
  assert.equal(released, true);
});
