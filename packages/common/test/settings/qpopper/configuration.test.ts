/** Qpopper configuration files: each option, files within files, and what users may say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OPTIONS } from "../../../src/settings/options.ts";
import {
  type FileRead,
  QpopperConfiguration,
  readSessionOptions,
} from "../../../src/settings/qpopper/configuration.ts";
import { OPTION_NAMES } from "../../../src/settings/qpopper/option-rows.ts";
import { readOption } from "../../../src/settings/read-option.ts";

const FILE = "/etc/qpopper.conf";

/** Reads a configuration of these files, beginning with the first. */
function reading(files: Readonly<Record<string, string>>): QpopperConfiguration {
  const read = (path: string): FileRead => {
    const text = files[path];
    return text === undefined
      ? { ok: false, file: path, reason: "there is no such file" }
      : { ok: true, file: path, text };
  };
  const configuration = new QpopperConfiguration(read, (path) => `below${path}`);
  configuration.readFile(Object.keys(files)[0]!, { file: "mailhost.yaml", line: 3 });
  return configuration;
}

const settingsOf = ({ settings }: QpopperConfiguration) =>
  Object.fromEntries([...settings].map(([path, { value }]) => [path, value]));

/** Each option once: a line, the settings that it gives, and what is said of it. */
const MEANINGS: Readonly<Record<string, readonly [line: string, settings: object, note?: RegExp]>> = {
  "announce-expire": ["set announce-expire = 30", { "pop3.announceExpire": 30 }],
  "announce-login-delay": ["set announce-login-delay = 300", { "pop3.announceLoginDelay": 300_000 }],
  "auth-file": ["set auth-file = /etc/pop.allow", { "pop3.authFile": "below/etc/pop.allow" }],
  "auto-delete": ["set auto-delete", { "pop3.autoDelete": true }],
  "bulldb-max-tries": ["set bulldb-max-tries = 75", {}, /progress/],
  "bulldb-nonfatal": ["set bulldb-nonfatal", { "bulletins.optional": true }],
  bulldir: ["set bulldir = /var/spool/bulls", { "bulletins.folder": "below/var/spool/bulls" }],
  "cache-dir": ["set cache-dir = /var/cache", {}, /var\/lib\/mailhost/],
  "cache-name": ["set cache-name = .cache", {}, /var\/lib\/mailhost/],
  "check-hash-dir": ["set check-hash-dir", {}, /when they are needed/],
  "check-old-spool-loc": ["set check-old-spool-loc", {}, /temporary drop/],
  "check-password-expired": ["set check-password-expired", {}, /lock the account/],
  "chunky-writes": ["set chunky-writes = tls", {}, /large pieces/],
  "clear-text-password": ["set clear-text-password = SSL", { "pop3.clearTextPassword": "tls" }],
  "config-file": ["set config-file = /etc/more.conf", { "pop3.shy": true }],
  debug: ["set debug", { "log.level": 14 }],
  "downcase-user": ["reset downcase-user", {}, /can not be switched off/],
  "drac-host": ["set drac-host = smtp.example.com", { "drac.enabled": true }, /keeps the table itself/],
  "fast-update": ["set fast-update", {}, /in place/],
  "group-bulletins": ["set group-bulletins", { "bulletins.groups": true }],
  "group-no-server-mode": ["set group-no-server-mode = staff", {}, /server mode/],
  "group-server-mode": ["set group-server-mode = staff", {}, /server mode/],
  "hash-spool": ["set hash-spool = 2", { "mailbox.hashSpool": 2 }],
  "home-dir-mail": ['set home-dir-mail = "Mailbox"', { "mailbox.homeFile": "Mailbox" }],
  "keep-temp-drop": ["set keep-temp-drop", {}, /no copy/],
  kerberos: ["set kerberos", {}, /use TLS/],
  "kerberos-service": ["set kerberos-service = pop", {}, /use TLS/],
  "log-facility": ["set log-facility = local3", {}, /not to syslog/],
  "log-login": ["set log-login = '%1 %3'", { "pop3.logLogin": "%1 %3" }],
  "mail-command": [
    'set mail-command = "/usr/sbin/sendmail -t"',
    { "pop3.mailCommand": "/usr/sbin/sendmail -t" },
  ],
  "mail-lock-check": ["set mail-lock-check = 5000", {}, /renewed/],
  "max-bulletins": ["set max-bulletins = 5", { "bulletins.max": 5 }],
  "no-atomic-open": ["set no-atomic-open", {}, /safe/],
  "nonauth-file": ["set nonauth-file = /etc/pop.deny", { "pop3.nonauthFile": "below/etc/pop.deny" }],
  "old-style-uid": ["set old-style-uid", { "pop3.uidFormat": "qpopper" }],
  "reverse-lookup": ["set reverse-lookup", { "pop3.reverseLookup": true }],
  "server-mode": ["set server-mode = false", {}, /can not be switched off/],
  shy: ["set shy", { "pop3.shy": true }],
  "spool-dir": ["set spool-dir = /var/mail", { "mailbox.folder": "below/var/mail" }],
  "spool-options": ["set spool-options", { "pop3.spoolOptions": true }],
  statistics: ["reset statistics", { "pop3.stats": false }],
  "temp-dir": ["set temp-dir = /var/tmp", {}, /no copy/],
  "temp-name": ["set temp-name = .%s.pop", {}, /no copy/],
  timeout: ["set timeout = 120", { "pop3.timeout": 120_000 }],
  timing: ["set timing", { "pop3.timing": true }],
  "tls-cipher-list": ["set tls-cipher-list = HIGH", { "tls.ciphers": "HIGH" }],
  "tls-identity-file": ["set tls-identity-file = /etc/id", {}, /PEM/],
  "tls-options": ["set tls-options = 0x0fff", {}, /not used/],
  "tls-passphrase": ["set tls-passphrase = secret", {}, /without/],
  "tls-private-key-file": ["set tls-private-key-file = /etc/k.pem", { "tls.key": "below/etc/k.pem" }],
  "tls-server-cert-file": ["set tls-server-cert-file = /etc/c.pem", { "tls.cert": "below/etc/c.pem" }],
  "tls-support": ["set tls-support = alternate-port", {}, /pop3s/],
  "tls-version": ["set tls-version = SSLv3", {}, /broken long ago/],
  "tls-workarounds": ["set tls-workarounds", {}, /not needed/],
  tracefile: ["set tracefile = /var/log/pop.trace", { "pop3.traceFile": "below/var/log/pop.trace" }],
  "trim-domain": ["set trim-domain", { "pop3.trimDomain": true }],
  "update-on-abort": ["set update-on-abort", { "pop3.updateOnAbort": true }],
  "update-status-headers": ["set update-status-headers", { "pop3.updateStatusHeaders": true }],
  "user-options": ["set user-options", { "pop3.userOptions": true }],
  "UW-kludge": ["set UW-kludge", {}, /INTERNAL DATA/],
  "UW-kluge": ["set UW-kluge", {}, /INTERNAL DATA/],
};

