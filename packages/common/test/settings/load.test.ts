import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { ConfigError } from "../../src/errors.ts";
import { loadSettings, parseSettings } from "../../src/settings/load.ts";
import { nearest } from "../../src/settings/nearest.ts";
import { OPTIONS } from "../../src/settings/options.ts";
import { siteAt } from "../../src/site.ts";

const parse = (text: string) => parseSettings(text, "mailhost.yaml");
const refused = (text: string): string => {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  assert.fail(`accepted: ${text}`);
};

test("no file, an empty one and one of comments are all defaults", () => {
  const defaults = parse("");
  assert.equal(defaults.hostname, hostname());
  assert.equal(defaults.queue.interval, 1_200_000);
  assert.equal(defaults.smtp.maxMessageSize, 25 * 1024 ** 2);
  assert.equal("smartHost" in defaults.relay, false);
  assert.deepEqual(parse("# nothing\n"), defaults);
  assert.deepEqual(parse("smtp:\n"), defaults);
  assert.deepEqual(loadSettings(siteAt(join(tmpdir(), "no-such-root"))), defaults);
});

test("every kind of value", () => {
  const settings = parse(
    "hostname: mail.linuxaid.com.cn\n" +
      'smtp: {listen: ["127.0.0.1:0", "[::1]:25"], submission: [], maxMessageSize: 1MiB}\n' +
      'relay:\n  smartHost: "[relay.isp.net]:587"\n  startTls: false\n' +
      "queue: {interval: 1h30m}\n" +
      'dns: {servers: "127.0.0.1:5353"}\n' +
      "accounts: [system]\nlog: {format: json, level: 14}\n",
  );
  assert.equal(settings.hostname, "mail.linuxaid.com.cn");
  assert.deepEqual(settings.smtp.listen, [
    { host: "127.0.0.1", port: 0 },
    { host: "::1", port: 25 },
  ]);
  assert.deepEqual(settings.smtp.submission, []);
  assert.equal(settings.smtp.maxMessageSize, 1024 ** 2);
  assert.equal(settings.relay.smartHost, "[relay.isp.net]:587");
  assert.equal(settings.relay.startTls, false);
  assert.equal(settings.queue.interval, 5_400_000);
  assert.deepEqual(settings.dns.servers, [{ host: "127.0.0.1", port: 5353 }]);
  assert.deepEqual(settings.accounts, ["system"]);
  assert.deepEqual(settings.log, { format: "json", level: 14, statistics: "var/lib/mailhost/statistics" });
});

test("faults name file, line, key and what would be right", () => {
  assert.equal(
    refused("hostname: a\nsmtp:\n  maxRecipents: 5\n"),
    "mailhost.yaml:3: smtp.maxRecipents: unknown setting; did you mean smtp.maxRecipients?",
  );
  assert.match(
    refused("queue:\n  interval: 20\n"),
    /^mailhost\.yaml:2: queue\.interval: expected a duration .*"20"/,
  );
  assert.match(refused("smtp:\n  maxRecipients: 0\n"), /expected at least 1, found "0"/);
  assert.match(refused("relay: {port: 70000}\n"), /expected at most 65535/);
  assert.match(refused("smtp:\n  listen: 25\n"), /expected host:port/);
  assert.match(refused("tls: {allowPlaintextAuth: maybe}\n"), /expected true or false, found "maybe"/);
  assert.match(refused("accounts: [file, nis]\n"), /expected a list of file, system and ldap/);
  assert.match(refused("log: {format: xml}\n"), /expected sendmail or json/);
  assert.match(refused("smtp: 25\n"), /smtp: expected settings below it/);
  assert.match(refused("- a\n"), /expected settings, one `key: value` a line/);
  assert.match(refused("hostname: [a]\n"), /expected a text, found a list/);
  assert.match(refused("a: b: c\n"), /^mailhost\.yaml:1: /);
});

test("all faults come at once, each with its line", () => {
  const lines = refused("nonsense: 1\nqueue:\n  interval: x\nhostname: a\nhostname: b\n").split("\n");
  assert.equal(lines.length, 3);
  for (const line of lines) assert.match(line, /^mailhost\.yaml:\d+: /);
});

test("an unreadable file is a fault of the file", (t) => {
  const root = mkdtempSync(join(tmpdir(), "settings-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.settingsFile, { recursive: true });
  assert.throws(() => loadSettings(site), /mailhost\.yaml: cannot be read: EISDIR/);
  rmSync(site.settingsFile, { recursive: true });
  writeFileSync(site.settingsFile, "\uFEFFhostname: bom.example\r\n");
  assert.equal(loadSettings(site).hostname, "bom.example");
});

test("no text makes the reader fail otherwise than with a ConfigError", () => {
  const key = fc.constantFrom(...OPTIONS.map((o) => o.path.split(".").at(-1)!), "smtp", "relay", "__proto__");
  const text = fc.oneof(
    fc.string(),
    fc
      .array(fc.tuple(fc.constantFrom("", "  ", "- "), key, fc.string()).map(([a, b, c]) => `${a}${b}: ${c}`))
      .map((l) => l.join("\n")),
  );
  fc.assert(
    fc.property(text, (t) => {
      try {
        parse(t);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
  );
});

test("aliases of YAML that grow without end are refused", () => {
  const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]"];
  for (let i = 1; i < 12; i++)
    bomb.push(
      `b${i}: &b${i} [${Array(9)
        .fill(i === 1 ? "*a" : `*b${i - 1}`)
        .join(",")}]`,
    );
  refused(bomb.join("\n"));
});

test("the table of options: unique paths, defaults within their bounds", () => {
  assert.equal(new Set(OPTIONS.map((o) => o.path)).size, OPTIONS.length);
  for (const { path, min, max, ...option } of OPTIONS) {
    const value = option.default();
    if (typeof value === "number") assert.ok(value >= (min ?? value) && value <= (max ?? value), path);
    assert.match(option.doc, /[.)…]$|; /, path);
  }
});

test("the nearest name", () => {
  assert.equal(nearest("hostnam", ["hostname", "accounts"]), "hostname");
  assert.equal(nearest("zzz", ["hostname"]), undefined);
  assert.equal(nearest("", ["a"]), undefined);
});
