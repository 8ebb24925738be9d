/** POP3 over a whole host: a mailbox that is so large that threads scan it in parts, as an old spool is full of. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { PASSWORD, startHost } from "../harness/host.ts";
import { loggedIn } from "../harness/pop3-client.ts";

const MESSAGES = 3600;
const LINE = `${"l".repeat(70)}\n`;

/** Message `i`, as it lies in the mailbox: 14 to 28 KiB, some with quoted lines. */
function stored(i: number): string {
  const quoted = i % 7 === 0 ? ">From here on\n>>From there\n" : "";
  return `Return-Path: <a@example.net>\nMessage-ID: <${i}@example.net>\nSubject: ${i}\n\n${LINE.repeat(200 + (i % 200))}${quoted}end ${i}\n`;
}

/** As POP3 sends it. */
const sent = (i: number) =>
  stored(i)
    .replaceAll(/^>(?=>*From )/gm, "")
    .replaceAll("\n", "\r\n");

test("a mailbox of 70 MiB that was never seen before is opened, listed, fetched and deleted from", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  const path = host.path("var/spool/mail/wang");
  const all = Array.from({ length: MESSAGES }, (_, i) => i);
  const head = "From a@example.net Tue Nov 24 21:59:01 2026\n";
  writeFileSync(path, all.map((i) => `${head}${stored(i)}\n`).join(""));
  const { uid, gid } = statSync(host.path("var/spool/mail"));
  chownSync(path, uid, gid);
  chmodSync(path, 0o660);
  assert.ok(statSync(path).size > 70 * 1024 ** 2);
  const session = await loggedIn(host.pop3, "wang", PASSWORD);
  const sizes = await session.lines("LIST");
  assert.deepEqual(
    sizes,
    all.map((i) => `${i + 1} ${sent(i).length}`),
  );
  const ids = await session.uids();
  assert.equal(new Set(ids).size, MESSAGES);
  for (const i of [0, 7, 1433, 1434, 1700, 3591, MESSAGES - 1]) {
    const message = await session.retrieve(i + 1);
    assert.ok(message.toString("latin1") === sent(i), `message ${i + 1}`);
  }
  assert.match(await session.command("DELE 2"), /^\+OK/);
  await session.quit();
  const again = await loggedIn(host.pop3, "wang", PASSWORD);
  assert.deepEqual(await again.uids(), [ids[0], ...ids.slice(2)]);
  await again.quit();
});
