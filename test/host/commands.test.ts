/** The commands that a site is set up with: init, user, trace, demo. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { test } from "node:test";
import { LAN, OUTSIDE, PASSWORD, prepareSite, startOn } from "../harness/host.ts";
import { mailText } from "../harness/mail.ts";
import { loggedIn } from "../harness/pop3-client.ts";
import { openSmtp, sendMail } from "../harness/smtp-client.ts";

test("init writes a complete etc/mail and never over an existing file", async (t) => {
  const site = await prepareSite(t, {
    files: {
      ...{
        "etc/mail/access": undefined,
        "etc/mail/local-host-names": undefined,
        "etc/mail/mailhost.yaml": undefined,
      },
      "etc/mail/aliases": "mine: root\n",
    },
  });
  const args = [
    "init",
    "--domain",
    "linuxaid.com.cn",
    "--lan",
    "202.99.11",
    "--hostname",
    "mail.linuxaid.com.cn",
  ];
  const first = await site.mailhost(args);
  assert.equal(site.read("etc/mail/aliases"), "mine: root\n", "an existing file is left alone");
  assert.match(`${first.stdout}${first.stderr}`, /aliases/);
  assert.match(site.read("etc/mail/access"), /^202\.99\.11\s+RELAY$/m);
  assert.match(site.read("etc/mail/local-host-names"), /^linuxaid\.com\.cn\.?$/m);
  assert.match(site.read("etc/mail/local-host-names"), /^mail\.linuxaid\.com\.cn\.?$/m);
  const before = readdirSync(site.path("etc/mail")).map((name) => site.read(`etc/mail/${name}`));
  await site.mailhost(args);
  assert.deepEqual(
    readdirSync(site.path("etc/mail")).map((name) => site.read(`etc/mail/${name}`)),
    before,
  );
});

test("what init writes is a host that starts at once, relays for its LAN and delivers to its users", async (t) => {
  const site = await prepareSite(t);
  rmSync(site.path("etc"), { recursive: true });
  const ports = ["--smtp-port", "0", "--submission-port", "0", "--pop3-port", "0"];
  const made = await site.mailhost([
    ...["init", "--domain", "example.org", "--lan", "127.0.0.2", "--hostname", "mail.example.org", ...ports],
  ]);
  assert.equal(made.code, 0, made.stderr);
  assert.equal((await site.mailhost(["user", "add", "wang"], `${PASSWORD}\n`)).code, 0);
  const check = await site.mailhost(["check", "--json"]);
  assert.equal(check.code, 0, check.stdout);
  const findings = JSON.parse(check.stdout) as { level: string; about: string }[];
  assert.deepEqual(
    // What the DNS of this machine says of example.org is not ours to know.
    findings.filter((f) => f.level !== "ok" && f.about !== "dns").map((f) => `${f.level} ${f.about}`),
    ["warning tls"],
  );
  const host = await startOn(t, site);
  assert.match(
    host.output,
    /^mailhost ready smtp=0\.0\.0\.0:\d+ submission=0\.0\.0\.0:\d+ pop3=0\.0\.0\.0:\d+$/m,
  );
  const smtp = { host: "127.0.0.1", port: host.smtp.port };
  const mail = { from: "wang@example.org", to: "postmaster@example.org" };
  assert.equal((await sendMail(smtp, mail, mailText("hello"), { from: OUTSIDE })).code, 250);
  await host.arrived("root");
  const client = await openSmtp(smtp, { from: LAN });
  await client.command("MAIL FROM:<wang@example.org>");
  assert.equal((await client.command("RCPT TO:<friend@elsewhere.example>")).code, 250);
  await client.quit();
  const denied = await sendMail(smtp, { ...mail, to: "friend@elsewhere.example" }, "x", { from: OUTSIDE });
  assert.equal(denied.text, "5.7.1 <friend@elsewhere.example>... Relaying denied");
  await (await loggedIn({ host: "127.0.0.1", port: host.pop3.port }, "wang", PASSWORD)).quit();
  assert.equal(await host.stop(), 0);
});

test("newaliases and makemap in Sendmail's words, with its exit codes", async (t) => {
  const site = await prepareSite(t);
  const built = await site.command("newaliases", []);
  assert.equal(built.code, 0, built.stderr);
  assert.match(built.stdout, /^\S*aliases: 5 aliases, longest 10 bytes, 64 bytes total$/m);
  const before = readFileSync(site.path("etc/mail/aliases.db"));
  site.write("etc/mail/aliases", "a: b\nb: c\nc: a\n");
  const loop = await site.command("newaliases", []);
  assert.equal(loop.code, 65);
  assert.match(loop.stderr, /aliases: line \d: alias loop: a -> b -> c -> a/);
  assert.deepEqual(readFileSync(site.path("etc/mail/aliases.db")), before, "the last good table stays");
  const made = await site.command("makemap", ["hash", site.path("etc/mail/access.db")], "192.0.2 RELAY\n");
  assert.deepEqual(made, { code: 0, stdout: "", stderr: "" });
  const dump = await site.command("makemap", ["-u", "hash", site.path("etc/mail/access")]);
  assert.equal(dump.stdout, "192.0.2\tRELAY\n");
  assert.equal((await site.command("makemap", ["hash"])).code, 64);
  assert.equal((await site.command("makemap", ["hash", site.path("x")], "no value\nkey\n")).code, 65);
});

test("every command says with --help how it is used", async (t) => {
  const site = await prepareSite(t);
  for (const name of ["mailq", "newaliases", "makemap", "praliases", "sendmail"] as const) {
    const ran = await site.command(name, ["--help"]);
    assert.equal(ran.code, 0, name);
    assert.match(ran.stdout, new RegExp(`^usage: ${name} `, "i"));
  }
  assert.match((await site.mailhost(["start", "--help"])).stdout, /^mailhost start/);
});

test("an empty queue, in the words of each command", async (t) => {
  const site = await prepareSite(t);
  const empty = `${site.path("var/spool/mqueue")} is empty\n\t\tTotal requests: 0\n`;
  assert.deepEqual(await site.command("mailq", []), { code: 0, stdout: empty, stderr: "" });
  assert.equal((await site.command("sendmail", ["-bp"])).stdout, empty);
  assert.equal((await site.mailhost(["queue"])).stdout, "the queue is empty\n");
  assert.equal((await site.command("sendmail", ["-q"])).code, 0, "with no daemon it runs the queue itself");
});

test("user add, passwd, list and remove; passwords are never kept in plain text", async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  const users = site.path("etc/mail/users");
  assert.equal(statSync(users).mode & 0o777, 0o600);
  assert.match(readFileSync(users, "utf8"), /^wang:\$/m);
  assert.ok(!readFileSync(users, "utf8").includes(PASSWORD));
  const twice = await site.mailhost(["user", "add", "wang"], "x\n");
  assert.notEqual(twice.code, 0);
  assert.match(twice.stderr, /wang/);
  const bad = await site.mailhost(["user", "add", "../wang"], "x\n");
  assert.notEqual(bad.code, 0);
  const before = readFileSync(users, "utf8");
  assert.equal((await site.mailhost(["user", "passwd", "wang"], "another\n")).code, 0);
  assert.notEqual(readFileSync(users, "utf8"), before);
  const list = await site.mailhost(["user", "list", "--json"]);
  assert.deepEqual(JSON.parse(list.stdout), ["wang"]);
  assert.equal((await site.mailhost(["user", "remove", "wang"])).code, 0);
  assert.doesNotMatch(readFileSync(users, "utf8"), /wang/);
  assert.notEqual((await site.mailhost(["user", "remove", "wang"])).code, 0);
});

test("trace says step by step which entry decides", async (t) => {
  const site = await prepareSite(t, { users: ["wang"] });
  const trace = async (...args: string[]) => (await site.mailhost(["trace", ...args])).stdout;
  assert.match(await trace("--from-ip", "127.0.0.2", "friend@example.net"), /127\.0\.0\.2.*RELAY/);
  assert.match(
    await trace("--from-ip", "127.0.0.9", "friend@example.net"),
    /550 5\.7\.1 <friend@example\.net>\.\.\. Relaying denied/,
  );
  assert.match(await trace("--from-ip", "127.0.0.9", "postmaster@linuxaid.com.cn"), /root/);
  assert.match(
    await trace("--from-ip", "127.0.0.9", "nobody-here@linuxaid.com.cn"),
    /550 5\.1\.1 .*User unknown/,
  );
});

test("trace prints its decision as JSON too", async (t) => {
  const site = await prepareSite(t);
  const ran = await site.mailhost(["trace", "--json", "--from-ip", "127.0.0.9", "friend@example.net"]);
  const { steps, ...verdict } = JSON.parse(ran.stdout) as { steps: { step: string; outcome: string }[] };
  assert.deepEqual(verdict, {
    accepted: false,
    reply: "550 5.7.1 <friend@example.net>... Relaying denied",
  });
  assert.ok(steps.some(({ step, outcome }) => step === "drac" && outcome.startsWith("127.0.0.9 has not")));
});

test("demo runs the whole scenario by itself", async (t) => {
  const site = await prepareSite(t);
  const ran = await site.mailhost(["demo"]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  for (const word of ["submitted", "refused", "delivered", "fetched"])
    assert.match(ran.stdout, new RegExp(word));
});

test("wrong usage ends with 64 and says what would be right", async (t) => {
  const site = await prepareSite(t);
  const wrong = [
    ...[["frobnicate"], ["user", "add"], ["trace"], ["queue", "show"], ["user", "add", "a", "--root"]],
    ...[
      ["trace", "--from-ip", "nowhere", "a@b.example"],
      ["init", "--domain", "nodot", "--lan", "10"],
    ],
  ];
  for (const args of wrong) {
    const ran = await site.mailhost(args);
    assert.equal(ran.code, 64, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
    assert.match(ran.stderr, /^mailhost: ./);
    assert.doesNotMatch(ran.stderr, /^\s+at /m);
    assert.equal(ran.stdout, "");
  }
});
