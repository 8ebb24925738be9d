/** `|program` and `/file` of aliases: what they get, what their end says of the mail, and that a crash delivers nothing twice. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { ARTICLE_FILES, type HostOptions, LAN, prepareSite, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { sendMail } from "../harness/smtp-client.ts";

/** Whoever runs the test runs the programs. */
const SELF = `${process.getuid!()}:${process.getgid!()}`;

/** A host whose aliases run scripts of its own root. */
async function hostWith(
  t: Parameters<typeof prepareSite>[0],
  scripts: Readonly<Record<string, string>>,
  aliases: (root: string) => string,
  local: HostOptions["settings"] = {},
) {
  const site = await prepareSite(t, {
    users: ["wang", "li"],
    settings: { local: { programDirectory: false, defaultUser: SELF, ...local } },
  });
  for (const [name, text] of Object.entries(scripts)) {
    site.write(name, `#!/bin/sh\ncd ${site.root}\n${text}\n`);
    chmodSync(site.path(name), 0o755);
  }
  site.write("etc/mail/aliases", `${ARTICLE_FILES["etc/mail/aliases"]}${aliases(site.root)}`);
  return startOn(t, site);
}

const from = { from: LAN };
const send = (host: Awaited<ReturnType<typeof hostWith>>, to: string, subject = to) =>
  sendMail(
    host.smtp,
    { from: "wang@linuxaid.com.cn", to: `${to}@linuxaid.com.cn` },
    mailText(subject, "From me\r\n"),
    from,
  );

test("a program gets the message; its exit code decides; what it prints is in the report", async (t) => {
  const host = await hostWith(
    t,
    {
      take: 'cat >"taken.$1"',
      refuse: 'echo "no $1 here"; cat >/dev/null; exit 67',
      later: "test -e open || exit 75; cat >taken.later",
    },
    (root) => `ok: "|${root}/take one"\nnobody-home: "|${root}/refuse two"\nbusy: |${root}/later\n`,
  );
  assert.equal((await send(host, "ok")).code, 250);
  await host.logged(/to="?\|.*take one"?, ctladdr=.*mailer=prog, .*dsn=2\.0\.0, stat=Sent/);
  assert.match(
    host.read("taken.one"),
    /^From wang@linuxaid\.com\.cn \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\nReceived: [\s\S]*\nSubject: ok\n[\s\S]*\n\nFrom me\n+$/,
  );
  await send(host, "nobody-home");
  const [report] = await host.arrived("wang");
  const text = report!.message.toString("utf8");
  assert.match(text, /\|\S+refuse two/);
  assert.match(text, /\n {4}\(reason: .*User unknown\)/);
  assert.match(text, /\nno two here\n/);
  assert.match(text, /\nStatus: 5\.1\.1\n/);
  await host.logged(/mailer=prog, .*dsn=5\.1\.1, stat=User unknown/);

  await send(host, "busy");
  await host.logged(
    /mailer=prog, .*dsn=4\.0\.0, stat=Deferred: prog mailer \(\/bin\/sh\) exited with EX_TEMPFAIL/,
  );
  host.write("open", "");
  await host.mailhost(["queue", "run"]);
  await eventually(() => existsSync(host.path("taken.later")), { what: "the second attempt" });
});

test("a program that takes too long is ended and its message stays", async (t) => {
  const host = await hostWith(
    t,
    { hang: "test -e done || sleep 600; cat >taken" },
    (root) => `slow: "|${root}/hang"\nwith: wang, slow\n`,
    { programTimeout: "1s" },
  );
  await send(host, "with");
  await host.arrived("wang");
  await host.logged(/mailer=prog, .*stat=Deferred: prog mailer \(\/bin\/sh\) did not end within 1 seconds/);
  host.write("done", "");
  await host.mailhost(["queue", "run"]);
  await eventually(() => existsSync(host.path("taken")), { what: "the second attempt" });
  assert.equal(host.mailbox("wang").length, 1);
});

