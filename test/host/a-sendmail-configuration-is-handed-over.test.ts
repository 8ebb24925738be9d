/** Whoever has Sendmail's files hands them over: the host runs on a sendmail.cf, with no mailhost.yaml. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { describe, test } from "node:test";
import { LAN, type MailHost, OUTSIDE, prepareSite, type Scope, type Site, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { needs } from "../harness/programs.ts";
import { openSmtp } from "../harness/smtp-client.ts";

const ZONE = { "example.org": { mx: [[10, "mx.example.org"]] } } as const;

const FILES = {
  "etc/mail/mailhost.yaml": undefined,
  "etc/mail/access":
    "Connect:127.0.0.2 RELAY\nFrom:bad@example.org REJECT\nTo:barred@ ERROR:5.7.1:550 Not this one\nspammer.example.org REJECT\n",
  "etc/mail/virtusertable":
    "info@linuxaid.com.cn wang\n@virtual.example error:nouser 550 No such user here\n",
  "etc/mail/more-domains": "virtual.example\n",
};

/** The configuration as a postmaster has it, and mailhost's own settings for a test's ports. */
const configMc = (site: Site) => `divert(-1)
The article's host, on a port of its own.
divert(0)dnl
VERSIONID(\`for a test')dnl
OSTYPE(\`bsd4.4')dnl
DOMAIN(\`generic')dnl
define(\`confDOMAIN_NAME', \`mail.linuxaid.com.cn')dnl
define(\`confMAX_RCPTS_PER_MESSAGE', \`3')dnl
define(\`confQUEUE_LA', \`0')dnl
define(\`confREFUSE_LA', \`0')dnl
FEATURE(\`access_db', \`hash -T<TMPF> -o /etc/mail/access')dnl
FEATURE(\`blacklist_recipients')dnl
FEATURE(\`virtusertable', \`hash -o /etc/mail/virtusertable')dnl
VIRTUSER_DOMAIN_FILE(\`/etc/mail/more-domains')dnl
FEATURE(\`no_default_msa')dnl
DAEMON_OPTIONS(\`Port=0, Addr=127.0.0.1, Name=MTA')dnl
${OWN.map(([name, value]) => `MAILHOST_SETTING(\`${name}', \`${value(site)}')dnl\n`).join("")}MAILER(\`local')dnl
MAILER(\`smtp')dnl
`;

const OWN: readonly (readonly [name: string, value: (site: Site) => string])[] = [
  ["pop3.listen", () => "127.0.0.1:0"],
  ["pop3.pop3s", () => "[]"],
  ["dns.servers", (site) => site.dns.address],
  ["dns.timeout", () => "2s"],
  ["queue.interval", () => "1s"],
];

async function siteWithFiles(t: Scope): Promise<Site> {
  return prepareSite(t, { files: FILES, users: ["wang"], zone: ZONE });
}

/** What the FEATUREs of the configuration do, asked over SMTP. */
async function showsTheFeatures(host: MailHost): Promise<void> {
  const lan = await openSmtp(host.smtp, { from: LAN });
  assert.match(lan.greeting.text, /^mail\.linuxaid\.com\.cn ESMTP /);
  const ask = async (line: string) => {
    const { code, text } = await lan.command(line);
    return `${code} ${text}`;
  };
  assert.equal(await ask("MAIL FROM:<bad@example.org>"), "550 5.7.1 <bad@example.org>... Access denied");
  // No FEATURE(accept_unresolvable_domains): a domain that DNS does not know is refused.
  assert.equal(
    await ask("MAIL FROM:<x@nowhere.example>"),
    "553 5.1.8 <x@nowhere.example>... Domain of sender address x@nowhere.example does not exist",
  );
  assert.match(await ask("MAIL FROM:<a@example.org>"), /^250 2\.1\.0 /);
  assert.equal(
    await ask("RCPT TO:<barred@linuxaid.com.cn>"),
    "550 5.7.1 <barred@linuxaid.com.cn>... Not this one",
  );
  assert.match(
    await ask("RCPT TO:<any@virtual.example>"),
    /^550 5\.0\.0 <any@virtual\.example>\.\.\. No such user here/,
  );
  assert.match(
    await ask("RCPT TO:<old@new.example.REDIRECT>"),
    /^551 5\.1\.1 .*User has moved; please try <old@new\.example>/,
  );
  assert.match(await ask("RCPT TO:<info@linuxaid.com.cn>"), /^250 2\.1\.5 /);
  assert.match(await ask("RCPT TO:<friend@example.org>"), /^250 2\.1\.5 /);
  assert.match(await ask("RCPT TO:<root@linuxaid.com.cn>"), /^250 2\.1\.5 /);
  assert.equal(await ask("RCPT TO:<wang@linuxaid.com.cn>"), "452 4.5.3 Too many recipients");
  await lan.quit();

  const outside = await openSmtp(host.smtp, { from: OUTSIDE });
  await outside.command("MAIL FROM:<a@example.org>");
  assert.match((await outside.command("RCPT TO:<friend@example.org>")).text, /Relaying denied/);
  await outside.command("RSET");
  const sent = await outside.send(
    { from: "a@example.org", to: "info@linuxaid.com.cn" },
    mailText("through virtusertable"),
  );
  assert.equal(sent.code, 250);
  await outside.quit();
  await host.arrived("wang");
}

describe("a host on Sendmail's files", () => {
  test("config.mc, built by mailhost", async (t) => {
    const site = await siteWithFiles(t);
    site.write("etc/mail/config.mc", configMc(site));
    const built = await site.mailhost(["build", site.path("etc/mail/config.mc")]);
    assert.equal(built.code, 0, built.stderr);
    site.write("etc/mail/sendmail.cf", built.stdout);
    const host = await startOn(t, site);
    await showsTheFeatures(host);
    assert.match(host.log(), /settings from .*\/etc\/mail\/sendmail\.cf/);

    // SIGHUP reads it again.
    site.write(
      "etc/mail/sendmail.cf",
      built.stdout.replace("MaxRecipientsPerMessage=3", "MaxRecipientsPerMessage=1"),
    );
    host.signal("mailhost", "SIGHUP");
    await host.logged(/settings reloaded/);
    const client = await openSmtp(host.smtp, { from: LAN });
    await client.command("MAIL FROM:<a@example.org>");
    await client.command("RCPT TO:<wang@linuxaid.com.cn>");
    assert.equal((await client.command("RCPT TO:<root@linuxaid.com.cn>")).code, 452);
    client.close();
  });

  const folder = "/usr/share/sendmail/cf";
  const m4 = existsSync(`${folder}/m4/cf.m4`)
    ? needs("m4")
    : { skip: "needs cf.m4 (Debian package sendmail-cf)" };
  test("sendmail.cf, built by Sendmail's own m4 files", m4, async (t) => {
    const site = await siteWithFiles(t);
    const mc = configMc(site)
      .split("\n")
      .filter((line) => !line.startsWith("MAILHOST_SETTING"))
      .join("\n");
    const cf = execFileSync("m4", [`-D_CF_DIR_=${folder}/`, `${folder}/m4/cf.m4`, "-"], {
      input: mc,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "ignore"],
    });
    const own = OWN.map(
      ([name, value]) => `#@ MAILHOST_SETTING(${JSON.stringify(name)}, ${JSON.stringify(value(site))})\n`,
    );
    site.write("etc/mail/sendmail.cf", cf + own.join(""));
    await showsTheFeatures(await startOn(t, site));
  });

  test("the article's stumble: blank lines start, another line is named, with exit code 78", async (t) => {
    const site = await siteWithFiles(t);
    site.write("etc/mail/sendmail.cf", "V10\n\n \t \n?\n");
    const { code, stderr } = await site.mailhost(["start"]);
    assert.equal(code, 78);
    assert.match(stderr, /554 5\.0\.0 .*\/etc\/mail\/sendmail\.cf: line 4: unknown configuration line "\?"/);
  });
});
