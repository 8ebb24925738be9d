/** The launcher: one daemon's death leaves the other alone, SIGHUP reloads, SIGTERM lets sessions finish. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { OUTSIDE, PASSWORD, prepareSite, startHost, startOn } from "../harness/host.ts";
import { isMailhost } from "../harness/host-process.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

test("the host is ready within five seconds and its processes are told apart by title and pid file", async (t) => {
  const site = await prepareSite(t);
  const began = Date.now();
  const host = await startOn(t, site);
  // Five seconds on a machine that has nothing else to do.
  assert.ok(Date.now() - began < 30_000, `${Date.now() - began} ms`);
  for (const name of ["mta", "pop3"] as const) {
    const ps = readFileSync(`/proc/${host.pid(name)}/cmdline`, "latin1");
    assert.match(ps, new RegExp(`^mailhost: ${name}`));
  }
});

test("the death of one daemon leaves the other alone, and it is back within ten seconds on the same port", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  await sendMail(host.smtp, { from: "a@example.net", to: "wang@linuxaid.com.cn" }, mailText("before"));
  await host.arrived("wang");

  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const pop3 = host.pid("pop3");
  const mta = host.pid("mta");
  host.signal("mta", "SIGKILL");
  // A client that calls meanwhile is not refused: the socket is the launcher's.
  const reply = await sendMail(
    host.smtp,
    { from: "a@example.net", to: "wang@linuxaid.com.cn" },
    mailText("after"),
  );
  assert.equal(reply.code, 250, reply.text);
  await host.arrived("wang", 2);
  assert.notEqual(host.pid("mta"), mta);
  assert.equal(host.pid("pop3"), pop3);
  assert.match(await session.command("NOOP"), /^\+OK/, "the session in the other daemon goes on");
  await session.quit();

  const client = await openSmtp(host.smtp);
  host.signal("pop3", "SIGKILL");
  const again = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await again.count(), 2);
  await again.quit();
  assert.equal((await client.command("NOOP")).code, 250);
  await client.quit();
});

test("SIGHUP reloads the settings without ending sessions, and bad ones are refused with the old kept", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const client = await openSmtp(host.smtp);
  const settings = JSON.parse(host.read("etc/mail/mailhost.yaml")) as { smtp: Record<string, unknown> };
  settings.smtp.maxRecipients = 1;
  host.write("etc/mail/mailhost.yaml", JSON.stringify(settings));
  host.signal("mailhost", "SIGHUP");
  await eventually(
    async () => {
      const fresh = await openSmtp(host.smtp);
      await fresh.command("MAIL FROM:<a@example.net>");
      await fresh.command("RCPT TO:<wang@linuxaid.com.cn>");
      const second = await fresh.command("RCPT TO:<wang@mail.linuxaid.com.cn>");
      fresh.close();
      return second.code === 452;
    },
    { what: "the new maxRecipients" },
  );
  assert.equal((await client.command("NOOP")).code, 250, "the session that was open goes on");
  host.write("etc/mail/mailhost.yaml", "smtp:\n  maxRecipients: none\n");
  host.signal("mailhost", "SIGHUP");
  await host.logged(/mailhost\.yaml:2: smtp\.maxRecipients/);
  assert.equal((await client.command("NOOP")).code, 250);
  await client.quit();
});

test("SIGTERM lets sessions finish, takes no new ones, and ends with 0", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const client = await openSmtp(host.smtp, { from: OUTSIDE });
  await client.command("MAIL FROM:<a@example.net>");
  await client.command("RCPT TO:<wang@linuxaid.com.cn>");
  assert.equal((await client.command("DATA")).code, 354);
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const pids = [host.pid("mta"), host.pid("pop3")];
  const stopped = host.stop();
  await eventually(
    async () => {
      try {
        // Less than the half minute that sessions are given: who came in between is not greeted any more.
        (await openSmtp(host.smtp, { patience: 3000 })).close();
        return false;
      } catch {
        return true;
      }
    },
    { what: "the port to close" },
  );
  assert.match(await session.command("STAT"), /^\+OK/);
  assert.match(await session.quit(), /^\+OK/);
  assert.equal((await client.data(mailText("the last one"))).code, 250);
  client.close();
  assert.equal(await stopped, 0);
  for (const pid of pids) assert.ok(!isMailhost(pid), `process ${pid} is gone`);
  await host.start();
  await host.arrived("wang");
});

test("the death of the launcher takes its children along, and the next start is clean", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const pids = [host.pid("mta"), host.pid("pop3")];
  host.signal("mailhost", "SIGKILL");
  await host.ended();
  await eventually(() => pids.every((pid) => !isMailhost(pid)), { what: "the children to end" });
  await host.start();
  const reply = await sendMail(
    host.smtp,
    { from: "a@example.net", to: "wang@linuxaid.com.cn" },
    mailText("again"),
  );
  assert.equal(reply.code, 250);
  await host.arrived("wang");
});
