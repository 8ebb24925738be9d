/**
 * A spool as Qpopper leaves it: temporary drops of sessions that died, bulletins, ids in X-UIDL fields. Whoever logs in finds
 * all of it, once.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, utimesSync } from "node:fs";
import { test } from "node:test";
import { PASSWORD, prepareSite, startOn } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";

function mail(subject: string, fields = ""): string {
  return `From a@example.com Tue Nov 24 21:00:00 2026\n${fields}Subject: ${subject}\n\nbody\n\n`;
}

/** Seconds since 1970, of the bulletins' files. */
const TIME = 1_700_000_000;

test("drops, bulletins and ids of Qpopper's, after a start and after the next", async (t) => {
  const site = await prepareSite(t, {
    users: ["wang", "li"],
    settings: { bulletins: { folder: "var/spool/bulls", max: 2 } },
  });
  site.write("var/spool/mail/wang", mail("new", "X-UIDL: !new-uid-of-qpopper!\n"));
  site.write("var/spool/mail/.wang.pop", mail("old", "X-UIDL: !old-uid-of-qpopper!\nStatus: RO\n"));
  // Nobody's mailbox is made by root for a drop; the login does it.
  site.write("var/spool/mail/.li.pop", mail("li's"));
  for (const name of ["1.long-ago", "2.maintenance", "3.party"]) {
    site.write(`var/spool/bulls/${name}`, mail(name, "To: all\n"));
    utimesSync(site.path(`var/spool/bulls/${name}`), TIME, TIME);
  }
  const host = await startOn(t, site);
  assert.equal(existsSync(host.path("var/spool/mail/.wang.pop")), false);
  assert.match(host.log(), /\.wang\.pop: a temporary drop of Qpopper's was recovered, 1 message put back/);

  const expected = ["!old-uid-of-qpopper!", "!new-uid-of-qpopper!", `${TIME}.002`, `${TIME}.003`];
  const client = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.deepEqual(await client.uids(), expected);
  assert.match(
    (await client.retrieve(3)).toString(),
    /\r\nTo: wang@mail\.linuxaid\.com\.cn\r\nSubject: 2\.maintenance\r\n/,
  );
  assert.match(await client.command("DELE 3"), /^\+OK/);
  assert.match(await client.quit(), /^\+OK/);

  const other = await loggedIn(host.pop3, "li", PASSWORD);
  assert.equal(await other.count(), 3);
  assert.match((await other.retrieve(1)).toString(), /Subject: li's\r\n/);
  other.close();
  assert.equal(existsSync(host.path("var/spool/mail/.li.pop")), false);

  await host.restart();
  const again = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.deepEqual(await again.uids(), [expected[0], expected[1], expected[3]]);
  again.close();
});

test("a bulletin that can not be read keeps nobody from the mail", async (t) => {
  const site = await prepareSite(t, {
    users: ["wang"],
    settings: { bulletins: { folder: "var/spool/bulls" } },
  });
  site.write("var/spool/mail/wang", mail("new"));
  site.write("var/spool/bulls/1.no-bulletin", "Subject: hello\n\nhello\n");
  execFileSync("mkfifo", [site.path("var/spool/bulls/2.pipe")]);
  const host = await startOn(t, site);
  const client = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.equal(await client.count(), 1);
  client.close();
  await host.logged(/bulletins: .*2\.pipe: left out: is not a plain file/);
});
