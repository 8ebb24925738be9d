/** Features of policy in a host that runs: an open relay that says so everywhere, quarantined mail that waits, a block list in the DNS. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

test("an open relay says so when it starts, when it is reloaded, and to whoever asks", async (t) => {
  const host = await startHost(t, { settings: { policy: { promiscuousRelay: true } } });
  await host.logged(/OPEN RELAY: policy\.promiscuousRelay is on/);
  assert.match(host.output, /OPEN RELAY: policy\.promiscuousRelay is on/);
  host.signal("mailhost", "SIGHUP");
  await eventually(() => host.log().match(/OPEN RELAY/g)?.length === 2, { what: "the second warning" });
  const traced = await host.mailhost(["trace", "--from-ip", "203.0.113.9", "friend@example.com"]);
  assert.match(traced.stdout, /^warning: OPEN RELAY/m);
  const checked = await host.mailhost(["check"]);
  assert.match(checked.stdout, /OPEN RELAY/);
  const c = await openSmtp(host.smtp, { from: "127.0.0.9" });
  assert.equal((await c.command("MAIL FROM:<a@example.net>")).code, 250);
  assert.equal((await c.command("RCPT TO:<friend@example.com>")).code, 250);
  await c.quit();
});

test("quarantined mail waits in the queue and arrives when it is released", async (t) => {
  const host = await startHost(t, {
    users: ["wang"],
    files: { "etc/mail/access": "From:odd.example QUARANTINE:odd sender\n" },
  });
  const to = "wang@linuxaid.com.cn";
  const held = await sendMail(host.smtp, { from: "a@odd.example", to }, mailText("held"), {
    from: "127.0.0.9",
  });
  assert.equal(held.code, 250);
  const free = await sendMail(host.smtp, { from: "a@fine.example", to }, mailText("free"), {
    from: "127.0.0.9",
  });
  assert.equal(free.code, 250);
  assert.equal((await host.arrived("wang")).length, 1);
  const listed = await host.mailhost(["queue", "list"]);
  assert.match(listed.stdout, /odd sender/);
  const id = /^\S+/m.exec(listed.stdout)![0];
  assert.equal((await host.mailhost(["queue", "release", id])).code, 0);
  await host.arrived("wang", 2);
});

test("a client on a block list is refused; access spares whom it names", async (t) => {
  const host = await startHost(t, {
    users: ["wang"],
    settings: { policy: { dnsbl: ["bl.example"] } },
    files: { "etc/mail/access": "127.0.0.8 OK\n" },
    zone: { "9.0.0.127.bl.example": { a: ["127.0.0.2"] }, "8.0.0.127.bl.example": { a: ["127.0.0.2"] } },
  });
  const say = async (ip: string) => {
    const c = await openSmtp(host.smtp, { from: ip });
    const reply = await c.command("MAIL FROM:<a@example.net>");
    await c.quit();
    return `${reply.code} ${reply.text}`;
  };
  assert.equal(await say("127.0.0.9"), "550 5.7.1 Rejected: 127.0.0.9 listed at bl.example");
  assert.match(await say("127.0.0.8"), /^250 /);
  assert.match(await say("127.0.0.7"), /^250 /);
});
