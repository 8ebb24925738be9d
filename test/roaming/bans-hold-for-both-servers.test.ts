/** Failures at SMTP and POP3 count together; a ban holds for both at once, is listed and lifted by a command, and fail2ban reads the log. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Endpoint } from "../harness/connection.ts";
import { LAN, type MailHost, OUTSIDE, PASSWORD, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

async function popLogin({ pop3 }: MailHost, from: string, user: string, password: string): Promise<string> {
  const client = await openPop3(pop3, { from });
  const reply = await client.login(user, password);
  // Only its QUIT gives the mailbox back before the next login.
  if (reply.startsWith("+OK")) await client.quit();
  else client.close();
  return reply;
}

async function smtpLogin(at: Endpoint, from: string, user: string, password: string): Promise<string> {
  const client = await openSmtp(at, { from });
  await client.command("EHLO there");
  const { code, text } = await client.command(`AUTH PLAIN ${base64(`\0${user}\0${password}`)}`);
  client.close();
  return `${code} ${text}`;
}

async function host(t: Parameters<typeof startHost>[0], more: Readonly<Record<string, unknown>> = {}) {
  return startHost(t, {
    users: ["wang", "li"],
    settings: { bans: { failures: 3 }, tls: { allowPlaintextAuth: true, selfSigned: false }, ...more },
  });
}

test("one at POP3, two at SMTP: banned at both, while mail for us comes in and the LAN logs in", async (t) => {
  const on = await host(t);
  // Meanwhile: the answers to wrong passwords wait.
  const lan = Promise.all([1, 2, 3, 4].map((n) => popLogin(on, LAN, "li", `guess ${n}`)));
  assert.match(await popLogin(on, OUTSIDE, "wang", "a"), /^-ERR \[AUTH\]/);
  assert.match(await smtpLogin(on.submission, OUTSIDE, "wang", "b"), /^535/);
  assert.match(await smtpLogin(on.smtp, OUTSIDE, "wang@linuxaid.com.cn", "c"), /^535/);
  await assert.rejects(popLogin(on, OUTSIDE, "wang", PASSWORD), /Too many failed logins/);
  const submission = await openSmtp(on.submission, { from: OUTSIDE });
  assert.equal(submission.greeting.code, 421);
  submission.close();
  // A server behind the same address still brings us mail on port 25; AUTH there is shut too.
  const sent = await sendMail(
    on.smtp,
    { from: "friend@example.net", to: "li@linuxaid.com.cn" },
    mailText("for li"),
    { from: OUTSIDE },
  );
  assert.equal(sent.code, 250, sent.text);
  assert.match(await smtpLogin(on.smtp, OUTSIDE, "wang", PASSWORD), /^454 4\.7\.0/);
  assert.match(await popLogin(on, "127.0.0.10", "wang", PASSWORD), /^\+OK/, "another address");
  for (const answer of await lan) assert.match(answer, /^-ERR \[AUTH\]/);
  assert.match(await popLogin(on, LAN, "li", PASSWORD), /^\+OK/, "the LAN may relay: it is not banned");

  const listed = await on.mailhost(["bans", "list"]);
  assert.match(listed.stdout, /^127\.0\.0\.9\t\S+Z\t3\t1\twang$/m);
  assert.match(
    await on.logged(/\[AUTH\] ban of/),
    /ban of 127\.0\.0\.9 until \S+Z: 3 failed logins, the last to wang/,
  );
  await on.restart();
  await assert.rejects(popLogin(on, OUTSIDE, "wang", PASSWORD), /Too many/, "a restart forgets nothing");
  const lifted = await on.mailhost(["bans", "lift", "127.0.0.0/28"]);
  assert.equal(lifted.stdout, "lifted 127.0.0.9\n");
  assert.match(await popLogin(on, OUTSIDE, "wang", PASSWORD), /^\+OK/);
  assert.match(await smtpLogin(on.submission, OUTSIDE, "wang", PASSWORD), /^235/);
  const added = await on.mailhost(["bans", "add", OUTSIDE, "--for", "2h"]);
  assert.match(added.stdout, /^banned 127\.0\.0\.9 until /);
  await assert.rejects(popLogin(on, OUTSIDE, "wang", PASSWORD));
  assert.match((await on.mailhost(["bans", "add", LAN])).stderr, /never banned: access has RELAY/);
  assert.equal((await on.mailhost(["bans", "lift", "--all"])).stdout, "lifted 127.0.0.9\n");
});

for (const format of ["sendmail", "json"]) {
  test(
    `fail2ban finds the address in each line of a ${format} log, and no other`,
    needs("fail2ban-regex"),
    async (t) => {
      const on = await host(t, { log: { format } });
      const names = ["wang", "x from host (y) 6.6.6.6", "7.7.7.7", 'a", relay=[8.8.8.8]'];
      // Names and commands that look like lines of their own.
      const forged = "popper[1]: [AUTH] Failed attempted login to x from host () 9.9.9.8";
      names.push(
        "sendmail[1]: [AUTH] ban of 9.9.9.9 until x: 3 failed logins, the last to x",
        `${forged} by y`,
      );
      const one = async (name: string, n: number) => {
        const client = await openPop3(on.pop3, { from: `127.0.2.${n}` });
        const answer = await client.command(`AUTH PLAIN ${base64(`\0${name}\0a`)}`);
        assert.match(answer, /^-ERR \[AUTH\]/);
        client.close();
      };
      const three = async () => {
        for (const guess of ["a", "b", "c"]) await popLogin(on, "127.0.2.11", "wang", guess);
      };
      await Promise.all([
        ...names.map(one),
        smtpLogin(on.submission, "127.0.2.9", "wang", "b"),
        smtpLogin(on.submission, "127.0.2.10", "a, relay=[9.9.9.9]", "b"),
        three(),
      ]);
      await on.logged(/ban of 127\.0\.2\.11/);
      const file = on.path("read.log");
      // What another server says about our mail stands at the end of a line.
      const said = `Nov 27 09:00:00 mx sendmail[1]: 1ABC: to=<x@y.example>, stat=Deferred: 451`;
      writeFileSync(file, `${on.log()}${said} ${forged}\n${said} "text":"${forged.slice(11)}\n`);
      const read = async (filter: string) => {
        const path = fileURLToPath(new URL(`../../docs/fail2ban/filter.d/${filter}.conf`, import.meta.url));
        const ran = await runProgram("fail2ban-regex", ["-o", "<ip>", file, path]);
        return ran.stdout.trim().split("\n").sort();
      };
      const expected = ["0", "1", "2", "3", "4", "5", "9", "10", "11", "11", "11"]
        .map((last) => `127.0.2.${last}`)
        .sort();
      assert.deepEqual(await read("mailhost"), expected);
      assert.deepEqual(await read("mailhost-bans"), ["127.0.2.11"]);
    },
  );
}
