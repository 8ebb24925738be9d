// time limit: 240 s
import assert from "node:assert/strict";
import { test } from "node:test";
import { startHost } from "../harness/host.ts";
import { needs } from "../harness/programs.ts";
import { failingCalls } from "./failing-calls.ts";
import { type FailingCall, nameOf, withFailingCall } from "./failing-host.ts";

/** Others each day; `npm run test:crash -- calls` takes all. */
const DAY = Math.floor(Date.now() / 86_400_000);
const SAMPLE = 7;

test("a system call fails: nothing is lost, 4xx, and service resumes", {
  timeout: 230_000,
  ...needs("strace"),
}, async (t) => {
  const host = await startHost(t, { users: ["wang", "li"], settings: { queue: { interval: "500ms" } } });
  const all = failingCalls();
  const step = Math.floor(all.length / SAMPLE);
  const some: FailingCall[] = Array.from({ length: SAMPLE }, (_, n) => all[(n * step + DAY) % all.length]!);
  let refused = 0;
  for (const failing of some) {
    const outcome = await withFailingCall(host, failing);
    refused += outcome.refused.length;
    if (outcome.refused.length > 0) t.diagnostic(`${nameOf(failing)}: ${outcome.refused.join("; ")}`);
  }
  assert.ok(host.alive("mta") && host.alive("pop3"));
  t.diagnostic(`${some.length} of ${all.length} failing calls, ${refused} messages refused for a while`);
});
