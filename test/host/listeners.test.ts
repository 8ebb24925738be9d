/** What the settings say of ports: several of a kind, IPv6, none at all; the ready line says what came of it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LAN, PASSWORD, startHost } from "../harness/host.ts";
import { loggedIn, openPop3 } from "../harness/pop3-client.ts";
import { openSmtp } from "../harness/smtp-client.ts";

test("several listeners of a kind, IPv4 and IPv6, are all served and named in the ready line", async (t) => {
  const host = await startHost(t, {
    users: ["wang"],
    settings: {
      smtp: { listen: ["127.0.0.1:0", "[::1]:0", "127.0.0.3:0"], submission: ["[::1]:0"] },
      pop3: { listen: ["127.0.0.1:0", "[::1]:0"] },
    },
  });
  assert.match(
    host.output,
    /^mailhost ready smtp=127\.0\.0\.1:\d+,\[::1\]:\d+,127\.0\.0\.3:\d+ submission=\[::1\]:\d+ pop3=127\.0\.0\.1:\d+,\[::1\]:\d+$/m,
  );
  for (const kind of ["smtp", "submission"]) {
    for (const endpoint of host.listening(kind)) {
      const client = await openSmtp(endpoint);
      assert.match(client.greeting.text, /^mail\.linuxaid\.com\.cn ESMTP/, endpoint.host);
      await client.quit();
    }
  }
  for (const endpoint of host.listening("pop3")) await (await loggedIn(endpoint, "wang", PASSWORD)).quit();
});

test("the IPv6 client ::1 relays without an entry, on the submission port too, and opens no relay by fetching", async (t) => {
  const host = await startHost(t, {
    users: ["wang"],
    settings: { smtp: { listen: ["[::1]:0"], submission: ["[::1]:0"] }, pop3: { listen: ["[::1]:0"] } },
    files: { "etc/mail/access": undefined },
  });
  for (const endpoint of [host.smtp, host.submission]) {
    const client = await openSmtp(endpoint);
    assert.match((await client.command("EHLO six")).text, /Hello .*\[IPv6:0:0:0:0:0:0:0:1\]/);
    assert.equal((await client.command("MAIL FROM:<wang@linuxaid.com.cn>")).code, 250);
    assert.equal((await client.command("RCPT TO:<friend@example.com>")).code, 250);
    await client.quit();
  }
  await (await loggedIn(host.pop3, "wang", PASSWORD)).quit();
});

test("an empty list means none of that listener", async (t) => {
  const pop3Only = await startHost(t, {
    users: ["wang"],
    settings: { smtp: { listen: [], submission: [] } },
  });
  assert.match(pop3Only.output, /^mailhost ready pop3=127\.0\.0\.1:\d+$/m);
  await (await openPop3(pop3Only.pop3)).quit();
  assert.equal(await pop3Only.stop(), 0);
  const smtpOnly = await startHost(t, { settings: { smtp: { submission: [] }, pop3: { listen: [] } } });
  assert.match(smtpOnly.output, /^mailhost ready smtp=127\.0\.0\.1:\d+$/m);
  await (await openSmtp(smtpOnly.smtp, { from: LAN })).quit();
  assert.equal(await smtpOnly.stop(), 0);
});