test("every option is known and means what it did, or says what holds instead", () => {
  assert.deepEqual(new Set(Object.keys(MEANINGS)), new Set(OPTION_NAMES));
  for (const [name, [line, settings, note]] of Object.entries(MEANINGS)) {
    const read = reading({ [FILE]: `# one\n${line} # a comment\n`, "/etc/more.conf": "set shy\n" });
    assert.deepEqual(read.faults, [], name);
    assert.deepEqual(settingsOf(read), settings, name);
    if (note === undefined) assert.deepEqual(read.notes, [], name);
    else {
      assert.match(read.notes[0]?.text ?? "", note, name);
      assert.deepEqual([read.notes[0]?.file, read.notes[0]?.line], [FILE, 2], name);
    }
  }
});

test("what options give is what mailhost.yaml would take", () => {
  for (const [line] of Object.values(MEANINGS)) {
    const read = reading({ [FILE]: line, "/etc/more.conf": "" });
    for (const [path, { value }] of read.settings) {
      const option = OPTIONS.find((o) => o.path === path);
      assert.ok(option !== undefined, path);
      if (option.kind === "duration") assert.ok(Number(value) >= (option.min ?? 0), path);
      else assert.deepEqual(readOption(option, { ...scalar, value } as never), { ok: true, value }, path);
    }
  }
});

/** The form in which values of mailhost.yaml come. */
const scalar = { [Symbol.for("yaml.node.type")]: Symbol.for("yaml.scalar") };

