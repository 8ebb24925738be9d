import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { openDracTable } from "@mailhost/common/drac/drac-table";
import type { Site } from "@mailhost/common/site";
import { type TraceArguments, traceCommand } from "../src/trace.ts";
import { makeSite, removeSite } from "./commands/site-fixture.ts";

async function trace(site: Site, args: TraceArguments): Promise<{ code: number; lines: string[] }> {
  const lines: string[] = [];
  const code = await traceCommand(site, args, (line) => void lines.push(line));
  return { code, lines };
}

async function withSite(body: (site: Site) => Promise<void>): Promise<void> {
  const site = makeSite();
  try {
    await body(site);
  } finally {
    removeSite(site);
  }
}

test("the LAN relays by its network's entry", async () => {
  await withSite(async (site) => {
    const { code, lines } = await trace(site, {
      fromIp: "202.99.11.9",
      mailFrom: "joe@linuxaid.com.cn",
      recipient: "x@far.example",
    });
    assert.equal(code, 0);
    assert.ok(lines.includes("  access: 202.99.11 -> RELAY"), lines.join("\n"));
    assert.ok(lines.includes("drac: 202.99.11.9 has not fetched mail lately"));
    assert.ok(lines.includes("recipient <x@far.example>: accepted, access: 202.99.11 RELAY"));
    assert.ok(
      lines.some((l) => l.startsWith("delivery: <x@far.example> deferred: 4")),
      lines.join("\n"),
    );
    assert.equal(lines.at(-1), "verdict: 250 2.1.5 <x@far.example>... Recipient ok");
  });
});

test("whoever has logged in relays, under its own addresses", async () => {
  await withSite(async (site) => {
    const asked = { fromIp: "203.0.113.9", recipient: "x@far.example", auth: "Joe" };
    const own = await trace(site, { ...asked, mailFrom: "joe@linuxaid.com.cn" });
    assert.ok(own.lines.includes("auth: logged in as joe"), own.lines.join("\n"));
    assert.ok(
      own.lines.includes("sender <joe@linuxaid.com.cn>: joe's own, joe at a domain of ours"),
      own.lines.join("\n"),
    );
    assert.ok(own.lines.includes("recipient <x@far.example>: accepted, authenticated as joe"));
    assert.equal(own.lines.at(-1), "verdict: 250 2.1.5 <x@far.example>... Recipient ok");
    const nobody = await trace(site, { ...asked, auth: "nosuch" });
    assert.deepEqual(nobody.lines.slice(-2), [
      "auth: there is no account nosuch",
      "verdict: 535 5.7.0 authentication failed",
    ]);
    const foreign = await trace(site, { ...asked, mailFrom: "someone@far.example" });
    assert.match(
      foreign.lines.at(-1) ?? "",
      /^verdict: 553 5\.7\.1 <someone@far\.example>\.\.\. Sender address is not/,
    );
  });
});

test("an outsider is denied; with a POP login of late it is not", async () => {
  await withSite(async (site) => {
    const denied = await trace(site, { fromIp: "203.0.113.9", recipient: "x@far.example" });
    assert.equal(denied.lines.at(-1), "verdict: 550 5.7.1 <x@far.example>... Relaying denied");
    const drac = openDracTable(site, { lifetime: 60_000, clock: systemClock });
    await drac.record("203.0.113.9", "joe");
    await drac.close();
    const allowed = await trace(site, { fromIp: "203.0.113.9", recipient: "x@far.example" });
    assert.ok(
      allowed.lines.some((l) => /^drac: 203\.0\.113\.9 may relay until \S+ \(user joe\)$/.test(l)),
      allowed.lines.join("\n"),
    );
    assert.equal(allowed.lines.at(-1), "verdict: 250 2.1.5 <x@far.example>... Recipient ok");
  });
});

test("a damaged DRAC table is named, and the rest is traced", async () => {
  await withSite(async (site) => {
    mkdirSync(site.stateDir, { recursive: true });
    writeFileSync(join(site.stateDir, "drac.mdb"), "no table\n".repeat(2000));
    const { lines } = await trace(site, { fromIp: "203.0.113.9", recipient: "x@far.example" });
    assert.match(lines[0]!, /^drac: the table cannot be read: .*drac\.mdb/);
    assert.equal(lines.at(-1), "verdict: 550 5.7.1 <x@far.example>... Relaying denied");
  });
});

