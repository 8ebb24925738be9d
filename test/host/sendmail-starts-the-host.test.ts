/** The host started as Sendmail was: `sendmail -bd -q20m`. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { cleanUpLater } from "../harness/clean-ups.ts";
import { eventually } from "../harness/eventually.ts";
import { prepareSite } from "../harness/host.ts";
import { isMailhost } from "../harness/host-process.ts";

/** Ends the host that a command left in the background. */
async function end(pidFile: string): Promise<void> {
  const pid = Number.parseInt(readFileSync(pidFile, "utf8"), 10);
  process.kill(pid, "SIGTERM");
  await eventually(() => !isMailhost(pid), { within: 20_000, what: "the end of the host" });
}

test("-bd comes back when the host is there; a second one says that it is", async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  const started = await site.command("sendmail", ["-bd", "-q20m"]);
  cleanUpLater(t, () => end(site.path("run/mailhost.pid")).catch(() => undefined));
  assert.deepEqual([started.code, started.stderr], [0, ""]);
  await eventually(() => /starting daemon \([^)]*\): SMTP\+queueing@00:20:00/.test(site.log()), {
    what: () => `the line of the start; the log is\n${site.log()}`,
  });
  assert.equal((await site.command("sendmail", ["wang"], "Subject: x\n\nx\n")).code, 0);
  await site.arrived("wang");
  const again = await site.command("sendmail", ["-bd"]);
  assert.notEqual(again.code, 0);
  assert.match(again.stderr, /runs already|already running/);
  // The queue runner of submit.cf, which start-up scripts start too, has nothing to do beside it.
  assert.equal((await site.command("sendmail", ["-Ac", "-q30m"])).code, 0);
  assert.equal((await site.command("sendmail", ["-q"])).code, 0);
  await end(site.path("run/mailhost.pid"));
});

test("-bd with faulty settings says what is wrong and ends", async (t) => {
  const site = await prepareSite(t, { files: { "etc/mail/mailhost.yaml": "hostnam: x\n" } });
  const started = await site.command("sendmail", ["-bd"]);
  assert.equal(started.code, 78);
  assert.match(started.stderr, /mailhost\.yaml:1: hostnam: unknown setting/);
});

test("-q1s alone delivers what waits and opens no port", async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  assert.equal((await site.command("sendmail", ["wang"], "Subject: x\n\nx\n")).code, 0);
  assert.equal((await site.command("sendmail", ["-q1s"])).code, 0);
  cleanUpLater(t, () => end(site.path("run/mailhost.pid")).catch(() => undefined));
  await site.arrived("wang");
  assert.match(site.log(), /mailhost ready *$/m);
  await end(site.path("run/mailhost.pid"));
});

test("-q where no daemon runs delivers what waits, opens no port, and leaves nobody behind", async (t) => {
  const site = await prepareSite(t, { users: ["wang"], zone: { "far.example": { a: ["127.0.0.73"] } } });
  cleanUpLater(t, () => end(site.path("run/mailhost.pid")).catch(() => undefined));
  assert.equal((await site.command("sendmail", ["wang"], "Subject: x\n\nx\n")).code, 0);
  assert.equal((await site.command("sendmail", ["a@far.example"], "Subject: y\n\nx\n")).code, 0);
  const ran = await site.command("sendmail", ["-q"]);
  assert.deepEqual([ran.code, ran.stderr], [0, ""]);
  assert.equal(site.mailbox("wang").length, 1);
  const listed = await site.command("mailq", []);
  assert.match(listed.stdout, /Deferred: /);
  assert.match(site.log(), /mailhost ready *$/m);
  assert.equal(existsSync(site.path("run/mailhost.sock")), false);
  await eventually(
    () => !existsSync(site.path("run/mailhost.pid")) || !isMailhostIn(site.path("run/mailhost.pid")),
    {
      what: "the end of the host",
    },
  );
});

function isMailhostIn(pidFile: string): boolean {
  return isMailhost(Number.parseInt(readFileSync(pidFile, "utf8"), 10));
}
