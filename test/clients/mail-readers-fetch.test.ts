/** Mail readers that speak POP3 themselves: mutt and s-nail fetch, show and delete. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { needs, runProgram } from "../harness/programs.ts";

test(
  "mutt opens the mailbox by POP3 and deletes, then fetches the rest into its spool",
  needs("mutt", "script"),
  async (t) => {
    const host = await hostWithMail(t);
    host.write(
      "muttrc",
      `set pop_pass="${PASSWORD}"\nset pop_authenticators="user"\nset quit=yes\nset delete=yes\nset move=no\nset mbox_type=mbox\n` +
        `set ssl_starttls=no\nset ssl_force_tls=no\nset pop_delete=yes\nset pop_checkinterval=0\nset spoolfile="${host.path("fetched")}"\nset pop_host="pop://wang@127.0.0.1:${host.pop3.port}"\n`,
    );
    mkdirSync(host.path("Mail"));
    // It wants a terminal, which script(1) gives it.
    const mutt = async (folder: string, keys: string) => {
      const command = `stty rows 24 cols 80; exec mutt -n -F "${host.path("muttrc")}" -f "${folder}" -e 'push "${keys}"'`;
      const ran = await runProgram("script", ["-qec", command, "/dev/null"], {
        env: { TERM: "vt100", HOME: host.root },
      });
      assert.equal(ran.code, 0, ran.stdout);
    };
    await mutt(
      `pop://wang@127.0.0.1:${host.pop3.port}/`,
      "<delete-pattern>~s awkward.1<enter><sync-mailbox><exit>",
    );
    assert.equal(host.mailbox("wang").length, AWKWARD_BODIES.length - 1);
    host.write("fetched", "");
    await mutt(host.path("fetched"), "<fetch-mail><exit>");
    assert.equal(host.mailbox("wang").length, 0);
    const fetched = readMbox(host.path("fetched")).map(({ message }) => message.toString());
    // It quotes `From ` lines, but not those that are quoted already, so bytes are not compared.
    for (const n of [0, 2, 3])
      assert.ok(
        fetched.some((text) => text.endsWith(`\nbody-${n}\n`)),
        `body ${n}`,
      );
  },
);

test("s-nail opens the mailbox by POP3, shows and deletes", needs("s-nail"), async (t) => {
  const host = await hostWithMail(t);
  const folder = `pop3://wang:${encodeURIComponent(PASSWORD)}@127.0.0.1:${host.pop3.port}`;
  const snail = (input: string) =>
    runProgram(
      "s-nail",
      ["-:/", "-#", "-Sv15-compat", "-Snopop3-use-starttls", "-Spop3-auth=plain", "-f", folder],
      {
        input,
        env: { HOME: host.root },
      },
    );
  const first = await snail("type 1 3\ndelete 2\nquit\n");
  assert.equal(first.code, 0, `${first.stdout}\n${first.stderr}`);
  assert.ok(first.stdout.includes("body-0"), first.stdout);
  assert.ok(first.stdout.includes("From wang Tue Nov 24 21:59:01 2026"), first.stdout);
  assert.equal(host.mailbox("wang").length, AWKWARD_BODIES.length - 1);
});
