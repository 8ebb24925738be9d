/** A running host goes by a changed table at once; a broken one is named in the log and the last good one stays in force. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { ARTICLE_FILES, OUTSIDE, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

test("a rebuilt table is seen at once, by a session that is open too", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const client = await openSmtp(host.smtp, { from: OUTSIDE });
  const rcpt = async (to: string) => {
    await client.command("MAIL FROM:<a@example.net>");
    const reply = await client.command(`RCPT TO:<${to}>`);
    await client.command("RSET");
    return reply.code;
  };
  assert.equal(await rcpt("x@example.com"), 550);
  host.write("etc/mail/access", `${ARTICLE_FILES["etc/mail/access"]}127.0.0.9 RELAY\n`);
  assert.equal(await rcpt("x@example.com"), 250, "text");
  host.write("etc/mail/access.src", "127.0.0.1 RELAY\n");
  const made = await host.command(
    "makemap",
    ["hash", host.path("etc/mail/access.db")],
    host.read("etc/mail/access.src"),
  );
  assert.equal(made.code, 0, made.stderr);
  assert.equal(await rcpt("x@example.com"), 550, "the compiled table rules");

  assert.equal(await rcpt("boss@linuxaid.com.cn"), 550);
  host.write("etc/mail/aliases", `${ARTICLE_FILES["etc/mail/aliases"]}boss: wang\n`);
  const built = await host.command("newaliases", []);
  assert.equal(built.code, 0, built.stderr);
  assert.equal(await rcpt("boss@linuxaid.com.cn"), 250, "aliases");

  assert.equal(await rcpt("wang@linuxaid.net"), 550);
  host.write("etc/mail/local-host-names", "linuxaid.com.cn.\nmail.linuxaid.com.cn.\nlinuxaid.net\n");
  assert.equal(await rcpt("wang@linuxaid.net"), 250, "local-host-names");
  await client.quit();
});

test("a broken table is named with file, line and reason, and the last good one stays in force", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const send = (to: string) =>
    sendMail(host.smtp, { from: "a@example.net", to }, mailText("x"), { from: OUTSIDE });
  assert.equal((await send("postmaster@linuxaid.com.cn")).code, 250);
  host.write("etc/mail/aliases", "postmaster: wang\nthis line has no colon at all\n");
  assert.equal((await send("daemon@linuxaid.com.cn")).code, 250, "daemon is in the last good table only");
  await host.logged(/etc\/mail\/aliases:2: /);
  await host.arrived("root", 2);
  const built = await host.command("newaliases", []);
  assert.notEqual(built.code, 0);
  assert.match(`${built.stdout}${built.stderr}`, /aliases: line 2: /);

  host.write("etc/mail/access", "127.0.0.9\n");
  assert.equal((await send("x@example.com")).code, 550);
  await host.logged(/etc\/mail\/access:1: /);
  host.write("etc/mail/access", "127.0.0.9 RELAY\n");
  await eventually(async () => (await send("x@example.com")).code === 250, { what: "the mended table" });
});
