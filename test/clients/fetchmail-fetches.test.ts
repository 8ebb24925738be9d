/** fetchmail fetches, hands each message to a delivery program, and deletes. */
import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";

test("fetchmail fetches all messages and deletes them", needs("fetchmail"), async (t) => {
  const host = await hostWithMail(t);
  host.write(
    "fetchmailrc",
    `poll 127.0.0.1 protocol POP3 port ${host.pop3.port} auth password\n` +
      `  user "wang" password "${PASSWORD}" sslproto "" no rewrite mda "cat >> '${host.path("fetched")}'"\n`,
  );
  chmodSync(host.path("fetchmailrc"), 0o600);
  const ran = await runProgram(
    "fetchmail",
    [
      "--fetchmailrc",
      host.path("fetchmailrc"),
      "--idfile",
      host.path("fetchids"),
      "--pidfile",
      host.path("fetchmail.pid"),
    ],
    { env: { HOME: host.root, FETCHMAILHOME: host.root } },
  );
  assert.equal(ran.code, 0, `${ran.stdout}\n${ran.stderr}`);
  const fetched = readFileSync(host.path("fetched"), "latin1").replaceAll("\r\n", "\n");
  for (const body of AWKWARD_BODIES)
    assert.ok(fetched.includes(body.replaceAll("\r\n", "\n")), body.slice(-10));
  assert.equal(host.mailbox("wang").length, 0);
  const again = await runProgram(
    "fetchmail",
    [
      "--fetchmailrc",
      host.path("fetchmailrc"),
      "--idfile",
      host.path("fetchids"),
      "--pidfile",
      host.path("fetchmail.pid"),
    ],
    { env: { HOME: host.root, FETCHMAILHOME: host.root } },
  );
  assert.equal(again.code, 1, "fetchmail's code for no mail");
});
