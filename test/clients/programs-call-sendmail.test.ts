/** Programs that call `/usr/sbin/sendmail`, each with its own ways, call ours as an ordinary user. */
import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type MailHost, startHost } from "../harness/host.ts";
import { asUser, IS_ROOT, SENDMAIL, SOMEBODY } from "../harness/local-users.ts";
import type { MboxEntry } from "../harness/mbox-reader.ts";
import { needs } from "../harness/programs.ts";

const ME = IS_ROOT ? SOMEBODY : userInfo().username;
const MY_ADDRESS = `${ME}@mail.linuxaid.com.cn`;

function hostWithUsers(t: TestContext): Promise<MailHost> {
  return startHost(t, { users: ["wang", "li"] });
}

/** The value of a field, or undefined. */
function field({ header }: MboxEntry, name: string): string | undefined {
  const start = `${name.toLowerCase()}: `;
  return header.find((line) => line.toLowerCase().startsWith(start))?.slice(start.length);
}

/** A folder of the user's own. */
function homeFolder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-home-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o777);
  return dir;
}

test("mailutils' mail", needs("mail", "setpriv"), async (t) => {
  const host = await hostWithUsers(t);
  const args = [
    "-E",
    `set sendmail="sendmail:${SENDMAIL}"`,
    "-s",
    "by mailutils",
    "-a",
    "Cc: li@linuxaid.com.cn",
    "wang@linuxaid.com.cn",
  ];
  const ran = await asUser(host, "mail", args, { input: "hello\n.dot\n", env: { HOME: homeFolder(t) } });
  assert.equal(ran.code, 0, ran.stderr);
  const [entry] = await host.arrived("wang");
  await host.arrived("li");
  assert.equal(field(entry!, "Subject"), "by mailutils");
  // It gives its own idea of the host's name with -f.
  assert.ok(field(entry!, "Return-Path")!.startsWith(`<${ME}@`), field(entry!, "Return-Path"));
  assert.match(entry!.message.toString(), /\nhello\n\.dot\n/);
});

test("s-nail", needs("s-nail", "setpriv"), async (t) => {
  const host = await hostWithUsers(t);
  const args = ["-n", `-Smta=${SENDMAIL}`, "-Ssendwait", "-s", "by s-nail", "-c", "li", "wang"];
  const ran = await asUser(host, "s-nail", args, {
    input: "hello\n",
    env: { HOME: homeFolder(t), MAILRC: "/dev/null" },
  });
  assert.equal(ran.code, 0, ran.stderr);
  const [entry] = await host.arrived("wang");
  await host.arrived("li");
  assert.equal(field(entry!, "Subject"), "by s-nail");
  assert.equal(field(entry!, "Return-Path"), `<${MY_ADDRESS}>`);
  assert.match(entry!.message.toString(), /\nhello\n/);
});

test("cron's pipe: -FCronDaemon -i -B8BITMIME -oem, the header from cron", needs("setpriv"), async (t) => {
  const host = await hostWithUsers(t);
  const input = Buffer.from(
    `From: root (Cron Daemon)\nTo: wang\nSubject: Cron <${ME}@vm> true\nMIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n.\ndrücken\n`,
  );
  const args = [SENDMAIL, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "wang"];
  const ran = await asUser(host, process.execPath, args, { input });
  assert.deepEqual([ran.code, ran.stdout, ran.stderr], [0, "", ""]);
  const [entry] = await host.arrived("wang");
  assert.equal(field(entry!, "From"), "root (Cron Daemon)");
  assert.equal(field(entry!, "Subject"), `Cron <${ME}@vm> true`);
  assert.ok(entry!.message.includes(Buffer.from("\n.\ndrücken\n")));
});

test("PHP's mail()", needs("php", "setpriv"), async (t) => {
  const host = await hostWithUsers(t);
  const code = `
    $ok = mail("wang, Li <li@linuxaid.com.cn>", "by php", "hello\\n.\\nbye", "From: web@linuxaid.com.cn\\r\\nBcc: li\\r\\nX-From-PHP: yes", "-fweb@linuxaid.com.cn");
    exit($ok ? 0 : 1);`;
  const ran = await asUser(host, "php", ["-d", `sendmail_path=${SENDMAIL} -t -i`, "-r", code]);
  assert.equal(ran.code, 0, ran.stderr + ran.stdout);
  const [entry] = await host.arrived("wang");
  await host.arrived("li");
  assert.equal(field(entry!, "Subject"), "by php");
  assert.equal(field(entry!, "Return-Path"), "<web@linuxaid.com.cn>");
  assert.equal(field(entry!, "From"), "web@linuxaid.com.cn");
  assert.equal(field(entry!, "X-From-PHP"), "yes");
  assert.equal(field(entry!, "Bcc"), undefined);
  assert.equal(
    field(entry!, "X-Authentication-Warning"),
    ME === "root" ? undefined : `mail.linuxaid.com.cn: ${ME} set sender to web@linuxaid.com.cn using -f`,
  );
  assert.match(entry!.message.toString(), /\nhello\n\.\nbye\n/);
});

