/** Everything that is delivered on this host: what goes wrong with one recipient is that one's alone. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { parseSettings } from "@mailhost/common/settings/load";
import { createHereMailer } from "../../src/deliver/here-mailer.ts";
import type { QueueRecipient } from "../../src/queue/queue-entry.ts";
import { bodyOf, entryOf, listLog, local, temporarySite } from "../queue/queue-samples.ts";

async function rig(t: TestContext, yaml = "") {
  const site = await temporarySite(t);
  mkdirSync(site.spoolDir, { recursive: true });
  const log = listLog();
  const settings = parseSettings(`hostname: here.example\n${yaml}`, "mailhost.yaml");
  const mailer = createHereMailer({
    settings,
    site,
    accounts: { lookUp: (name) => Promise.resolve({ name, source: "file" }) },
    lockTimeout: 0,
    clock: systemClock,
    log,
  });
  t.after(() => mailer.close());
  const deliver = async (...recipients: QueueRecipient[]) => {
    const body = bodyOf("Subject: x\r\n\r\nhello\r\n");
    const entry = entryOf({ recipients, size: body.size });
    const outcomes = await mailer.deliver({ entry, body, recipients, forced: false });
    return outcomes.map(({ kind, reply }) => `${kind} ${reply.enhanced}`);
  };
  return { site, log, deliver };
}

const program: QueueRecipient = {
  address: "list@here.example",
  target: { kind: "program", command: "true", as: { name: "list" } },
  state: "pending",
};
const file: QueueRecipient = {
  address: "list@here.example",
  target: { kind: "file", path: "/nowhere/file", as: { name: "list" } },
  state: "pending",
};

test("users that cannot be looked up hold back programs and files; a mailbox beside them is recorded as delivered", async (t) => {
  const { site, log, deliver } = await rig(t);
  // Reading it fails, as it does on a disk with a bad block.
  mkdirSync(join(site.root, "etc/passwd"), { recursive: true });
  assert.deepEqual(await deliver(program, local("bob@here.example"), file), [
    "deferred 4.3.0",
    "delivered 2.0.0",
    "deferred 4.3.0",
  ]);
  assert.match(readFileSync(join(site.spoolDir, "bob"), "utf8"), /\nhello\n/);
  assert.equal(log.lines.filter((line) => line.includes("SYSERR(local)")).length, 2);
});

test("a procmail that cannot be looked at defers its own mailboxes only", async (t) => {
  const { deliver } = await rig(
    t,
    'local: {mailer: procmail, procmailCommand: "/etc/passwd/procmail -d $u"}\n',
  );
  const [bob, error] = await deliver(local("bob@here.example"), {
    address: "x@here.example",
    target: { kind: "error", reply: { code: 550, enhanced: "5.1.1", text: "no" } },
    state: "pending",
  });
  assert.match(bob!, /^deferred/);
  assert.equal(error, "failed 5.1.1");
});
