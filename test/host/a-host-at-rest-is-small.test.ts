/**
 * What loading their programs leaves behind is not kept by the processes that have little to do: the launcher, and a pop3 that waits for
 * clients. (With what was compiled once and never again they took 56 MiB, for as long as the host ran; without it 37.)
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { startHost } from "../harness/host.ts";
import type { ProcessName } from "../harness/host-process.ts";

/** Most that both may take of their own (MiB). */
const BOUND = 46;

test("the launcher and pop3 of a host that has just started are small", async (t) => {
  const host = await startHost(t);
  const own = (name: ProcessName) => {
    const rollup = readFileSync(`/proc/${host.pid(name)}/smaps_rollup`, "latin1");
    return Number(/^Anonymous:\s+(\d+) kB$/m.exec(rollup)?.[1]) / 1024;
  };
  assert.ok(own("mailhost") > 1 && own("pop3") > 1);
  await eventually(() => own("mailhost") + own("pop3") <= BOUND, {
    within: 15_000,
    what: () => `${BOUND} MiB for both: ${own("mailhost")} and ${own("pop3")}`,
  });
});
