import assert from "node:assert/strict";
import test from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { openMachineLoad } from "../../src/inbound/machine-load.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

function fixture(free: number) {
  const disk = { free, asked: 0 };
  const clock = new ManualClock();
  const log = { write() {}, async close() {} };
  const settings = parseSettings("queue:\n  minFreeSpace: 100MiB\n", "mailhost.yaml");
  const machine = {
    loadAverage: () => 0,
    freeSpace: async () => {
      disk.asked += 1;
      return disk.free;
    },
  };
  const load = openMachineLoad({ machine, settings: () => settings, queueFolder: "/queue", clock, log });
  return { disk, clock, code: async (size: number) => (await load.diskRefusal(size))?.code };
}

test("far from full the disk is asked a few times a second, however much mail comes", async () => {
  const { disk, clock, code } = fixture(500 * GIB);
  for (let i = 0; i < 1000; i++) assert.equal(await code(10_000), undefined);
  assert.equal(disk.asked, 1);
  await clock.advance(100);
  assert.equal(await code(0), undefined);
  assert.equal(disk.asked, 2);
  await clock.advance(100);
  assert.deepEqual(await Promise.all([1, 2, 3].map((size) => code(size))), [undefined, undefined, undefined]);
  assert.equal(disk.asked, 3);
});

test("near full it is asked for each message, and nothing is taken that has no room", async () => {
  const { disk, code } = fixture(1 * GIB);
  for (let i = 0; i < 10; i++) assert.equal(await code(10_000), undefined);
  assert.equal(disk.asked, 10);
  disk.free = 99 * MIB;
  assert.equal(await code(0), 452);
  disk.free = 500 * GIB;
  assert.equal(await code(0), undefined);
});

test("what is announced counts before it is written", async () => {
  const { disk, code } = fixture(5 * GIB);
  assert.equal(await code(1 * GIB), undefined);
  assert.equal(await code(1 * GIB), undefined);
  assert.equal(disk.asked, 1);
  // Three of them are left, and a fourth would leave little: the disk is asked again.
  assert.equal(await code(2 * GIB), undefined);
  assert.equal(disk.asked, 2);
});
