/**
 * What loading its program leaves behind is not kept by the launcher, which has little to do for as long as the host runs. (With what
 * was compiled once and never again it took 30 MiB of its own, without it 18.)
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { startHost } from "../harness/host.ts";

/** Most that it may take of its own (MiB). */
const BOUND = 26;

test("the launcher of a host that has just started is small", async (t) => {
  const host = await startHost(t);
  const own = () => {
    const rollup = readFileSync(`/proc/${host.pid("mailhost")}/smaps_rollup`, "latin1");
    return Number(/^Anonymous:\s+(\d+) kB$/m.exec(rollup)?.[1]) / 1024;
  };
  assert.ok(own() > 1);
  await eventually(() => own() <= BOUND, {
    within: 15_000,
    what: () => `at most ${BOUND} MiB: ${own()}`,
  });
});
