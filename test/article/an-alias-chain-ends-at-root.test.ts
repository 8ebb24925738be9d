/** The article, section 4: MAILER-DAEMON is postmaster, postmaster is root. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ARTICLE_FILES, OUTSIDE, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { sendMail } from "../harness/smtp-client.ts";

test("an alias chain ends at root, a list reaches each member once, and a loop is told by name", async (t) => {
  const host = await startHost(t, {
    users: ["wang", "li"],
    files: {
      "etc/mail/aliases": `${ARTICLE_FILES["etc/mail/aliases"]}staff: wang, li, Sales\nsales: li, wang\n`,
    },
  });
  for (const to of [
    "mailer-daemon@linuxaid.com.cn",
    "Postmaster@mail.linuxaid.com.cn",
    "postmaster",
    "staff@linuxaid.com.cn",
  ]) {
    const reply = await sendMail(host.smtp, { from: "a@example.net", to }, mailText(to), { from: OUTSIDE });
    assert.equal(reply.code, 250, `${to}: ${reply.text}`);
  }
  assert.equal((await host.arrived("root", 3)).length, 3);
  await host.arrived("wang");
  await host.arrived("li");
  assert.equal(host.mailbox("wang").length, 1, "wang is in staff twice");
  assert.equal(host.mailbox("li").length, 1, "li is in staff twice");

  host.write("etc/mail/aliases", "one: two\ntwo: three\nthree: one\n");
  const loop = await host.command("newaliases", []);
  assert.equal(loop.code, 65, loop.stdout);
  for (const name of ["one", "two", "three"]) assert.match(loop.stderr, new RegExp(`\\b${name}\\b`));
});

test("newaliases compiles the article's aliases and says how many, and the host goes by them", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const made = await host.command("newaliases", []);
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /: 5 aliases, longest \d+ bytes, \d+ bytes total\n$/);
  const reply = await sendMail(
    host.smtp,
    { from: "", to: "nobody@linuxaid.com.cn" },
    mailText("null sender"),
  );
  assert.equal(reply.code, 250, reply.text);
  const [entry] = await host.arrived("root");
  assert.match(entry!.from, /^From MAILER-DAEMON /);
});
