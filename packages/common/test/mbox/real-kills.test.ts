import assert from "node:assert/strict";
import { test } from "node:test";
import { killForAWhile } from "./churn.ts";
import { temporarySite } from "./mailbox-fixture.ts";

test("processes killed at random moments leave what they acknowledged, and nothing half done", async (t) => {
  const site = temporarySite(t);
  const { kills, changes, within } = await killForAWhile(site, "user", 15, 1);
  t.diagnostic(`${kills} kills, ${within} of them within a change, ${changes} changes`);
  // However slow the machine is.
  assert.ok(kills >= 2 && changes >= 3);
});
