/** A bad setting, a port in use, an unwritable folder, an unreadable table: each is told with what and where. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { eventually } from "../harness/eventually.ts";
import { LAN, prepareSite, type Site, startHost, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { needs, runProgram } from "../harness/programs.ts";
import { sendMail } from "../harness/smtp-client.ts";

const IS_ROOT = process.getuid?.() === 0;
/** Root as everybody else is: what it may read and write is what the modes of its files say. */
const SETPRIV = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"];
const WITHOUT_POWER = IS_ROOT ? (["setpriv"] as const) : [];

/** Starts the host, which must refuse, and returns its exit code and what it said. */
async function refused(site: Site): Promise<{ code: number; said: string }> {
  const [command = "", ...args] = [...(IS_ROOT ? SETPRIV : []), ...site.commandLine(["start"])];
  const ran = await runProgram(command, args);
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
  assert.equal(code, 69);
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

test("a folder without the permission to write is named", needs(...WITHOUT_POWER), async (t) => {
  const site = await prepareSite(t);
  for (const folder of ["var/log", "var/spool/mail", "var/spool/mqueue", "var/lib/mailhost"]) {
    mkdirSync(site.path(folder), { recursive: true });
    chmodSync(site.path(folder), 0o500);
    const { code, said } = await refused(site);
    assert.equal(code, 77, `${folder}: ${said}`);
    assert.match(said, new RegExp(`^mailhost: cannot .*${site.path(folder)}.*: permission denied$`, "m"));
    chmodSync(site.path(folder), 0o700);
  }
});

test("a root without etc/mail is told of init, and nothing is made there", async (t) => {
  const site = await prepareSite(t);
  rmSync(site.path("etc"), { recursive: true });
  const { code, said } = await refused(site);
  assert.equal(code, 78);
  assert.match(said, /there is no .*\/etc\/mail; `mailhost init --domain /);
  assert.deepEqual(readdirSync(site.root), []);
});

test("an unreadable table is named: none is taken for empty", needs(...WITHOUT_POWER), async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  const access = site.path("etc/mail/access");
  chmodSync(access, 0);
  const { code, said } = await refused(site);
  assert.equal(code, 78);
  assert.match(said, /^mailhost: .*etc\/mail\/access: cannot be read: permission denied$/m);
  chmodSync(access, 0o644);
  const host = await startOn(t, site, IS_ROOT ? SETPRIV : []);
  const send = (from: string, to: string) =>
    sendMail(host.smtp, { from: "a@example.net", to }, mailText("x"), { from });
  assert.equal((await send(LAN, "friend@example.com")).code, 250);
  // In a running host the last good table stays in force.
  chmodSync(access, 0);
  assert.equal((await send(LAN, "friend@example.com")).code, 250);
  await host.logged(/etc\/mail\/access: cannot be read: .*permission denied.*the last good table/);
  // Whatever comes later is read as soon as it can be.
  chmodSync(access, 0o644);
  writeFileSync(access, "spam.example REJECT\n");
  await eventually(async () => (await send(LAN, "friend@example.com")).code === 550, {
    what: "the table that can be read again",
  });
});

test("a second host on the same root is refused, and told of the first", async (t) => {
  const host = await startHost(t);
  const second = await host.mailhost(["start"]);
  assert.equal(second.code, 69);
  assert.match(second.stderr, new RegExp(`already running on .* \\(process ${host.pid("mailhost")}\\)`));
});
