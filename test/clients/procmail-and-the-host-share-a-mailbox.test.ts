/** procmail delivers into the same mailbox at the same time, a POP3 client deletes, and nothing is lost or torn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn, openPop3 } from "../harness/pop3-client.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

const EACH = 40;

async function byProcmail(host: MailHost): Promise<void> {
  for (let i = 0; i < EACH; i++) {
    const text = `From li@linuxaid.com.cn Tue Nov 24 21:59:01 2026\n${mailText(`procmail-${i}`, `${"y".repeat(i * 100)}\n`)}`;
    const ran = await runProgram("procmail", ["-m", host.path("procmailrc")], {
      input: text.replaceAll("\r\n", "\n"),
    });
    assert.equal(ran.code, 0, ran.stderr);
  }
}

async function bySmtp(host: MailHost): Promise<void> {
  for (let i = 0; i < EACH; i++) {
    const reply = await sendMail(
      host.smtp,
      { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" },
      mailText(`smtp-${i}`, `${"z".repeat(i * 100)}\r\n`),
    );
    assert.equal(reply.code, 250, reply.text);
  }
}

/** Fetches and deletes until told that all is sent, then once more; resolves with the subjects that it took away. */
async function byPop3(host: MailHost, sent: () => boolean): Promise<string[]> {
  const taken: string[] = [];
  for (let last = false; !last; ) {
    last = sent();
    const session = await openPop3(host.pop3);
    const answer = await session.login("wang", PASSWORD);
    if (!answer.startsWith("+OK")) {
      assert.match(answer, /^-ERR \[IN-USE\]/);
      last = false;
      session.close();
      continue;
    }
    const subjects: string[] = [];
    for (let n = 1; n <= (await session.count()) + subjects.length; n++) {
      subjects.push(/^Subject: (.*)\r$/m.exec((await session.retrieve(n)).toString("latin1"))?.[1] ?? "torn");
      assert.match(await session.command(`DELE ${n}`), /^\+OK/);
    }
    assert.match(await session.quit(), /^\+OK/);
    taken.push(...subjects);
  }
  return taken;
}

test(
  "procmail, deliveries and a deleting POP3 client share a mailbox and lose nothing",
  needs("procmail"),
  async (t) => {
    const host = await startHost(t, { users: ["wang"], settings: { lockTimeout: "20s" } });
    host.write("procmailrc", `LOCKSLEEP=1\nSHELL=/bin/sh\n:0:\n${host.path("var/spool/mail/wang")}\n`);
    let over = false;
    const senders = Promise.all([byProcmail(host), bySmtp(host)]).finally(() => (over = true));
    const [, taken] = await Promise.all([senders, byPop3(host, () => over)]);
    // What was accepted last may still have been on its way when the client looked for the last time.
    await eventually(async () => (await host.command("mailq", [])).stdout.includes("is empty"), {
      what: "an empty queue",
    });
    const rest = await loggedIn(host.pop3, "wang", PASSWORD);
    for (let n = await rest.count(); n > 0; n--) {
      taken.push(/^Subject: (.*)\r$/m.exec((await rest.retrieve(n)).toString("latin1"))?.[1] ?? "torn");
    }
    await rest.quit();
    const expected = Array.from({ length: EACH }, (_, i) => [`procmail-${i}`, `smtp-${i}`]).flat();
    assert.deepEqual(taken.toSorted(), expected.toSorted());
  },
);
