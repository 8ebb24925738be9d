/** The log lines of sessions are Qpopper's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import type { Services } from "../../src/services.ts";
import {
  logDropped,
  logFailedLogin,
  logLogin,
  logStats,
  logTimeout,
  logTiming,
} from "../../src/verbs/session-log.ts";
import { memoryLog } from "../harness/server.ts";

/** Where lines go, for a client with a name. */
function where(settings: string) {
  const lines: string[] = [];
  const { pop3 } = parseSettings(settings, "f");
  const host = { current: "pc1.example.com", settled: Promise.resolve() };
  const client = { ip: "192.0.2.1", hidden: false, secure: false, trusted: false, host };
  return { lines, at: { services: { log: memoryLog(lines) } as unknown as Services, client, options: pop3 } };
}

test("with the client's name, in Qpopper's words", () => {
  const { lines, at } = where("pop3: { timeout: 2m, timing: true }");
  const drop = { deletedCount: 1, deletedOctets: 23, count: 2, octets: 81 };
  logLogin(at, "wang");
  logFailedLogin(at, "li");
  logStats(at, "wang", drop, true);
  logStats(at, "wang", drop, false);
  for (const cause of ["left", "timeout", "hangup"] as const) logDropped(at, "wang", cause);
  logTimeout(at, "wang");
  logTiming(at, "wang", { auth: 1400, init: 600, clean: 0 }, "normal");
  logTiming(at, "wang", { auth: 0, init: 0, clean: 0 }, "error");
  assert.deepEqual(lines, [
    'info (v0.1.0) POP login by user "wang" at (pc1.example.com) 192.0.2.1',
    "warn [AUTH] Failed attempted login to li from host (pc1.example.com) 192.0.2.1",
    "info Stats: wang 1 23 2 81 pc1.example.com 192.0.2.1",
    "info Stats: wang 0 0 3 104 pc1.example.com 192.0.2.1",
    "info wang at pc1.example.com (192.0.2.1): -ERR POP EOF or I/O Error",
    "info wang at pc1.example.com (192.0.2.1): -ERR POP timeout from pc1.example.com",
    "info wang at pc1.example.com (192.0.2.1): -ERR POP hangup from pc1.example.com",
    "info (v0.1.0) Timeout (120 secs) during nw read from wang at pc1.example.com (192.0.2.1)",
    "info (v0.1.0) Timing for wang@pc1.example.com (normal) auth=1 init=1 clean=0",
    "info (v0.1.0) Timing for wang@pc1.example.com (error) auth=0 init=0 clean=0",
  ]);
});

test("log-login's own words; no Stats or Timing line unless wanted", () => {
  const { lines, at } = where("pop3: { logLogin: '%3 %2 %1 %0 %4 %%1', stats: false }");
  logLogin(at, "wang");
  logStats(at, "wang", { deletedCount: 0, deletedOctets: 0, count: 0, octets: 0 }, true);
  logTiming(at, "wang", { auth: 0, init: 0, clean: 0 }, "normal");
  assert.deepEqual(lines, ["info 192.0.2.1 pc1.example.com wang 0.1.0 %4 %wang"]);
});
