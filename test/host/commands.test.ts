/** The commands that a site is set up with: init, user, trace, demo. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { test } from "node:test";
import { PASSWORD, prepareSite } from "../harness/host.ts";

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
  assert.match(list.stdout, /wang/);
  assert.doesNotThrow(() => JSON.parse(list.stdout) as unknown);
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

test("demo runs the whole scenario by itself", async (t) => {
  const site = await prepareSite(t);
  const ran = await site.mailhost(["demo"]);
  assert.equal(ran.code, 0, ran.stdout + ran.stderr);
  for (const word of ["submitted", "refused", "delivered", "fetched"])
    assert.match(ran.stdout, new RegExp(word));
});

test("wrong usage ends with 64 and says what would be right", async (t) => {
  const site = await prepareSite(t);
  for (const args of [["frobnicate"], ["user", "add"], ["trace"], ["queue", "show"]]) {
    const ran = await site.mailhost(args);
    assert.equal(ran.code, 64, `${args.join(" ")}: ${ran.stdout}${ran.stderr}`);
    assert.notEqual(ran.stderr.trim(), "");
  }
});
