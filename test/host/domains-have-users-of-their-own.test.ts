// time limit: 300 s
/**
 * alice@a.example and alice@b.example are two people, and neither is the plain alice: over SMTP, POP3 by every mechanism, the
 * undo window, real clients, and a kill in between.
 */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../harness/eventually.ts";
import { type MailHost, PASSWORD, prepareSite, type Scope, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { addAccounts } from "../harness/many-accounts.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { loggedIn, openPop3 } from "../harness/pop3-client.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

const POPAUTH = fileURLToPath(new URL("../../packages/pop3/bin/popauth.js", import.meta.url));
const SECRET = "another secret";
/** Mailboxes below the spool, and who they are. */
const PEOPLE = [
  { name: "alice@a.example", path: "a.example/alice" },
  { name: "alice@b.example", path: "b.example/alice" },
  { name: "alice", path: "alice" },
] as const;

const FILES = {
  "etc/mail/local-host-names": "mail.linuxaid.com.cn\nlinuxaid.com.cn\na.example\nb.example\n",
  "etc/mail/aliases": "postmaster: root\nabuse: alice@a.example\ninfo@b.example: alice@b.example, alice\n",
  "etc/mail/virtusertable": "sales@a.example alice@b.example\n",
};

async function hostWithDomains(t: Scope, settings = {}): Promise<MailHost> {
  const site = await prepareSite(t, { files: FILES, settings });
  await addAccounts(site, [...PEOPLE.map(({ name }) => name), "bob"]);
  const made = await site.command(
    "makemap",
    ["hash", site.path("etc/mail/virtusertable")],
    FILES["etc/mail/virtusertable"],
  );
  assert.equal(made.code, 0, made.stderr);
  return startOn(t, site);
}

/** Sends each person a message that says whose it is. */
async function sendToAll(host: MailHost): Promise<void> {
  for (const { name } of PEOPLE) {
    const to = name.includes("@") ? name : `${name}@linuxaid.com.cn`;
    const reply = await sendMail(host.smtp, { from: "li@far.example", to }, mailText(`for ${name}`));
    assert.equal(reply.code, 250, reply.text);
  }
  for (const { path } of PEOPLE) await host.arrived(path);
}

function subjectsOf(host: MailHost, path: string): string[] {
  return host
    .mailbox(path)
    .map(({ message }) => /^Subject: (.*?)\r?$/m.exec(message.toString("latin1"))?.[1] ?? "");
}

test("each has a mailbox of its own, over SMTP and POP3", async (t) => {
  const host = await hostWithDomains(t);
  await sendToAll(host);
  for (const { name, path } of PEOPLE) {
    assert.deepEqual(subjectsOf(host, path), [`for ${name}`]);
    for (const user of name.includes("@") ? [name, name.toUpperCase(), name.replace("@", "%")] : [name]) {
      const session = await loggedIn(host.pop3, user, PASSWORD);
      assert.match((await session.retrieve(1)).toString(), new RegExp(`^Subject: for ${name}\r$`, "m"));
      assert.equal(await session.count(), 1);
      await session.quit();
    }
  }
  // Each from an address of its own: whoever is wrong often waits for longer and longer.
  const nobodies = ["bob@a.example", "carol@a.example", "alice@c.example", "alice%c.example", "@a.example"];
  for (const [i, user] of nobodies.entries()) {
    const session = await openPop3(host.pop3, { from: `127.0.0.${20 + i}` });
    assert.match(await session.login(user, PASSWORD), /^-ERR/, user);
    session.close();
  }
  const log = host.log();
  assert.match(log, /to=<alice@a\.example>.*mailer=local.*stat=Sent/);
  assert.match(log, /popper\[\d+\]: .*alice@b\.example/);
});

test("whom a domain does not know is unknown there; aliases and virtusertable hold", async (t) => {
  const host = await hostWithDomains(t);
  const smtp = await openSmtp(host.smtp);
  await smtp.command("EHLO client.test");
  await smtp.command("MAIL FROM:<li@far.example>");
  const rcpt = async (address: string) => (await smtp.command(`RCPT TO:<${address}>`)).code;
  assert.equal(await rcpt("bob@a.example"), 550);
  assert.equal(await rcpt("bob@linuxaid.com.cn"), 250);
  assert.equal(await rcpt("postmaster@a.example"), 250);
  assert.equal(await rcpt("alice+news@a.example"), 250);
  await smtp.command("RSET");
  await smtp.quit();
  for (const [to, paths] of [
    ["abuse@b.example", ["a.example/alice"]],
    ["sales@a.example", ["b.example/alice"]],
    ["info@b.example", ["alice", "b.example/alice"]],
  ] as const) {
    await sendMail(host.smtp, { from: "li@far.example", to }, mailText(`to ${to}`));
    for (const path of paths)
      await eventually(() => subjectsOf(host, path).includes(`to ${to}`), { what: `${to} in ${path}` });
  }
  assert.equal(host.mailbox("bob").length, 0);
});

test("sendmail -bv, trace, the mailbox commands and the report of a message name the whole address", async (t) => {
  const host = await hostWithDomains(t, { pop3: { keepRemoved: "1d" } });
  await sendToAll(host);
  const verified = await host.command("sendmail", ["-bv", "alice@a.example", "info@b.example"]);
  assert.equal(
    verified.stdout,
    "alice@a.example... deliverable: mailer local, user alice@a.example\n" +
      "alice... deliverable: mailer local, user alice\nalice@b.example... deliverable: mailer local, user alice@b.example\n",
  );
  const traced = await host.mailhost(["trace", "--from-ip", "192.0.2.1", "alice@b.example"]);
  assert.match(traced.stdout, /to mailbox \S+\/var\/spool\/mail\/b\.example\/alice$/m, traced.stderr);
  const session = await loggedIn(host.pop3, "alice@a.example", PASSWORD);
  assert.match(await session.command("DELE 1"), /^\+OK/);
  await session.quit();
  assert.equal(host.mailbox("a.example/alice").length, 0);
  assert.equal(host.mailbox("alice").length, 1);
  const removed = await host.mailhost(["mailbox", "removed", "alice@a.example", "--json"]);
  assert.equal((JSON.parse(removed.stdout) as { subject: string }[])[0]?.subject, "for alice@a.example");
  const restored = await host.mailhost(["mailbox", "restore", "alice@a.example"]);
  assert.equal(restored.stdout, "restored 1 message of alice@a.example\n", restored.stderr);
  assert.deepEqual(subjectsOf(host, "a.example/alice"), ["for alice@a.example"]);
  const usage = await host.mailhost(["mailbox", "usage"]);
  assert.deepEqual(
    usage.stdout
      .trim()
      .split("\n")
      .map((line) => line.split("\t")[0]),
    ["alice", "alice@a.example", "alice@b.example", "bob"],
  );
});

test("whoever logs in for sending sends under the own address, not under the same name's of another domain", async (t) => {
  const host = await hostWithDomains(t);
  const smtp = await openSmtp(host.submission);
  await smtp.command("EHLO client.test");
  const login = (user: string) =>
    smtp.command(`AUTH PLAIN ${Buffer.from(`\0${user}\0${PASSWORD}`).toString("base64")}`);
  assert.equal((await login("nobody@a.example")).code, 535);
  assert.equal((await login("alice@a.example")).code, 235);
  const from = async (address: string) => {
    const { code } = await smtp.command(`MAIL FROM:<${address}>`);
    const recipient = await smtp.command("RCPT TO:<someone@far.example>");
    await smtp.command("RSET");
    return code === 250 && recipient.code === 250;
  };
  assert.equal(await from("alice@a.example"), true);
  assert.equal(await from("alice+shop@a.example"), true);
  assert.equal(await from("abuse@a.example"), true, "an alias of hers");
  for (const other of ["alice@b.example", "alice@linuxaid.com.cn", "bob@a.example", "sales@a.example"])
    assert.equal(await from(other), false, other);
  await smtp.quit();
});

test("APOP and CRAM-MD5 by the whole address, each with its own secret", needs("curl"), async (t) => {
  const host = await hostWithDomains(t);
  await sendToAll(host);
  for (const [args, input] of [
    [["-init"], ""],
    [["-user", "alice@a.example"], `${SECRET}\n`],
  ] as const) {
    const ran = await runProgram(process.execPath, [POPAUTH, ...args, "--root", host.root], { input });
    assert.equal(ran.code, 0, ran.stderr);
  }
  const fetched = (user: string, mechanism: string) =>
    runProgram("curl", [
      ...["--silent", "--show-error", "--login-options", `AUTH=${mechanism}`, "--user", `${user}:${SECRET}`],
      `pop3://127.0.0.1:${host.pop3.port}/1`,
    ]);
  for (const mechanism of ["+APOP", "CRAM-MD5"]) {
    const right = await fetched("alice@a.example", mechanism);
    assert.match(right.stdout, /^Subject: for alice@a\.example/m, right.stderr);
    assert.notEqual((await fetched("alice@b.example", mechanism)).code, 0);
  }
});

test("fetchmail and mpop fetch by name@domain", needs("fetchmail", "mpop"), async (t) => {
  const host = await hostWithDomains(t);
  await sendToAll(host);
  host.write(
    "fetchmailrc",
    `poll 127.0.0.1 protocol POP3 port ${host.pop3.port} auth password\n` +
      `  user "alice@a.example" password "${PASSWORD}" sslproto "" no rewrite mda "cat >> '${host.path("fetched")}'"\n`,
  );
  host.write(
    "mpoprc",
    [
      ...["account alice", "host 127.0.0.1", `port ${host.pop3.port}`, "user alice@b.example"],
      ...[`password "${PASSWORD}"`, "tls off", "auth user", "received_header off", "keep off"],
      ...[`delivery mbox ${host.path("popped")}`, `uidls_file ${host.path("uidls")}\n`],
    ].join("\n"),
  );
  for (const file of ["fetchmailrc", "mpoprc"]) chmodSync(host.path(file), 0o600);
  const fetchmail = await runProgram(
    "fetchmail",
    [
      ...["--fetchmailrc", host.path("fetchmailrc"), "--idfile", host.path("ids")],
      ...["--pidfile", host.path("fetchmail.pid")],
    ],
    { env: { HOME: host.root, FETCHMAILHOME: host.root } },
  );
  assert.equal(fetchmail.code, 0, `${fetchmail.stdout}\n${fetchmail.stderr}`);
  assert.match(host.read("fetched"), /^Subject: for alice@a\.example/m);
  const mpop = await runProgram("mpop", [`--file=${host.path("mpoprc")}`, "--quiet", "alice"]);
  assert.equal(mpop.code, 0, mpop.stderr);
  assert.equal(readMbox(host.path("popped")).length, 1);
  assert.match(host.read("popped"), /^Subject: for alice@b\.example/m);
  assert.equal(host.mailbox("a.example/alice").length, 0);
  assert.equal(host.mailbox("b.example/alice").length, 0);
  assert.equal(host.mailbox("alice").length, 1);
});

test("kill -9 of delivery and fetching loses nothing, and what a crash left is mended at start", async (t) => {
  const host = await hostWithDomains(t, { queue: { interval: "500ms" }, mailbox: { hashSpool: 1 } });
  const path = "a.example/q/alice";
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) {
      const to = "alice@a.example";
      const reply = await sendMail(host.smtp, { from: "li@far.example", to }, mailText(`${round} ${i}`));
      assert.equal(reply.code, 250);
    }
    host.signal("mailhost", "SIGKILL");
    await host.ended();
    if (round === 0) {
      // A dotlock of the dead, and mail of a session that died under Qpopper.
      mkdirSync(host.path(`var/spool/mail/${path}.lock`), { recursive: true });
      utimesSync(host.path(`var/spool/mail/${path}.lock`), 1_700_000_000, 1_700_000_000);
      writeFileSync(
        host.path("var/spool/mail/a.example/q/.alice.pop"),
        "From li Tue Nov 24 21:59:01 2026\nSubject: from a drop\n\nx\n\n",
      );
    }
    await host.start();
  }
  await eventually(() => host.mailbox(path).length >= 30, { within: 60_000, what: "30 messages" });
  const session = await loggedIn(host.pop3, "alice@a.example", PASSWORD);
  assert.equal(await session.count(), 31);
  await session.quit();
  const subjects = subjectsOf(host, path);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 10; i++) assert.equal(subjects.filter((s) => s === `${round} ${i}`).length, 1);
  }
  assert.equal(subjects.filter((s) => s === "from a drop").length, 1);
  assert.ok(!existsSync(host.path("var/spool/mail/a.example/q/.alice.pop")));
});

