/** `sendmail` from users who have no privilege whatever, with and without a daemon. */
import assert from "node:assert/strict";
import { readdirSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { prepareSite, startHost, startOn } from "../harness/host.ts";
import { asUser, IS_ROOT, SOMEBODY, sendmailAsUser } from "../harness/local-users.ts";
import { needs } from "../harness/programs.ts";

const ME = IS_ROOT ? SOMEBODY : userInfo().username;
/** One's own name as sender needs no excuse; another is noted, but for trusted users. */
const WARNING = `X-Authentication-Warning: mail.linuxaid.com.cn: ${ME} set sender to boss@far.example using -f`;

test("a user's message is taken at once by the daemon, as the user's", needs("setpriv"), async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const sent = await sendmailAsUser(host, ["-t", "-fboss@far.example"], "To: wang\nSubject: one\n\nhello\n");
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  const [entry] = await host.arrived("wang");
  const { header } = entry!;
  assert.match(header.join("\n"), new RegExp(`^Received: \\(from ${ME}@localhost\\)`, "m"));
  assert.ok(header.includes("Return-Path: <boss@far.example>"), header.join("\n"));
  assert.equal(header.includes(WARNING), ME !== "root", header.join("\n"));
  await eventually(() => readdirSync(host.path("var/spool/clientmqueue")).length === 0, {
    what: "an empty drop folder",
  });
});

test("without a daemon the message waits for its start", needs("setpriv"), async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  const first = await startOn(t, site);
  await first.stop();
  const sent = await sendmailAsUser(site, ["wang"], "Subject: later\n\nhello\n");
  assert.deepEqual([sent.code, sent.stderr], [0, ""]);
  assert.deepEqual(site.mailbox("wang"), []);
  await startOn(t, site);
  const [entry] = await site.arrived("wang");
  assert.match(entry!.message.toString(), /^Subject: later$/m);
});

test(
  "users may put files into the drop folder, and neither list it nor take others' away",
  needs("setpriv"),
  async (t) => {
    const site = await prepareSite(t);
    const host = await startOn(t, site);
    await host.stop();
    const folder = site.path("var/spool/clientmqueue");
    assert.equal(statSync(folder).mode & 0o7777, 0o3733);
    await sendmailAsUser(site, ["root"], "hello\n");
    if (!IS_ROOT) return;
    const [name] = readdirSync(folder);
    const file = statSync(`${folder}/${name}`);
    assert.equal(file.mode & 0o777, 0o640);
    assert.notEqual((await asUser(site, "ls", [folder])).code, 0);
    const thief = ["--reuid=daemon", "--regid=nogroup", "--clear-groups", "--"];
    const { runProgram } = await import("../harness/programs.ts");
    assert.notEqual((await runProgram("setpriv", [...thief, "rm", "-f", `${folder}/${name}`])).code, 0);
    assert.notEqual((await runProgram("setpriv", [...thief, "cat", `${folder}/${name}`])).code, 0);
  },
);

test("-bs serves a session of a user's own", needs("setpriv"), async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const dialogue = [
    "EHLO here",
    "MAIL FROM:<a@far.example>",
    "RCPT TO:<wang>",
    "DATA",
    "Subject: bs",
    "",
    "x",
    ".",
    "QUIT",
    "",
  ];
  const ran = await sendmailAsUser(host, ["-bs"], dialogue.join("\r\n"));
  assert.equal(ran.code, 0, ran.stderr);
  assert.match(ran.stdout, /^220 mail\.linuxaid\.com\.cn ESMTP/);
  assert.match(ran.stdout, /\n250 2\.0\.0 \S+ Message accepted for delivery\r\n221 2\.0\.0 /);
  const [entry] = await host.arrived("wang");
  assert.ok(entry!.header.includes("Return-Path: <a@far.example>"), entry!.header.join("\n"));
  assert.match(entry!.message.toString(), /^Subject: bs$/m);
});

test("restrictmailq and restrictqrun", needs("setpriv"), async (t) => {
  const host = await startHost(t, { settings: { smtp: { privacy: ["restrictmailq", "restrictqrun"] } } });
  const list = await sendmailAsUser(host, ["-bp"], "");
  const run = await sendmailAsUser(host, ["-q"], "");
  if (!IS_ROOT) {
    assert.deepEqual([list.code, run.code], [0, 0]);
    return;
  }
  assert.deepEqual([list.code, list.stderr], [77, "510 You are not permitted to see the queue\n"]);
  assert.deepEqual([run.code, run.stderr], [77, "You do not have permission to process the queue\n"]);
});
