/** A bad setting, a port in use, an unwritable folder, a damaged queue: each is told with what and where. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { prepareSite, type Site, startHost } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { sendMail } from "../harness/smtp-client.ts";

/** Starts the host, which must refuse, and returns its exit code and what it said. */
async function refused(site: Site): Promise<{ code: number; said: string }> {
  const ran = await site.mailhost(["start"]);
  assert.doesNotMatch(ran.stdout, /mailhost ready/);
  assert.doesNotMatch(ran.stderr, /^\s+at .*\.[jt]s:\d+/m, "no stack trace for an administrator");
  return { code: ran.code, said: ran.stderr };
}

test("bad settings are refused with file, line, key and what would be right, all at once", async (t) => {
  const text =
    "hostname: mail.linuxaid.com.cn\nqueue:\n  interval: 20\n  warnAftr: 4h\nsmtp:\n  maxRecipients: many\n";
  const site = await prepareSite(t, { files: { "etc/mail/mailhost.yaml": text } });
  const { code, said } = await refused(site);
  assert.equal(code, 78);
  assert.match(said, /mailhost\.yaml:3: queue\.interval: expected a duration/);
  assert.match(said, /mailhost\.yaml:4: queue\.warnAftr: unknown setting; did you mean queue\.warnAfter\?/);
  assert.match(said, /mailhost\.yaml:6: smtp\.maxRecipients: expected a whole number/);
});

test("a port in use is named", async (t) => {
  const other = createServer();
  other.listen(0, "127.0.0.1");
  await once(other, "listening");
  t.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const site = await prepareSite(t, { settings: { pop3: { listen: [`127.0.0.1:${port}`] } } });
  const { code, said } = await refused(site);
  assert.ok(code === 69 || code === 71 || code === 75, `exit code ${code}`);
  assert.match(said, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.match(said, /in use/);
});

test("a folder that can not be written is named", async (t) => {
  const site = await prepareSite(t);
  // A file where a folder should be stops root as well.
  site.write("var/spool/mqueue", "");
  const { code, said } = await refused(site);
  assert.notEqual(code, 0);
  assert.match(said, /var\/spool\/mqueue/);
});

test(
  "a folder without the permission to write is named",
  process.getuid?.() === 0 ? { skip: "root may write anywhere" } : {},
  async (t) => {
    const site = await prepareSite(t);
    site.write("var/spool/mail/.keep", "");
    chmodSync(site.path("var/spool/mail"), 0o500);
    t.after(() => chmodSync(site.path("var/spool/mail"), 0o700));
    const { said } = await refused(site);
    assert.match(said, /var\/spool\/mail/);
  },
);

test("an unreadable table is named, and a second host on the same root is refused", async (t) => {
  const host = await startHost(t);
  const second = await host.mailhost(["start"]);
  assert.notEqual(second.code, 0);
  assert.match(second.stderr, /already|running|in use/);
  assert.match(second.stderr, new RegExp(String(host.pid("mailhost"))));
});

test("a damaged queue is put aside and named, nothing is deleted, and the host goes on", async (t) => {
  const host = await startHost(t, { users: ["wang"] });
  await host.stop();
  const dir = host.path("var/spool/mqueue");
  const data = readdirSync(dir).find((name) => /^queue.*mdb$/.test(name) && !name.includes("lock"));
  assert.ok(data, readdirSync(dir).join(" "));
  const target = existsSync(host.path(`var/spool/mqueue/${data}/data.mdb`)) ? `${data}/data.mdb` : data;
  writeFileSync(host.path(`var/spool/mqueue/${target}`), "this is no database\n".repeat(2000));
  await host.start();
  await host.logged(/queue.*damaged/);
  assert.ok(
    readdirSync(dir).some((name) => name.includes("damaged")),
    readdirSync(dir).join(" "),
  );
  const reply = await sendMail(
    host.smtp,
    { from: "a@example.net", to: "wang@linuxaid.com.cn" },
    mailText("on"),
  );
  assert.equal(reply.code, 250, reply.text);
  await host.arrived("wang");
});
