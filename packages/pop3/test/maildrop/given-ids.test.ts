/** What other servers called a message, from its header to UIDL and LAST. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import type { UidFormat } from "@mailhost/common/settings/pop3-settings";
import { openIndexStore } from "../../src/maildrop/index-store.ts";
import { refreshIndex } from "../../src/maildrop/refresh.ts";
import { loggedIn } from "../harness/client.ts";
import { memoryLog, startServer, temporarySite } from "../harness/server.ts";

const FROM = "From a@example.net Tue Nov 24 21:00:01 2026\n";
const DOVECOT = [
  "X-IMAPbase: 1234567890 0000000172\nX-UID: 171\nStatus: RO\nSubject: one\n",
  "X-UID: 172\nStatus: O\nX-UIDL: was-qpopper\nSubject: two\n",
  "Subject: new, delivered by us\n",
].map((header) => `${FROM}${header}\ntext\n\n`);

/** A mailbox, looked at by one rule after the other over one store. */
function mailbox(t: TestContext, content: string) {
  const site = temporarySite(t);
  const path = join(site.spoolDir, "wang");
  writeFileSync(path, content, "latin1");
  const store = openIndexStore(site, { log: memoryLog([]), clock: systemClock });
  t.after(() => store.close());
  return async (format: UidFormat) => {
    const file = await open(path, "r");
    const { index, how, unchanged } = await refreshIndex(file, await store.read("wang"), format);
    await file.close();
    await store.write("wang", index, unchanged);
    return { how, uids: [...index.messages].map(({ uid }) => uid), index };
  };
}

test("ids as Dovecot, UW, Courier and Cyrus write them, ours for messages that they never saw", async (t) => {
  const look = mailbox(t, DOVECOT.join(""));
  const own = (await look("default")).uids[2]!;
  assert.match(own, /^[0-9a-f]{32}$/);
  // As Dovecot 2.3.19 answers UIDL on this mailbox with these values of pop3_uidl_format.
  const expected: Readonly<Record<string, string[]>> = {
    dovecot: ["000000ab499602d2", "000000ac499602d2"],
    uw: ["499602d2000000ab", "499602d2000000ac"],
    courier: ["1234567890-171", "1234567890-172"],
    cyrus: ["1234567890.171", "1234567890.172"],
  };
  for (const [format, ids] of Object.entries(expected)) {
    const seen = await look(format as UidFormat);
    assert.deepEqual(seen.uids, [...ids, own], format);
    assert.equal(seen.how, "scanned");
    assert.equal((await look(format as UidFormat)).how, "kept");
  }
  assert.equal((await look("default")).uids[1], "was-qpopper");
});

test("without a UIDVALIDITY there are no such ids", async (t) => {
  const look = mailbox(t, DOVECOT.slice(1).join(""));
  const { uids } = await look("courier");
  assert.equal(uids[0], "was-qpopper");
  assert.match(uids[1]!, /^[0-9a-f]{32}$/);
});

test("Qpopper's ids: the field in either length, else the MD5 of old style", async (t) => {
  const headers = [
    'X-UIDL: !"#abcDEF+-*/0123456\nSubject: a\n',
    `X-UIDL: ${"0123456789abcdef".repeat(2)}\nSubject: b\n`,
    "Received: from a\n\tby b\nDate: today\nFrom: x\nmessage-id: <1@x>\nSubject: c\xe9\n d\n",
  ];
  const look = mailbox(t, headers.map((header) => `${FROM}${header}\ntext\n\n`).join(""));
  const hashed = `${FROM}Received: from a\nDate: today\nmessage-id: <1@x>\nSubject: c\xe9\n`;
  const md5 = createHash("md5").update(Buffer.from(hashed, "latin1")).digest("hex");
  assert.deepEqual((await look("qpopper")).uids, ['!"#abcDEF+-*/0123456', "0123456789abcdef".repeat(2), md5]);
});

test("new mail keeps to the rule, and two messages with one id stay apart", async (t) => {
  const look = mailbox(t, `${DOVECOT.join("")}${DOVECOT[1]!.replace("two", "another")}`);
  const { uids } = await look("courier");
  assert.equal(uids[1], "1234567890-172");
  assert.equal(new Set(uids).size, 4);
});

test("LAST begins at the last message with Status: R, and RSET goes back to it", async (t) => {
  const server = await startServer(t);
  const message = (status: string) => `${FROM}${status}Subject: a\n\ntext\n\n`;
  writeFileSync(server.mbox("wang"), ["", "Status: RO\n", "Status: O\n", ""].map(message).join(""));
  for (let round = 0; round < 2; round++) {
    const client = await loggedIn(server.port);
    assert.equal(await client.command("LAST"), "+OK 2 is the last message seen.");
    await client.retrieve(4);
    assert.equal(await client.command("LAST"), "+OK 4 is the last message seen.");
    await client.command("RSET");
    assert.equal(await client.command("LAST"), "+OK 2 is the last message seen.");
    client.drop();
  }
});
