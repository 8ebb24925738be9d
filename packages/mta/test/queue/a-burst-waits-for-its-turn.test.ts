/** A burst for one destination that takes only some connections: what waits is in the acceptance journal alone. */
import assert from "node:assert/strict";
import test from "node:test";
import type { Mailer } from "../../src/deliver/mailer.ts";
import { startRunner } from "../../src/queue/runner.ts";
import { daemonQueue, START } from "./daemon-queue.ts";
import { HEADER, listLog, local, message, remote, settingsWith } from "./queue-samples.ts";

const BURST = 500;

for (const [what, recipient] of [
  ["relayed", remote("a@far.example")],
  ["delivered to one mailbox", local("wang")],
] as const) {
  test(`a burst that is ${what} goes on without a pause`, async (t) => {
    const { store, clock, passing } = await daemonQueue(t);
    let delivered = 0;
    const waiting: (() => void)[] = [];
    let isStuck = true;
    const mailer: Mailer = {
      name: "slow",
      async deliver({ recipients }) {
        if (isStuck) await new Promise<void>((resolve) => waiting.push(resolve));
        delivered++;
        return recipients.map(() => ({
          kind: "delivered",
          relay: "mx.",
          reply: { code: 250, enhanced: "2.0.0", text: "ok" },
          dsnRelayed: false,
        }));
      },
      close: () => Promise.resolve(),
    };
    const runner = startRunner({
      store,
      local: mailer,
      remote: mailer,
      settings: settingsWith("queue: {interval: 20m, warnAfter: 4h, returnAfter: 5d}"),
      clock,
      log: listLog(),
      hostname: "mail.here.example",
    });
    const goOn = () => {
      isStuck = false;
      for (const done of waiting.splice(0)) done();
    };
    t.after(() => {
      goOn();
      return passing(runner.stop());
    });
    const accepted = Array.from({ length: BURST }, async () => {
      const writer = store.receive();
      await writer.write(Buffer.from(HEADER));
      runner.submitted(await writer.commit(message({ recipients: [recipient] })));
    });
    await passing(Promise.all(accepted));
    assert.ok(waiting.length < BURST / 2, "most of them wait for their turn");
    goOn();
    const all = async () => {
      while (delivered < BURST) await new Promise(setImmediate);
    };
    await passing(all());
    assert.ok(clock.now() - START < 2500, `after ${clock.now() - START} ms`);
  });
}
