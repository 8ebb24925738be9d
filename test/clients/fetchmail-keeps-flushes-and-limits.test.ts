/** fetchmail in its modes: it keeps, knows by the ids what it has, limits itself, leaves what is too large, and flushes. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { type MailHost, PASSWORD } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

const ALL = AWKWARD_BODIES.length;
const LARGE = `${"large ".repeat(20)}\r\n`.repeat(300);
/** fetchmail's codes for mail that was fetched, none that is new, and a limit that was reached. */
const [FETCHED, NOTHING, LIMIT] = [0, 1, 13];

/** Runs it with these options of a user; resolves with its code and the bodies that it has fetched so far. */
async function fetchmail(host: MailHost, options: string): Promise<{ code: number; bodies: number }> {
  host.write(
    "fetchmailrc",
    `poll 127.0.0.1 protocol POP3 port ${host.pop3.port} auth password uidl\n` +
      `  user "wang" password "${PASSWORD}" sslproto "" no rewrite ${options} mda "cat >> '${host.path("fetched")}'"\n`,
  );
  chmodSync(host.path("fetchmailrc"), 0o600);
  const files = ["fetchmailrc", "idfile", "pidfile"].flatMap((name) => [`--${name}`, host.path(name)]);
  const ran = await runProgram("fetchmail", files, { env: { HOME: host.root, FETCHMAILHOME: host.root } });
  assert.ok(ran.code <= NOTHING || ran.code === LIMIT, `${ran.code}\n${ran.stdout}\n${ran.stderr}`);
  const fetched = existsSync(host.path("fetched")) ? readFileSync(host.path("fetched"), "latin1") : "";
  return { code: ran.code, bodies: fetched.match(/^body-\d\r?$/gm)?.length ?? 0 };
}

test(
  "fetchmail keeps mail and fetches each message once, limits itself, then flushes",
  needs("fetchmail"),
  async (t) => {
    const host = await hostWithMail(t);
    const limited = await fetchmail(host, "keep fetchlimit 3");
    assert.equal(limited.bodies, 3);
    assert.deepEqual(await fetchmail(host, "keep"), { code: FETCHED, bodies: ALL });
    assert.deepEqual(await fetchmail(host, "keep"), { code: NOTHING, bodies: ALL });
    assert.equal(host.mailbox("wang").length, ALL, "all is kept");
    assert.deepEqual(await fetchmail(host, "keep fetchall"), { code: FETCHED, bodies: 2 * ALL });

    const reply = await sendMail(
      host.smtp,
      { from: "li@linuxaid.com.cn", to: "wang@linuxaid.com.cn" },
      mailText("new", `${LARGE}body-9\r\n`),
    );
    assert.equal(reply.code, 250);
    await host.arrived("wang", ALL + 1);
    const flushed = await fetchmail(host, "no keep flush limit 20000");
    assert.equal(flushed.bodies, 2 * ALL, "the new one is too large, the old ones were there");
    assert.equal(host.mailbox("wang").length, 1, "what was fetched before is gone, what is too large stays");
    assert.deepEqual(await fetchmail(host, "no keep"), { code: FETCHED, bodies: 2 * ALL + 1 });
    assert.equal(host.mailbox("wang").length, 0);
  },
);
