/** Other programs' dotlocks are respected, whoever makes them; what is meant for other mailboxes goes on. */
import assert from "node:assert/strict";
import { rmSync, statSync } from "node:fs";
import { test } from "node:test";
import { PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn, openPop3 } from "../harness/pop3-client.ts";
import { needs, type ProgramName, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

const LOCKERS: readonly { readonly program: ProgramName; readonly args: (mbox: string) => string[] }[] = [
  { program: "lockfile", args: (mbox) => ["-r", "0", `${mbox}.lock`] },
  { program: "dotlockfile", args: (mbox) => ["-l", "-r", "0", `${mbox}.lock`] },
  { program: "lockfile-create", args: (mbox) => ["--use-pid", "--retry", "0", mbox] },
];

for (const { program, args } of LOCKERS) {
  test(`a lock held with ${program} holds up its mailbox and no other`, needs(program), async (t) => {
    const host = await startHost(t, { users: ["wang", "li"], settings: { lockTimeout: "60s" } });
    const mbox = host.path("var/spool/mail/wang");
    host.write("var/spool/mail/wang", "");
    const held = await runProgram(program, args(mbox));
    assert.equal(held.code, 0, held.stderr);
    assert.ok(statSync(`${mbox}.lock`).isFile());

    for (const to of ["wang", "li"]) {
      const reply = await sendMail(
        host.smtp,
        { from: "a@example.net", to: `${to}@linuxaid.com.cn` },
        mailText(to),
      );
      assert.equal(reply.code, 250, reply.text);
    }
    await host.arrived("li");
    assert.equal(host.mailbox("wang").length, 0, "nothing is written while the lock is held");
    rmSync(`${mbox}.lock`, { force: true });
    await host.arrived("wang");
  });
}

test(
  "a login waits for a lock as long as lockTimeout says and then answers IN-USE",
  needs("lockfile"),
  async (t) => {
    const host = await startHost(t, {
      users: ["wang"],
      settings: { lockTimeout: "500ms", queue: { interval: "300ms" } },
    });
    await sendMail(host.smtp, { from: "a@example.net", to: "wang@linuxaid.com.cn" }, mailText("one"));
    await host.arrived("wang");
    const lock = host.path("var/spool/mail/wang.lock");
    // The delivery may still hold it: its bytes are there before its lock is gone.
    const held = await runProgram("lockfile", ["-1", "-r", "20", lock]);
    assert.equal(held.code, 0, held.stderr);
    const refused = await openPop3(host.pop3);
    assert.match(await refused.login("wang", PASSWORD), /^-ERR \[IN-USE\]/);
    refused.close();
    await sendMail(host.smtp, { from: "a@example.net", to: "wang@linuxaid.com.cn" }, mailText("two"));
    await host.logged(/mailer=local,.* stat=Deferred/);
    rmSync(lock, { force: true });
    await host.arrived("wang", 2);
    const session = await loggedIn(host.pop3, "wang", PASSWORD);
    assert.equal(await session.count(), 2);
    await session.quit();
  },
);
