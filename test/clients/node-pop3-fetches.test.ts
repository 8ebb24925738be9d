/** node-pop3, a client that programs in Node use: each of its methods against the host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import Pop3Command from "node-pop3";
import { AWKWARD_BODIES, hostWithMail } from "../harness/filled-mailbox.ts";
import { PASSWORD } from "../harness/host.ts";

test("node-pop3's methods all do what they say", async (t) => {
  const host = await hostWithMail(t);
  const login = () => new Pop3Command({ user: "wang", password: PASSWORD, ...host.pop3, timeout: 20_000 });
  const count = AWKWARD_BODIES.length;

  const pop = login();
  const uids = (await pop.UIDL()) as string[][];
  const sizes = (await pop.LIST()) as string[][];
  assert.deepEqual(
    uids.map(([number]) => Number(number)),
    Array.from({ length: count }, (_, i) => i + 1),
  );
  assert.equal(new Set(uids.map(([, uid]) => uid)).size, count);
  const total = sizes.reduce((sum, [, octets]) => sum + Number(octets), 0);
  assert.equal(await pop.STAT(), `${count} ${total}`);
  for (const [i, body] of AWKWARD_BODIES.entries()) {
    const message = await pop.RETR(i + 1);
    const [header = "", ...rest] = message.split("\r\n\r\n");
    // The client makes text of what it gets, drops the last line's end, and leaves the dots of dot-stuffing in.
    const plain = Buffer.from(body, "latin1").toString("utf8");
    assert.equal(`${rest.join("\r\n\r\n")}\r\n`.replace(/^\.\./gm, "."), plain, `message ${i + 1}`);
    assert.ok((await pop.TOP(i + 1, 0)).startsWith(header));
  }
  await pop.NOOP();
  await pop.DELE(1);
  await pop.RSET();
  await pop.DELE(2);
  await pop.QUIT();

  const again = login();
  assert.deepEqual(
    ((await again.UIDL()) as string[][]).map(([, uid]) => uid),
    uids.filter((_, i) => i !== 1).map(([, uid]) => uid),
  );
  await again.QUIT();
  const wrong = new Pop3Command({ user: "wang", password: "guess", ...host.pop3, timeout: 20_000 });
  await assert.rejects(wrong.STAT(), /incorrect/);
});
