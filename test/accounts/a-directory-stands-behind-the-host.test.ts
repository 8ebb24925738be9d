/**
 * A whole host with its accounts in slapd: mail comes in, is fetched, and waits while the directory is away.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { BASE, person, startDirectory } from "../harness/directory.ts";
import { OUTSIDE, startHost } from "../harness/host.ts";
import { openPop3 } from "../harness/pop3-client.ts";
import { needs } from "../harness/programs.ts";
import { openSmtp } from "../harness/smtp-client.ts";

test("mail for people of a directory", needs("slapd"), async (t) => {
  const directory = await startDirectory(t, {
    entries: person("alice", "wonder", ["mail: alice.liddell@linuxaid.com.cn"]),
  });
  const host = await startHost(t, {
    settings: {
      accounts: ["file", "ldap"],
      ldap: { url: directory.url, base: BASE, timeout: "5s", remember: "1ms" },
    },
    files: { "etc/mail/aliases": "postmaster: root\nroot: alice\nsales: alice\n" },
    users: ["bob"],
  });
  const smtp = await openSmtp(host.smtp, { from: OUTSIDE });
  const rcpt = async (to: string) => {
    await smtp.command("RSET");
    await smtp.command("MAIL FROM:<x@sender.example>");
    const { code, text } = await smtp.command(`RCPT TO:<${to}@linuxaid.com.cn>`);
    return `${code} ${text}`;
  };
  const login = async (user: string, password: string) => {
    const client = await openPop3(host.pop3, { from: OUTSIDE });
    const answer = await client.login(user, password);
    // Only its QUIT gives the mailbox back before the next login.
    if (answer.startsWith("+OK")) await client.quit();
    else client.close();
    return answer;
  };
  for (const known of ["alice", "ALICE", "alice+detail", "alice.liddell", "sales", "bob"])
    assert.match(await rcpt(known), /^250 /, known);
  for (const unknown of ["nobody", "al*", "carol+alice"])
    assert.match(await rcpt(unknown), /^550 5\.1\.1/, unknown);
  assert.match(await rcpt("alice.liddell"), /^250 /);
  assert.equal((await smtp.command("DATA")).code, 354);
  assert.equal((await smtp.data("Subject: hello\r\n\r\nhello\r\n")).code, 250);
  assert.equal((await host.arrived("alice")).length, 1);
  assert.match(await login("alice", "wonder"), /^\+OK.*\b1 /);
  assert.match(await login("alice.liddell@linuxaid.com.cn", "wonder"), /^\+OK/);
  assert.match(await login("alice", "wrong"), /^-ERR \[AUTH\]/);
  assert.match(await login("nobody", "wonder"), /^-ERR \[AUTH\]/);

  await directory.stop();
  assert.match(await rcpt("alice"), /^451 4\.3\.0/);
  assert.match(await rcpt("nobody"), /^451 4\.3\.0/);
  assert.match(await rcpt("bob"), /^250 /);
  assert.match(await login("alice", "wonder"), /^-ERR \[SYS\/TEMP\]/);
  assert.match(await login("bob", "kept in mind"), /^\+OK/);
  smtp.close();
});