test("all faults are told, each with its place and what would be right", () => {
  const { faults, settings } = reading({
    [FILE]: [
      "set statistcs",
      "set timeout = soon",
      "set timeout = 0",
      "set tls-support = 1",
      "set shy = perhaps",
      "reset timeout",
      "set timeout",
      "hello",
      "set hash-spool = 3",
      "set home-dir-mail = mail/inbox",
      "set config-file = /etc/none.conf",
      "set announce-expire = -1",
      "set shy",
    ].join("\n"),
  });
  const valid = `valid options are: ${OPTION_NAMES.join(", ")}`;
  assert.deepEqual(
    faults.map(({ message }) => message.replace(valid, "valid options are: …")),
    [
      `${FILE}:1: statistcs: unknown option, did you mean statistics? (valid options are: …)`,
      `${FILE}:2: timeout: expected a whole number, found "soon"`,
      `${FILE}:3: timeout: expected at least 1, found "0"`,
      `${FILE}:4: tls-support: expected one of default, none, STLS, alternate-port, found "1"`,
      `${FILE}:5: shy: expected true or false, found "perhaps"`,
      `${FILE}:6: reset timeout: only options that are true or false can be reset`,
      `${FILE}:7: timeout: a value is missing: set timeout = VALUE`,
      `${FILE}:8: expected "set NAME = VALUE" or "reset NAME", found "hello"`,
      `${FILE}:9: hash-spool: expected at most 2, found "3"`,
      `${FILE}:10: home-dir-mail: expected the plain name of a file, such as Mailbox, found "mail/inbox"`,
      `${FILE}:11: /etc/none.conf cannot be read: there is no such file`,
      `${FILE}:12: announce-expire: expected a whole number, found "-1"`,
    ],
  );
  assert.equal(settings.get("pop3.shy")?.value, true);
});

test("a file that is not there is a fault of the line that names it", () => {
  const configuration = new QpopperConfiguration(
    (file) => ({ ok: false, file, reason: "there is no such file" }),
    (path) => path,
  );
  configuration.readFile("etc/none", { file: "mailhost.yaml", line: 7 });
  assert.deepEqual(
    configuration.faults.map((f) => f.message),
    ["mailhost.yaml:7: etc/none cannot be read: there is no such file"],
  );
});

test("files within files: in their place, later lines count, loops are named, a hundred are enough", () => {
  const nested = reading({
    "/a": "set timeout = 1\nset config-file = /b\nset shy\n",
    "/b": "set timeout = 2\nset shy = false\n",
  });
  assert.deepEqual(settingsOf(nested), { "pop3.timeout": 2000, "pop3.shy": true });
  assert.deepEqual(nested.settings.get("pop3.timeout")?.origin, { file: "/b", line: 1 });

  const loop = reading({ "/a": "set config-file = /b\n", "/b": "\nset config-file = /a\n" });
  assert.deepEqual(
    loop.faults.map((f) => f.message),
    ["/b:2: config-file: the files name each other in a loop: /a -> /b -> /a"],
  );

  const chain = (count: number) =>
    reading(
      Object.fromEntries(
        Array.from({ length: count }, (_, i) => [
          `/f${i}`,
          i + 1 < count ? `set config-file = /f${i + 1}` : "set shy",
        ]),
      ),
    );
  assert.deepEqual(settingsOf(chain(100)), { "pop3.shy": true });
  assert.deepEqual(
    chain(101).faults.map((f) => f.message),
    ["/f99:1: config-file: more than 100 files within files"],
  );
});

test("users: their own options hold, up to the first that they may not set", () => {
  const read = readSessionOptions(
    {
      file: "/home/wang/.qpopper-options",
      text: "set timeout = 60\nset statistics\n\nset bulldir = /home/li\nset timing\n",
    },
    "user",
    (path) => path,
  );
  assert.deepEqual(Object.fromEntries(read.settings), { "pop3.timeout": 60_000, "pop3.stats": true });
  assert.equal(
    read.fault?.message,
    "/home/wang/.qpopper-options:4: bulldir: users may not set this; the administrator can, in the options of the spool or of the server",
  );
});

test("nothing that users may set names a file, another host or where mailboxes lie", () => {
  for (const [name, [line]] of Object.entries(MEANINGS)) {
    const { settings } = readSessionOptions({ file: "f", text: line }, "user", (path) => path);
    for (const path of settings.keys())
      assert.match(
        path,
        /^pop3\.(announceExpire|announceLoginDelay|bulletins\.(max|optional)|stats|timeout|timing|updateOnAbort|updateStatusHeaders)$/,
        name,
      );
  }
});

test("the spool's options are the administrator's: more may stand there, but not what is settled at the start", () => {
  const read = readSessionOptions(
    { file: "s", text: "set auto-delete\nset tracefile = /t\nset server-mode\nset shy\nset timing\n" },
    "spool",
    (path) => `below${path}`,
  );
  assert.deepEqual(Object.fromEntries(read.settings), {
    "pop3.autoDelete": true,
    "pop3.traceFile": "below/t",
  });
  assert.equal(
    read.fault?.message,
    "s:4: shy: can not be set for one user; it belongs in the server's configuration",
  );
  const nested = readSessionOptions({ file: "s", text: "set config-file = /etc/passwd" }, "spool", (p) => p);
  assert.match(nested.fault?.message ?? "", /^s:1: config-file: can not be set for one user/);
});
