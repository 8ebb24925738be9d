/** curl lists, fetches and deletes over POP3. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { OUTSIDE, PASSWORD } from "../harness/host.ts";
import { needs, runProgram } from "../harness/programs.ts";

test("curl lists, fetches byte for byte and deletes", needs("curl"), async (t) => {
  const host = await hostWithMail(t);
  const curl = (path: string, ...more: string[]) =>
    runProgram("curl", [
      ...["--silent", "--show-error", "--interface", OUTSIDE, "--user", `wang:${PASSWORD}`, ...more],
      `pop3://127.0.0.1:${host.pop3.port}/${path}`,
    ]);
  const list = await curl("");
  assert.equal(list.code, 0, list.stderr);
  assert.equal(list.stdout.trim().split("\r\n").length, AWKWARD_BODIES.length);
  for (const [i, body] of AWKWARD_BODIES.entries()) {
    const fetched = await curl(String(i + 1));
    assert.equal(fetched.code, 0, fetched.stderr);
    assert.ok(fetched.stdout.endsWith(`\r\n\r\n${body}`), JSON.stringify(fetched.stdout.slice(-200)));
  }
  const deleted = await curl("1", "--request", "DELE", "--list-only");
  assert.equal(deleted.code, 0, deleted.stderr);
  assert.equal(host.mailbox("wang").length, AWKWARD_BODIES.length - 1);
  const wrong = await runProgram("curl", [
    "--silent",
    "--user",
    "wang:no",
    `pop3://127.0.0.1:${host.pop3.port}/`,
  ]);
  assert.equal(wrong.code, 67, "curl's code for a login that was denied");
});
