/** popper's command line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { QPOPPER_OPTIONS } from "@mailhost/common/settings/qpopper/option-rows";
import fc from "fast-check";
import { readAddress, readPopperFlags } from "../../src/popper/popper-flags.ts";

function order(...args: string[]) {
  const read = readPopperFlags(args);
  assert.ok(read.ok, read.ok ? "" : read.reason);
  return read.order;
}
const options = (...args: string[]) => order(...args).options.map(({ name, value }) => [name, value]);

test("each flag is an option of the file", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["-b/var/bulls", "bulldir", "/var/bulls"],
    ["-B", "bulldb-nonfatal", "true"],
    ["-c", "downcase-user", "true"],
    ["-C", "trim-domain", "true"],
    ["-d", "debug", "true"],
    ["-Dlocalhost", "drac-host", "localhost"],
    ["-f/etc/q", "config-file", "/etc/q"],
    ["-F", "fast-update", "true"],
    ["-k", "kerberos", "true"],
    ["-Kpop", "kerberos-service", "pop"],
    ["-l0", "tls-support", "none"],
    ["-l1", "tls-support", "STLS"],
    ["-L5000", "mail-lock-check", "5000"],
    ["-p0", "clear-text-password", "default"],
    ["-p1", "clear-text-password", "never"],
    ["-p2", "clear-text-password", "always"],
    ["-p3", "clear-text-password", "local"],
    ["-p4", "clear-text-password", "tls"],
    ["-R", "reverse-lookup", "false"],
    ["-s", "statistics", "true"],
    ["-S", "server-mode", "true"],
    ["-t/tmp/t", "tracefile", "/tmp/t"],
    ["-T120", "timeout", "120"],
    ["-u", "user-options", "true"],
    ["-U", "spool-options", "true"],
    ["-ylocal1", "log-facility", "local1"],
  ];
  const known = new Set(QPOPPER_OPTIONS.map((o) => o.name));
  for (const [word, name, value] of cases) {
    assert.deepEqual(options(word), [[name, value]], word);
    if (word.length > 2) assert.deepEqual(options(word.slice(0, 2), word.slice(2)), [[name, value]], word);
    assert.ok(known.has(name) || name === "config-file", name);
  }
});

test("flags are getopt's", () => {
  assert.deepEqual(options("-sST", "120", "-R"), [
    ["statistics", "true"],
    ["server-mode", "true"],
    ["timeout", "120"],
    ["reverse-lookup", "false"],
  ]);
  assert.deepEqual(options("-e", "login_delay=60,expire=30"), [
    ["announce-login-delay", "60"],
    ["announce-expire", "30"],
  ]);
  assert.deepEqual([order("-l2").encrypted, order("-l", "1").encrypted], [true, false]);
  assert.deepEqual(order("-l", "2", "192.0.2.1").address, { host: "192.0.2.1", port: 995 });
  assert.equal(order("-v").action, "version");
  assert.deepEqual([order("--verify", "wang").user, order("--verify=li", "--json").json], ["wang", true]);
  assert.equal(order("--root", "/srv").root, "/srv");
});

test("what is wrong is said", () => {
  for (const [args, reason] of [
    [["-Z"], "unknown flag -Z"],
    [["--frob"], "unknown option --frob"],
    [["-T"], "flag -T needs an argument"],
    [["-b", "--explain"], "flag -b needs an argument"],
    [["--root"], "--root needs an argument"],
    [["-p", "5"], "-p 5: expected a number from 0 to 4"],
    [["-e", "x=1"], "-e x=1: expected login_delay=SECONDS, expire=DAYS or both with a comma"],
    [
      ["mail.example.com"],
      "mail.example.com: expected an address, a port, or both: 110, 192.0.2.1:110, [2001:db8::1]:110",
    ],
    [["110", "111"], "111: one address is enough"],
  ] as const) {
    assert.deepEqual(readPopperFlags(args), { ok: false, reason });
  }
});

test("addresses", () => {
  const any = "0.0.0.0";
  for (const [text, host, port] of [
    ["110", any, 110],
    [":2110", any, 2110],
    ["192.0.2.1", "192.0.2.1", 995],
    ["192.0.2.1:110", "192.0.2.1", 110],
    ["[::1]", "::1", 995],
    ["[::1]:110", "::1", 110],
    ["[::1]110", "::1", 110],
    ["2001:db8::1", "2001:db8::1", 995],
  ] as const)
    assert.deepEqual(readAddress(text, 995), { host, port }, text);
  for (const text of ["", "65536", "[::1", "[192.0.2.1]:1", "1.2.3.999", "host:110"])
    assert.equal(readAddress(text, 110), undefined, text);
});

test("no command line makes the reader fail", () => {
  const word = fc.oneof(fc.string({ maxLength: 20 }), fc.stringMatching(/^-[a-zA-Z]{1,4}$/));
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (args) => {
      assert.equal(typeof readPopperFlags(args).ok, "boolean");
    }),
  );
});
