/** Failed logins that several processes count together. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { LoginPenalties, ownFailures } from "../../src/auth/login-penalties.ts";
import { openSharedFailures } from "../../src/auth/shared-failures.ts";
import { memoryLog, temporarySite } from "../harness/server.ts";

test("what one process saw another knows; a right password forgives for all", (t) => {
  const site = temporarySite(t);
  const clock = new ManualClock();
  const process = () => new LoginPenalties(clock, openSharedFailures(site, memoryLog([]), ownFailures()));
  const [a, b] = [process(), process()];
  assert.deepEqual(
    [a.failed("192.0.2.1", 1), b.failed("192.0.2.1", 1), a.failed("192.0.2.1", 1)],
    [1000, 2000, 4000],
  );
  assert.equal(b.failed("192.0.2.2", 1), 1000);
  b.succeeded("192.0.2.1");
  assert.equal(a.failed("192.0.2.1", 1), 1000);
  const file = join(site.stateDir, "login-failures");
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.ok(!readFileSync(file, "latin1").includes("192.0.2"));
});

test("a file that can not be used is told once, and this process remembers by itself", (t) => {
  const site = temporarySite(t);
  const logged: string[] = [];
  const file = join(site.stateDir, "login-failures");
  mkdirSync(file);
  const penalties = new LoginPenalties(
    new ManualClock(),
    openSharedFailures(site, memoryLog(logged), ownFailures()),
  );
  assert.deepEqual([penalties.failed("a", 1), penalties.failed("a", 1)], [1000, 2000]);
  penalties.succeeded("a");
  assert.equal(penalties.failed("a", 1), 1000);
  assert.equal(logged.length, 1);
  rmSync(file, { recursive: true });
});
