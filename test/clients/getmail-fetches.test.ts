/** getmail fetches into an mbox, knows by the ids what it has, deletes what is old enough, and sorts a multidrop mailbox. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { runGetmail } from "../harness/getmail.ts";
import { PASSWORD } from "../harness/host.ts";
import { IS_ROOT, SOMEBODY } from "../harness/local-users.ts";
import { mailText } from "../harness/mail.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("getmail keeps, fetches each message once, deletes and sorts", needs("getmail"), async (t) => {
  const host = await hostWithMail(t);
  const all = AWKWARD_BODIES.length;
  mkdirSync(host.path("getmail"));
  host.write("fetched", "");
  // It delivers nothing as root.
  const asWhom = IS_ROOT ? `user = ${SOMEBODY}\n` : "";
  if (IS_ROOT) {
    chmodSync(host.root, 0o755);
    const { stdout } = await runProgram("id", ["-u", SOMEBODY]);
    chownSync(host.path("fetched"), Number(stdout), -1);
  }
  const getmail = async (options: string, retriever = "SimplePOP3Retriever", more = "") => {
    host.write(
      "getmail/getmailrc",
      `[retriever]\ntype = ${retriever}\nserver = 127.0.0.1\nport = ${host.pop3.port}\nusername = wang\npassword = ${PASSWORD}\n${more}` +
        `[destination]\ntype = Mboxrd\npath = ${host.path("fetched")}\n${asWhom}` +
        `[options]\nverbose = 0\nreceived = false\ndelivered_to = false\n${options}\n`,
    );
    const ran = await runGetmail(["-g", host.path("getmail")], { env: { HOME: host.root } });
    assert.equal(ran.code, 0, `${ran.stdout}\n${ran.stderr}`);
    return readMbox(host.path("fetched"));
  };
  const first = await getmail("read_all = false");
  assert.equal(first.length, all);
  for (const [i, body] of AWKWARD_BODIES.entries()) {
    assert.ok(
      first[i]!.message.toString().endsWith(`\n\n${body.replaceAll("\r\n", "\n")}`),
      `message ${i + 1}`,
    );
  }
  assert.equal((await getmail("read_all = false\ndelete_after = 7")).length, all, "none is new, none is old");
  assert.equal(host.mailbox("wang").length, all);
  const text = `Delivered-To: sales@linuxaid.com.cn\r\n${mailText("multidrop")}`;
  await sendMail(host.smtp, { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" }, text);
  await host.arrived("wang", all + 1);
  const envelope = "envelope_recipient = delivered-to:1\n";
  assert.equal((await getmail("read_all = false\ndelete = true")).length, all + 1, "one more");
  assert.equal(host.mailbox("wang").length, 0);
  await sendMail(host.smtp, { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" }, text);
  await host.arrived("wang");
  const sorted = await getmail("read_all = false\ndelete = true", "MultidropPOP3Retriever", envelope);
  assert.equal(sorted.length, all + 2);
  assert.equal(host.mailbox("wang").length, 0);
});