test("the alias chain and the mailbox; an unknown user", async () => {
  await withSite(async (site) => {
    const { lines } = await trace(site, {
      fromIp: "203.0.113.9",
      recipient: "MAILER-DAEMON@linuxaid.com.cn",
    });
    assert.deepEqual(
      lines.filter((l) => /^(alias|delivery)/.test(l)),
      [
        "alias: mailer-daemon: postmaster",
        "alias: postmaster: root",
        `delivery: <root@mail.linuxaid.com.cn> to mailbox ${site.spoolDir}/root`,
      ],
    );
    const unknown = await trace(site, { fromIp: "203.0.113.9", recipient: "nobody@linuxaid.com.cn" });
    assert.equal(unknown.lines.at(-1), "verdict: 550 5.1.1 <nobody@linuxaid.com.cn>... User unknown");
  });
});

test("a full mailbox is named", async () => {
  await withSite(async (site) => {
    writeFileSync(join(site.etcMail, "quotas"), "root 10\n");
    mkdirSync(site.spoolDir, { recursive: true });
    writeFileSync(join(site.spoolDir, "root"), "0123456789");
    const { lines } = await trace(site, { fromIp: "203.0.113.9", recipient: "root@linuxaid.com.cn" });
    assert.deepEqual(lines.slice(-3), [
      "quota: there is no room (mailhost mailbox usage)",
      `delivery: <root@linuxaid.com.cn> to mailbox ${site.spoolDir}/root`,
      "verdict: 452 4.2.2 <root@linuxaid.com.cn>... Mailbox full",
    ]);
  });
});

test("--json, and an address that is none", async () => {
  await withSite(async (site) => {
    const { lines } = await trace(site, {
      fromIp: "127.0.0.1",
      recipient: "joe@linuxaid.com.cn",
      json: true,
    });
    const report = JSON.parse(lines[0]!) as { accepted: boolean; reply: string; steps: { step: string }[] };
    assert.equal(report.accepted, true);
    assert.equal(report.reply, "250 2.1.5 <joe@linuxaid.com.cn>... Recipient ok");
    assert.ok(report.steps.some((s) => s.step === "delivery"));
    await assert.rejects(trace(site, { fromIp: "1.2.3", recipient: "x@y" }), {
      exitCode: 64,
      message: "1.2.3: not an IP address",
    });
    await assert.rejects(trace(site, { fromIp: "127.0.0.1", recipient: "x@@" }), { exitCode: 64 });
  });
});

test("held mail, checks put off to RCPT, and an open relay is said to be one", async () => {
  const base =
    'hostname: mail.linuxaid.com.cn\naccounts: [file]\ndns: {servers: ["127.0.0.1:9"], timeout: 50ms}\n';
  const access = "From:odd.example\tQUARANTINE:odd\n203.0.113\tREJECT\nSpam:joe@\tFRIEND\n";
  const site = makeSite({
    "mailhost.yaml": `${base}policy: {delayChecks: friend, promiscuousRelay: true}\n`,
    access,
  });
  try {
    const from = { fromIp: "203.0.113.9", mailFrom: "a@odd.example" };
    const spared = await trace(site, { ...from, recipient: "joe@linuxaid.com.cn" });
    assert.match(spared.lines[0]!, /^warning: OPEN RELAY: policy\.promiscuousRelay/);
    assert.ok(spared.lines.includes("connect: judged with the recipient, delayChecks is on"));
    assert.ok(spared.lines.includes("  access: spam:joe@ -> FRIEND"), spared.lines.join("\n"));
    assert.equal(spared.lines.at(-1), "verdict: 250 2.1.5 <joe@linuxaid.com.cn>... Recipient ok");
    const held = await trace(site, { ...from, recipient: "root@linuxaid.com.cn", json: true });
    const { steps, accepted } = JSON.parse(held.lines[0]!) as {
      accepted: boolean;
      steps: { step: string; outcome: string; lookups?: { key: string; value: string | null }[] }[];
    };
    assert.equal(accepted, true);
    assert.ok(
      steps.some((s) => s.outcome === "not before it is released from quarantine: odd"),
      held.lines[0],
    );
    const looked = steps.flatMap((s) => s.lookups ?? []);
    assert.ok(looked.some(({ key, value }) => key === "from:odd.example" && value === "QUARANTINE:odd"));
    const refused = await trace(site, {
      fromIp: "203.0.113.9",
      mailFrom: "b@x.example",
      recipient: "x@y.example",
    });
    assert.equal(refused.lines.at(-1), "verdict: 550 5.7.1 <x@y.example>... Access denied");
  } finally {
    removeSite(site);
  }
});
