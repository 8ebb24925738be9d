/** Nothing queued is lost when moving from Sendmail: what a real one left in its queue is delivered by mailhost, once. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startHost } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { startSink } from "../harness/sink.ts";

/** Debian's; /usr/sbin/sendmail may be another program's. */
const SENDMAIL = "/usr/libexec/sendmail/sendmail";
const CF_MACROS = "/usr/share/sendmail/cf/m4/cf.m4";

function wanted(): { skip?: string } {
  if (!existsSync(SENDMAIL)) return { skip: "needs sendmail (Debian package sendmail-bin)" };
  if (!existsSync(CF_MACROS)) return { skip: "needs cf.m4 (Debian package sendmail-cf)" };
  return needs("m4", "unshare");
}

/** A Sendmail that only queues, on files of its own. */
async function queueingSendmail(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "mailhost-sendmail-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const spool = join(dir, "mqueue");
  mkdirSync(spool);
  writeFileSync(join(dir, "aliases"), "postmaster: root\nlist: root, friend@example.net\n");
  writeFileSync(
    join(dir, "config.mc"),
    `divert(-1)
include(\`${CF_MACROS}')dnl
divert(0)dnl
OSTYPE(\`linux')dnl
define(\`confDOMAIN_NAME', \`mail.linuxaid.com.cn')dnl
define(\`QUEUE_DIR', \`${spool}')dnl
define(\`ALIAS_FILE', \`${dir}/aliases')dnl
define(\`STATUS_FILE', \`${dir}/statistics')dnl
define(\`confPID_FILE', \`${dir}/sendmail.pid')dnl
define(\`confDONT_BLAME_SENDMAIL', \`GroupWritableDirPathSafe,GroupWritableAliasFile,WorldWritableAliasFile,LinkedAliasFileInWritableDir,MapInUnsafeDirPath,AssumeSafeChown')dnl
define(\`confDONT_PROBE_INTERFACES', \`True')dnl
define(\`confDELIVERY_MODE', \`deferred')dnl
FEATURE(\`no_default_msa')dnl
FEATURE(\`nocanonify')dnl
MAILER(\`local')dnl
MAILER(\`smtp')dnl
`,
  );
  const cf = await runProgram("m4", [join(dir, "config.mc")]);
  assert.equal(cf.code, 0, cf.stderr);
  writeFileSync(join(dir, "sendmail.cf"), cf.stdout);
  // Sendmail waits a minute for a host whose name has no domain: it gets a host's name of its own.
  const script = 'hostname mail.linuxaid.com.cn; exec "$0" "$@"';
  const run = (args: string[], input: string) =>
    runProgram(
      "unshare",
      [
        ...(process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"]),
        "--uts",
        "sh",
        "-c",
        script,
        SENDMAIL,
        "-C",
        join(dir, "sendmail.cf"),
        ...args,
      ],
      { input },
    );
  return { spool, run };
}

test("a real Sendmail's queue is imported and delivered", wanted(), async (t) => {
  const sendmail = await queueingSendmail(t);
  const built = await sendmail.run(["-bi"], "");
  assert.equal(built.code, 0, `${built.stdout}${built.stderr}`);
  const queue = async (args: string[], message: string) => {
    const done = await sendmail.run(["-i", "-odd", ...args], message);
    assert.equal(done.code, 0, done.stderr);
  };
  await queue(["-f", "wang@linuxaid.com.cn", "friend@example.net"], "Subject: first\n\nhello\n.\nend\n");
  await queue(
    ["-V", "ENV1", "-R", "hdrs", "-N", "success,failure", "-f", "wang@linuxaid.com.cn", "gone@example.net"],
    "Subject: second\nPrecedence: bulk\n\n8 bit: \u00e9\u4f60\n",
  );
  await queue(["-f", "wang@linuxaid.com.cn", "li@linuxaid.com.cn"], "Subject: third\n\nat home\n");
  await queue(["-f", "wang@linuxaid.com.cn", "held@example.net"], "Subject: fourth\n\nbad\n");
  assert.equal((await sendmail.run(["-Qlooks bad", "-qRheld"], "")).code, 0);
  const left = readdirSync(sendmail.spool).filter((name) => /^[qh]f/.test(name));
  assert.equal(left.length, 4);

  const sink = await startSink("127.0.0.34", 0, {
    name: "mx.example.net",
    reply: (verb, line) => (verb === "RCPT" && line.includes("gone") ? "550 5.1.1 nobody" : undefined),
  });
  t.after(() => sink.close());
  const host = await startHost(t, {
    users: ["wang", "li"],
    settings: { relay: { port: sink.port } },
    zone: { "example.net": { mx: [[10, "mx.example.net"]] }, "mx.example.net": { a: ["127.0.0.34"] } },
  });
  const imported = await host.mailhost(["queue", "import", sendmail.spool]);
  assert.equal(imported.code, 0, `${imported.stdout}${imported.stderr}`);
  assert.match(imported.stdout, /^4 messages imported from /m);

  await host.logged(/to=<friend@example\.net>, .*stat=Sent/);
  const message = sink.messages.find(({ recipients }) => recipients.length > 0);
  assert.deepEqual(
    message?.recipients.map((to) => to.replace(/ .*/, "")),
    ["<friend@example.net>"],
  );
  assert.match(
    message!.message.toString(),
    /^Received: [\s\S]*\r\nSubject: first\r\n\r\nhello\r\n\.\r\nend\r\n$/,
  );
  const [home] = await host.arrived("li", 1);
  assert.match(home!.message.toString(), /\nSubject: third\n\nat home\n/);
  const [report] = await host.arrived("wang", 1);
  const text = report!.message.toString();
  assert.match(text, /^Original-Envelope-Id: ENV1$/m);
  assert.match(text, /^Final-Recipient: RFC822; gone@example\.net$/m);
  assert.match(text, /Content-Type: text\/rfc822-headers/);
  assert.match((await host.command("mailq", ["-qQ"])).stdout, /QUARANTINE: looks bad/);

  // Sendmail has nothing left, and neither has a second import.
  assert.deepEqual(
    readdirSync(sendmail.spool).filter((name) => /^[qh]f/.test(name)),
    [],
  );
  assert.match((await host.mailhost(["queue", "import", sendmail.spool])).stdout, /^0 messages imported/m);

  const away = mkdtempSync(join(tmpdir(), "mailhost-export-"));
  t.after(() => rmSync(away, { recursive: true, force: true }));
  assert.match((await host.mailhost(["queue", "export", away])).stdout, /^1 message exported to /m);
  assert.equal(readdirSync(away).length, 2);
});
