/**
 * Real procmail and Debian's mail.local as the local mailer. Both know users by the system's passwd and write to /var/mail,
 * so the host runs with private mounts over these two: nothing outside the test's root is touched.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { LAN, type MailHost, prepareSite, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { findProgram, needs } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

const WANG = 61_001;
const MAIL = 8;
const MAIL_LOCAL = "/usr/libexec/sendmail/mail.local";

/** A host that runs as root with two system users, wang and li, and `ghost`, who is in etc/mail/users alone. */
async function hostWith(t: TestContext, local: Readonly<Record<string, unknown>>): Promise<MailHost> {
  const site = await prepareSite(t, {
    users: ["ghost"],
    settings: { local, accounts: ["file", "system"] },
    files: { "etc/passwd": undefined },
  });
  const { root } = site;
  chmodSync(root, 0o755);
  const passwd = [
    "root:x:0:0:root:/root:/bin/sh",
    "daemon:x:1:1:daemon:/:/usr/sbin/nologin",
    "mail:x:8:8:mail:/var/mail:/usr/sbin/nologin",
    ...["wang", "li"].map((name, i) => `${name}:x:${WANG + i}:${WANG + i}::${root}/home/${name}:/bin/sh`),
  ];
  site.write("etc/passwd", `${passwd.join("\n")}\n`);
  site.write("etc/group", `root:x:0:\ndaemon:x:1:\nmail:x:8:\nwang:x:${WANG}:\nli:x:${WANG + 1}:\n`);
  mkdirSync(site.path("var/spool/mail"), { recursive: true });
  chownSync(site.path("var/spool/mail"), 0, MAIL);
  chmodSync(site.path("var/spool/mail"), 0o3777);
  for (const [i, name] of ["wang", "li"].entries()) {
    mkdirSync(site.path(`home/${name}`), { recursive: true });
    chownSync(site.path(`home/${name}`), WANG + i, WANG + i);
  }
  const mounts = [
    ...["etc/passwd", "etc/group"].map((file) => `mount --bind ${root}/${file} /${file}`),
    `mount --bind ${root}/var/spool/mail /var/mail`,
    'exec "$@"',
  ];
  return startOn(t, site, ["unshare", "-m", "/bin/sh", "-ec", mounts.join("\n"), "sh"]);
}

const send = (host: MailHost, to: string, subject: string) =>
  sendMail(
    host.smtp,
    { from: "li@linuxaid.com.cn", to: `${to}@linuxaid.com.cn` },
    mailText(subject, "From me\r\n"),
    { from: LAN },
  );

function needsRoot(t: TestContext): boolean {
  if (process.getuid?.() === 0) return false;
  t.skip("root alone can do this: it takes mounts of its own and users' rights");
  return true;
}

test(
  "procmail delivers by each user's recipes, with the detail, as the user",
  needs("procmail"),
  async (t) => {
    if (needsRoot(t)) return;
    const host = await hostWith(t, { mailer: "procmail" });
    host.write(
      "home/wang/.procmailrc",
      [
        "DETAIL=$1",
        "MAILDIR=$HOME",
        ":0:",
        "* ^Subject: to a folder",
        "folder",
        ":0:",
        "* DETAIL ?? ^work$",
        "work",
        ":0",
        "* ^Subject: unwanted",
        "{",
        "  EXITCODE=67",
        "  HOST",
        "}",
      ].join("\n"),
    );
    chownSync(host.path("home/wang/.procmailrc"), WANG, WANG);
    const has = (file: string, text: string) =>
      eventually(() => readFileSync(host.path(file), "utf8").includes(text), {
        what: `${text} in ${file}; the log ends\n${host.log().slice(-1500)}`,
      });

    await send(host, "wang", "to a folder");
    await has("home/wang/folder", "Subject: to a folder");
    const folder = host.read("home/wang/folder");
    assert.match(folder, /^From li@linuxaid\.com\.cn .*\nReturn-Path: <li@linuxaid\.com\.cn>\n/);
    await host.logged(/to=<wang@linuxaid\.com\.cn>.*mailer=local, .*dsn=2\.0\.0, stat=Sent/);

    await send(host, "wang+work", "for work");
    await has("home/wang/work", "Subject: for work");
    await send(host, "li", "no recipes");
    const [own] = await host.arrived("li");
    assert.match(own!.message.toString("utf8"), /Subject: no recipes/);

    await send(host, "wang", "unwanted");
    await host.logged(/to=<wang@linuxaid\.com\.cn>.*mailer=local, .*dsn=5\.1\.1, stat=User unknown/);
    const [, report] = await host.arrived("li", 2);
    assert.match(report!.message.toString("utf8"), /\nStatus: 5\.1\.1\n/);
  },
);

test("mail.local by LMTP: one transaction, each recipient's own answer", async (t) => {
  if (findProgram("mail.local") === undefined && !exists(MAIL_LOCAL)) {
    t.skip("needs mail.local (Debian package sendmail-bin)");
    return;
  }
  if (needsRoot(t)) return;
  const host = await hostWith(t, { mailer: "lmtp", lmtpCommand: `${MAIL_LOCAL} -l` });
  await sendMail(
    host.smtp,
    {
      from: "li@linuxaid.com.cn",
      to: ["wang@linuxaid.com.cn", "ghost@linuxaid.com.cn"],
    },
    mailText("by LMTP", "From me\r\n.dot\r\n"),
    { from: LAN },
  );
  const [message] = await host.arrived("wang");
  assert.match(message!.message.toString("utf8"), /Subject: by LMTP[\s\S]*\n\.dot\n/);
  await host.logged(/to=<wang@linuxaid\.com\.cn>.*mailer=local, .*stat=Sent/);
  await host.logged(/to=<ghost@linuxaid\.com\.cn>.*mailer=local, .*dsn=5\.1\.1, stat=User unknown/);
  const [report] = await host.arrived("li");
  assert.match(report!.message.toString("utf8"), /550 5\.1\.1 .*ghost.*User unknown/);
});

test("a .forward's program and file are its owner's: rights, home and names", needs("setpriv"), async (t) => {
  if (needsRoot(t)) return;
  const host = await hostWith(t, { mailer: "mbox", programDirectory: false });
  const home = host.path("home/wang");
  host.write(
    "home/wang/.forward",
    `\\wang, ${home}/kept, "|(id -u; id -G; echo $HOME $USER $LOGNAME; pwd) >who; cat >message"\n`,
  );
  chownSync(host.path("home/wang/.forward"), WANG, WANG);
  chmodSync(host.path("home/wang/.forward"), 0o644);
  await send(host, "wang", "forwarded");
  await host.arrived("wang");
  await host.logged(/mailer=prog, .*stat=Sent/);
  await host.logged(/mailer=\*file\*, .*stat=Sent/);
  assert.equal(host.read("home/wang/who"), `${WANG}\n${WANG}\n${home} wang wang\n${home}\n`);
  assert.match(host.read("home/wang/message"), /Subject: forwarded/);
  assert.match(host.read("home/wang/kept"), /^From li@linuxaid\.com\.cn [\s\S]*Subject: forwarded/);
  assert.equal(statSync(host.path("home/wang/kept")).uid, WANG);
});

function exists(path: string): boolean {
  try {
    return readFileSync(path).length > 0;
  } catch {
    return false;
  }
}
