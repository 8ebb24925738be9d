// time limit: 120 s
/**
 * A real file system that fills up: the spool is a small tmpfs in a mount namespace of the host's own. Mail is refused with 452, what was
 * taken waits, the log names the path; when there is room again, everything arrives, and nobody has to do anything.
 */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { randomFrom } from "../corpus/random.ts";
import { isWhole, markedMessage, markIn } from "../crash/marked-mail.ts";
import { eventually } from "../harness/eventually.ts";
import { prepareSite, startOn } from "../harness/host.ts";
import { readMbox } from "../harness/mbox-reader.ts";
import { needs } from "../harness/programs.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const SIZE = 6 * 1024 * 1024;

test("a spool that fills up and has room again", { timeout: 110_000, ...needs("unshare") }, async (t) => {
  const site = await prepareSite(t, {
    users: ["wang"],
    settings: { queue: { interval: "500ms", minFreeSpace: 0 } },
  });
  mkdirSync(site.path("var/spool"), { recursive: true });
  const mount = `mount -t tmpfs -o size=${SIZE} tmpfs ${site.path("var/spool")} && exec "$@"`;
  const host = await startOn(t, site, ["unshare", "--mount", "sh", "-c", mount, "sh"]);
  // The spool as the host sees it.
  const spool = `/proc/${host.pid("mailhost")}/root${site.path("var/spool")}`;
  const accepted: string[] = [];
  const send = async (mark: string, padding = "") => {
    const client = await openSmtp(host.smtp);
    try {
      const mail = { from: "wang@linuxaid.com.cn", to: "wang@linuxaid.com.cn" };
      const reply = await client.send(mail, markedMessage(mark, randomFrom(1), padding));
      if (reply.code === 250) accepted.push(mark);
      return reply;
    } finally {
      client.close();
    }
  };
  assert.equal((await send("before")).code, 250);
  await eventually(() => statSync(`${spool}/mail/wang`).size > 0, { what: "the first message" });

  // What is left is too little for a large message, and in the end for any.
  for (let size = 4 * 1024 * 1024, n = 0; size >= 4096; n++) {
    try {
      writeFileSync(`${spool}/filler-${n}`, Buffer.alloc(size, 1), { flag: "wx" });
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, "ENOSPC");
      rmSync(`${spool}/filler-${n}`);
      size >>= 1;
    }
  }
  const refused: string[] = [];
  for (let n = 0; n < 12; n++) {
    const reply = await send(`full-${n}`, n % 3 === 2 ? "padding of a large message\r\n".repeat(4000) : "");
    if (reply.code !== 250) refused.push(`${reply.code} ${reply.text}`);
  }
  assert.ok(refused.length > 0, "a full disk refuses something");
  for (const reply of refused) assert.match(reply, /^45[12] 4\.3\.[01]/);
  assert.ok(
    refused.some((reply) => reply.startsWith("452 4.3.1")),
    refused.join("\n"),
  );
  const named = host
    .log()
    .split("\n")
    .some((line) => line.includes(site.path("var/spool")) && /space|ENOSPC/.test(line));
  assert.ok(named, host.log());

  for (let n = 0; n < 40; n++) rmSync(`${spool}/filler-${n}`, { force: true });
  await eventually(async () => (await send(`after-${Date.now()}`)).code === 250, {
    what: "room to be used again",
  });
  const marks = () =>
    readMbox(`/proc/${host.pid("mailhost")}/root${site.path("var/spool/mail/wang")}`).map(({ message }) => {
      assert.ok(isWhole(message), message.toString("latin1", 0, 300));
      return markIn(message)!;
    });
  await eventually(() => accepted.every((mark) => marks().includes(mark)), {
    what: () =>
      `${accepted.filter((mark) => !marks().includes(mark)).join(", ")}; the log ends\n${host.log().slice(-2000)}`,
  });
  assert.equal(new Set(marks()).size, marks().length, "nothing came twice");
});