test("a mailbox beside a running program is delivered once, though the mta dies meanwhile", async (t) => {
  const host = await hostWith(
    t,
    { slow: "echo >>started; while ! test -e go; do sleep 0.1; done; cat >taken.$$; mv taken.$$ taken" },
    (root) => `both: wang, "|${root}/slow"\n`,
  );
  await send(host, "both");
  await host.arrived("wang");
  const starts = () => (existsSync(host.path("started")) ? readFileSync(host.path("started")).length : 0);
  await eventually(() => starts() === 1, { what: "the program's start" });
  const queued = async () => (await host.command("mailq", [])).stdout;
  await eventually(async () => /slow/.test(await queued()) && !(await queued()).includes("<wang@mail."), {
    what: "the record of the delivery",
  });
  host.write("go", "");
  host.signal("mta", "SIGKILL");
  await eventually(() => existsSync(host.path("taken")), { within: 30_000, what: "the program's next run" });
  await host.logged(/mailer=prog, .*stat=Sent/);
  assert.equal(host.mailbox("wang").length, 1);
  assert.ok(starts() >= 2);
});

test("a host that stops does not wait for a program to its time limit, and tries it again after the start", async (t) => {
  const host = await hostWith(
    t,
    { slow: "echo >>started; test -e go || sleep 600; cat >taken" },
    (root) => `slow: "|${root}/slow"\n`,
  );
  await send(host, "slow");
  await eventually(() => existsSync(host.path("started")), { what: "the program's start" });
  assert.equal(await host.stop(), 0);
  assert.match(
    host.log(),
    /mailer=prog, .*stat=Deferred: prog mailer \(\/bin\/sh\) was ended: mailhost stops/,
  );
  host.write("go", "");
  await host.start();
  await host.mailhost(["queue", "run"]);
  await eventually(() => existsSync(host.path("taken")), { what: "the second attempt" });
});

test("with a folder of programs no other program runs", async (t) => {
  const host = await hostWith(
    t,
    { "etc/mail/smrsh/take": 'cat >"taken.$1"' },
    () => 'ok: "|/usr/local/bin/take one"\nbad: "|/bin/cat /etc/passwd"\n',
    { programDirectory: "etc/mail/smrsh" },
  );
  await send(host, "ok");
  await host.logged(/mailer=prog, .*stat=Sent/);
  assert.match(host.read("taken.one"), /\nSubject: ok\n/);
  await send(host, "bad");
  const [report] = await host.arrived("wang");
  assert.match(
    report!.message.toString("utf8"),
    /smrsh: "cat" not available for sendmail programs \(stat failed\)/,
  );
  await host.logged(/mailer=prog, .*dsn=5\.0\.0, stat=Service unavailable/);
});

test("a file grows by mbox messages; one that may not be written gives the mail back", async (t) => {
  const host = await hostWith(
    t,
    {},
    (root) => `archive: ${root}/archive\nbad: ${root}/etc\nnowhere: /dev/null\n`,
  );
  await send(host, "archive", "first");
  await host.logged(/to="?\/.*\/archive"?, .*mailer=\*file\*, .*dsn=2\.0\.0, stat=Sent/);
  await send(host, "archive", "second");
  await eventually(() => /Subject: second/.test(host.read("archive")), { what: "the second message" });
  const archive = host.read("archive");
  assert.equal(archive.match(/^From wang@linuxaid\.com\.cn /gm)?.length, 2);
  assert.match(archive, /\n>From me\n/);
  await send(host, "nowhere");
  await host.logged(/to="?\/dev\/null"?, .*mailer=\*file\*, .*stat=Sent/);
  await send(host, "bad");
  await host.logged(/mailer=\*file\*, .*dsn=5\.0\.0, stat=Can't create output/);
  const [report] = await host.arrived("wang");
  assert.match(report!.message.toString("utf8"), /Can't create output/);
});
