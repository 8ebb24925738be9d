/** Which recipients are refused at RCPT for want of room. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSettings } from "@mailhost/common/settings/load";
import type { SiteTables } from "@mailhost/common/tables/site-tables";
import { roomFault } from "../../src/inbound/mailbox-room.ts";
import { formatReply } from "../../src/policy/reply.ts";
import type { Target } from "../../src/queue/queue-entry.ts";

const SIZES: Readonly<Record<string, number>> = { full: 100, over: 150, roomy: 40, "full@a.test": 100 };

async function ask(
  names: readonly string[],
  size = 0,
  yaml = "",
  faults: Error[] = [],
): Promise<string | undefined> {
  const settings = parseSettings(
    `hostname: mail.test\n${yaml.includes("quota:") ? "" : "quota: {mailbox: 100}\n"}${yaml}`,
    "mailhost.yaml",
  );
  const targets = names.map(
    (name): Target =>
      name.includes("remote") ? { kind: "remote", domain: "far.test" } : { kind: "mailbox", name },
  );
  const reply = await roomFault(
    {
      settings: () => settings,
      tables: {
        quotas: {
          file: "",
          get: (key: string) => (key === "free" ? "0" : undefined),
          entries: () => [],
          faults: () => faults,
        },
      } as unknown as SiteTables,
      mailboxSize: (name) => Promise.resolve(SIZES[name] ?? 1_000_000),
    },
    {
      address: "x@y.test",
      resolved: targets.map((target) => ({ address: "x@y.test", target })),
      announcedSize: size,
    },
  );
  return reply === undefined ? undefined : formatReply(reply);
}

const FULL = "452 4.2.2 <x@y.test>... Mailbox full";

test("a mailbox at its limit or above it", async () => {
  assert.equal(await ask(["full"]), FULL);
  assert.equal(await ask(["over"]), FULL);
  assert.equal(await ask(["full@a.test"]), FULL);
  assert.equal(await ask(["roomy"]), undefined);
});

test("the announced size counts, to the octet", async () => {
  assert.equal(await ask(["roomy"], 60), undefined);
  assert.equal(await ask(["roomy"], 61), FULL);
  assert.equal(
    await ask(["roomy"], 101),
    "552 5.2.3 <x@y.test>... Message is larger than the mailbox may be (100)",
  );
});

test("anybody with room, a limit of none, or another place takes the message", async () => {
  assert.equal(await ask(["full", "over"]), FULL);
  assert.equal(await ask(["full", "roomy"]), undefined);
  assert.equal(await ask(["full", "free"]), undefined);
  assert.equal(await ask(["remote", "full"]), undefined);
  assert.equal(await ask([]), undefined);
});

test("what another mailer writes is not ours to limit", async () => {
  assert.equal(await ask(["full"], 0, "local: {mailer: procmail}\n"), undefined);
});

test("while the table has a fault, nobody is sent away for good", async () => {
  const bounce = "quota: {mailbox: 100, action: bounce}\n";
  const fault = [new Error("quotas:1: free: expected none or a size")];
  assert.match((await ask(["full"], 0, bounce))!, /^552 5\.2\.2 /);
  assert.equal(await ask(["full"], 0, bounce, fault), FULL);
  assert.equal(await ask(["roomy"], 101, "", fault), FULL);
});