test("procmail is told the whole address and the domain", needs("procmail"), async (t) => {
  const site = await prepareSite(t, { files: FILES, users: ["alice@a.example", "alice"] });
  site.write("domains.rc", "SHELL=/bin/sh\n:0 w\n| cat > $OUT/$BOX.$DOMAIN\n");
  mkdirSync(site.path("delivered"), { mode: 0o777 });
  chmodSync(site.root, 0o755);
  chmodSync(site.path("delivered"), 0o777);
  const command = `/usr/bin/procmail -t -Y -m OUT=${site.path("delivered")} BOX=$u DOMAIN=$d ${site.path("domains.rc")}`;
  const settings = JSON.parse(site.read("etc/mail/mailhost.yaml")) as Record<string, unknown>;
  site.write(
    "etc/mail/mailhost.yaml",
    JSON.stringify({ ...settings, local: { mailer: "procmail", procmailCommand: command } }),
  );
  const host = await startOn(t, site);
  const reply = await sendMail(
    host.smtp,
    { from: "li@far.example", to: "alice@a.example" },
    mailText("by procmail"),
  );
  assert.equal(reply.code, 250);
  const file = host.path("delivered/alice@a.example.a.example");
  await eventually(
    () => existsSync(file) && host.read("delivered/alice@a.example.a.example").includes("by procmail"),
    {
      within: 30_000,
      what: `procmail's file; the log ends\n${host.log().slice(-2000)}`,
    },
  );
});