test("git send-email --sendmail-cmd", needs("git-send-email", "setpriv"), async (t) => {
  const host = await hostWithUsers(t);
  const home = homeFolder(t);
  const patch = join(home, "0001-mend.patch");
  const lines = [
    "From 0123456789abcdef0123456789abcdef01234567 Mon Sep 17 00:00:00 2001",
    "From: Wáng <wang@linuxaid.com.cn>",
    "Date: Tue, 24 Nov 2026 21:59:01 +0800",
    "Subject: [PATCH] mend it",
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=UTF-8",
    "Content-Transfer-Encoding: 8bit",
    "",
    "---",
    "-- ",
    "2.39.5",
    "",
  ];
  writeFileSync(patch, lines.join("\n"), { mode: 0o644 });
  const args = [
    "send-email",
    ...["--from=wang@linuxaid.com.cn", "--to=li@linuxaid.com.cn", "--confirm=never", "--suppress-cc=all"],
    ...[
      "--envelope-sender=bounces@linuxaid.com.cn",
      `--sendmail-cmd=${SENDMAIL}`,
      "--cc=wang@linuxaid.com.cn",
    ],
    patch,
  ];
  const who = { GIT_COMMITTER_NAME: "Wang", GIT_COMMITTER_EMAIL: "wang@linuxaid.com.cn" };
  const author = { GIT_AUTHOR_NAME: "Wang", GIT_AUTHOR_EMAIL: "wang@linuxaid.com.cn" };
  const ran = await asUser(host, "git", args, { cwd: home, env: { HOME: home, ...who, ...author } });
  assert.equal(ran.code, 0, ran.stderr);
  const [entry] = await host.arrived("li");
  await host.arrived("wang");
  assert.equal(field(entry!, "Subject"), "[PATCH] mend it");
  assert.equal(field(entry!, "Return-Path"), "<bounces@linuxaid.com.cn>");
  assert.match(entry!.message.toString(), /\n---\n-- \n2\.39\.5\n/);
});

test("messages as scripts write them", needs("setpriv"), async (t) => {
  const host = await hostWithUsers(t);
  const send = async (args: readonly string[], input: string | Buffer) => {
    const ran = await asUser(host, process.execPath, [SENDMAIL, ...args], { input });
    assert.deepEqual([ran.code, ran.stderr], [0, ""], args.join(" "));
  };
  await send(["wang"], "no header at all\n");
  await send(["-t"], "Subject: crlf\r\nTo: wang\r\n\r\none\r\n..two\r\n.\r\nnot this\r\n");
  await send(["-i", "wang"], Buffer.from("Subject: eight bits\n\n\xfc\xe9\n", "latin1"));
  await send(
    ["-t"],
    `Subject: many\nTo: wang,\n${Array.from({ length: 1500 }, () => " wang").join(",\n")}\n\nx\n`,
  );
  await send(["-t"], "Subject: resent\nTo: li\nResent-To: wang\nResent-Bcc: wang\n\nx\n");
  await send(["wang"], "Subject: no last line end\n\nend");
  const entries = await host.arrived("wang", 6);
  const of = (subject: string) => entries.find((entry) => field(entry, "Subject") === subject)!;
  const bare = entries.find((entry) => field(entry, "Subject") === undefined)!;
  assert.match(bare.message.toString(), /\n\nno header at all\n/);
  for (const name of ["From", "Date", "Message-ID"]) assert.notEqual(field(bare, name), undefined, name);
  assert.match(of("crlf").message.toString(), /\n\none\n\.\.two\n$|\n\none\n\.\.two\n\n$/);
  assert.ok(of("eight bits").message.includes(Buffer.from("\xfc\xe9\n", "latin1")));
  assert.equal(of("many").header.filter((line) => line.startsWith("To: ")).length, 1);
  assert.equal(field(of("resent"), "Resent-Bcc"), undefined);
  assert.notEqual(field(of("resent"), "Resent-Date"), undefined);
  assert.match(of("no last line end").message.toString(), /\n\nend\n/);
  assert.deepEqual(host.mailbox("li"), []);
});
