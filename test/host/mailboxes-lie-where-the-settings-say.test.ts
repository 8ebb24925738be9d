/** hash-spool and home-dir-mail: deliveries and logins agree on where a mailbox is. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { PASSWORD, prepareSite, startHost, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("a hashed spool is Qpopper's: mail is delivered to w/a/wang and fetched from there", async (t) => {
  const host = await startHost(t, { users: ["wang"], settings: { mailbox: { hashSpool: 2 } } });
  await sendMail(host.smtp, { from: "a@example.net", to: "wang@linuxaid.com.cn" }, mailText("one"));
  const mbox = host.path("var/spool/mail/w/a/wang");
  await eventually(() => existsSync(mbox) && readFileSync(mbox, "latin1").includes("one"), { what: mbox });
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await session.count(), 1);
  await session.quit();
  assert.equal(existsSync(host.path("var/spool/mail/wang")), false);
});

test("a mailbox in a home is delivered to and emptied there", async (t) => {
  const home = "home/wang";
  const site = await prepareSite(t, {
    users: ["wang", "li"],
    settings: { mailbox: { homeFile: "Mailbox" } },
  });
  mkdirSync(site.path(home), { recursive: true });
  site.write("etc/passwd", `wang:x:${process.getuid?.() ?? 0}:0::${site.path(home)}:/bin/sh\n`);
  const host = await startOn(t, site);
  for (const to of ["wang", "li"]) {
    await sendMail(host.smtp, { from: "a@example.net", to: `${to}@linuxaid.com.cn` }, mailText(to));
  }
  const mbox = host.path(`${home}/Mailbox`);
  await eventually(() => existsSync(mbox) && readFileSync(mbox, "latin1").includes("wang"), { what: mbox });
  // An account of etc/mail/users alone has no home.
  await host.arrived("li");
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await session.count(), 1);
  assert.match(await session.command("DELE 1"), /^\+OK/);
  await session.quit();
  assert.equal(readFileSync(mbox, "latin1"), "");
});
