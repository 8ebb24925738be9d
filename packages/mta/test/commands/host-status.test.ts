import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { silentLog } from "@mailhost/common/log/log";
import { hostLines, printHostStatus, purgeHostStatus } from "../../src/commands/host-status.ts";
import { openHostStatus } from "../../src/deliver/host-status.ts";
import { openQueue } from "../../src/queue/open-queue.ts";
import { makeSite, removeSite } from "./site-fixture.ts";

const REPLY = { code: 451, enhanced: "4.4.1", text: "Connection refused by mx.far.example." };

test("a host's line is hoststat's: name, time since the last call, result cut at 25 letters", () => {
  const key = "10 mail.far.example:25, 20 [192.0.2.1]:25, 30 mx.far.example:2525";
  const host = { key, failures: 2, until: 1_000_000_000 + 120_000, reply: REPLY };
  assert.deepEqual(hostLines(host, 60_000, 1_000_000_000 + 1000, false), [
    " mail.far.example                            00:00:01 Deferred: Connection refu",
    " 192.0.2.1                                   00:00:01 Deferred: Connection refu",
    " mx.far.example:2525                         00:00:01 Deferred: Connection refu",
  ]);
  const [line] = hostLines(host, 60_000, 1_000_000_000, true);
  assert.match(line!, / Deferred: Connection refused by mx\.far\.example\.$/);
});

test("purgestat forgets them all", async (t) => {
  const site = makeSite();
  t.after(() => removeSite(site));
  const lines: string[] = [];
  const show = () => printHostStatus(site, { verbose: false, json: false }, (line) => void lines.push(line));
  assert.equal(await show(), 0);
  assert.deepEqual(lines, []);
  const { store, hosts } = await openQueue(site, { clock: systemClock, log: silentLog });
  await openHostStatus(hosts, { interval: 60_000, clock: systemClock }).failed("far.example", REPLY);
  await store.close();
  await show();
  assert.equal(lines.length, 2);
  assert.equal(lines[0], " -------------- Hostname --------------- How long ago ---------Results---------");
  assert.equal(await purgeHostStatus(site), 0);
  lines.length = 0;
  await show();
  assert.deepEqual(lines, []);
});
