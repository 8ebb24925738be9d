/** `mailhost mailbox` against a host that runs: what QUIT removed is listed, comes back, and goes with its account. */
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("an administrator brings back what a user deleted", async (t) => {
  const host = await startHost(t, { users: ["wang", "li"], settings: { pop3: { keepRemoved: "7d" } } });
  const envelope = { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
  for (const subject of ["first", "second", "third"])
    assert.equal(
      (await sendMail(host.smtp, envelope, mailText(subject, `body of ${subject}\r\n`))).code,
      250,
    );
  await eventually(() => (host.mailbox("wang").length === 3 ? true : undefined), {
    within: 30_000,
    what: "three messages",
  });

  const nobody = await host.mailhost(["mailbox", "removed", "nobody"]);
  assert.equal(nobody.code, 67);
  assert.match(nobody.stderr, /^mailhost: no user nobody, and nothing is kept of one/);
  const nothing = await host.mailhost(["mailbox", "removed", "wang"]);
  assert.deepEqual([nothing.code, nothing.stdout], [0, ""]);
  assert.match(nothing.stderr, /nothing that wang removed is kept/);

  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const first = (await session.retrieve(1)).toString("latin1");
  for (const number of [1, 3]) await session.command(`DELE ${number}`);
  assert.match(await session.quit(), /^\+OK/);
  assert.equal(host.mailbox("wang").length, 1);

  const listed = await host.mailhost(["mailbox", "removed", "wang", "--json"]);
  const rows = JSON.parse(listed.stdout) as { uid: string; subject: string; octets: number }[];
  assert.deepEqual(
    rows.map(({ subject }) => subject),
    ["first", "third"],
  );
  assert.equal(rows[0]!.octets, first.length);
  const lines = (await host.mailhost(["mailbox", "removed", "wang"])).stdout.trimEnd().split("\n");
  assert.deepEqual(
    lines.map((line) => line.split("\t").slice(1, 3)),
    rows.map(({ uid, octets }) => [uid, String(octets)]),
  );

  const open = await loggedIn(host.pop3, "wang", PASSWORD);
  const busy = await host.mailhost(["mailbox", "restore", "wang"]);
  assert.equal(busy.code, 75);
  assert.match(busy.stderr, /has a POP3 session; try again after it/);
  await open.quit();

  const one = await host.mailhost(["mailbox", "restore", "wang", "--uid", rows[0]!.uid]);
  assert.deepEqual([one.code, one.stdout], [0, "restored 1 message of wang\n"]);
  const unknown = await host.mailhost(["mailbox", "restore", "wang", "--uid", "nonesuch"]);
  assert.equal(unknown.code, 65);
  assert.match(unknown.stderr, /nonesuch: no such message/);
  assert.equal((await host.mailhost(["mailbox", "restore", "wang", "--since", "yesterday week"])).code, 64);
  const late = await host.mailhost(["mailbox", "restore", "wang", "--since", "2099-01-01"]);
  assert.equal(late.stdout, "restored 0 messages of wang\n");
  const rest = await host.mailhost(["mailbox", "restore", "wang", "--json"]);
  assert.deepEqual(JSON.parse(rest.stdout), { restored: 1, present: 1, unknown: [] });

  // The daemons, root no longer, go on with what the command made.
  const again = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await again.count(), 3);
  assert.equal((await again.retrieve(2)).toString("latin1"), first, "octet for octet");
  await again.command("DELE 2");
  assert.match(await again.quit(), /^\+OK/);
  assert.equal((await sendMail(host.smtp, envelope, mailText("fourth", "more\r\n"))).code, 250);
  await eventually(() => (host.mailbox("wang").length === 3 ? true : undefined), {
    within: 30_000,
    what: "the fourth message",
  });

  const removed = host.path("var/lib/mailhost/removed/wang");
  assert.equal(statSync(removed).isDirectory(), true);
  const kept = await host.mailhost(["user", "remove", "wang"]);
  assert.match(kept.stdout, /its mail stays, and whoever gets the name next has it:\n/);
  assert.match(kept.stdout, /removed\/wang, what QUIT removed/);
  assert.ok(existsSync(removed));
  const purged = await host.mailhost(["user", "remove", "wang", "--purge"]);
  assert.equal(purged.code, 0, purged.stderr);
  assert.equal(existsSync(removed), false);
  assert.equal(existsSync(host.path("var/spool/mail/wang")), false);
});
