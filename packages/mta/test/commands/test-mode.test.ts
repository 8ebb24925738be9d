import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { testMode } from "../../src/commands/test-mode.ts";
import { inputLine, returnsLine, tokens } from "../../src/commands/test-mode-text.ts";
import { makeSite, removeSite } from "./site-fixture.ts";

/** What address test mode answers to lines, without its two lines of greeting. */
async function ask(t: TestContext, lines: readonly string[]): Promise<string[]> {
  const site = makeSite({
    access: "10.9.8.7 REJECT\nConnect:10.1 RELAY\nFrom:bad@far.example REJECT\n",
    virtusertable: "@linuxaid.com.cn joe\n",
    mailertable: "mt.example esmtp:[192.0.2.9]\n",
    mailhost: "",
    "trusted-users": "uucp\n",
  });
  t.after(() => removeSite(site));
  const out: string[] = [];
  async function* stdin(): AsyncGenerator<Buffer> {
    yield Buffer.from(`${lines.join("\n")}\n`);
  }
  const code = await testMode(
    site,
    { stdin: stdin(), stdout: (line) => void out.push(line), stderr: (line) => void out.push(line) },
    () => undefined,
  );
  assert.equal(code, 0);
  assert.deepEqual(out.slice(0, 2), [
    "ADDRESS TEST MODE (ruleset 3 NOT automatically invoked)",
    "Enter <ruleset> <address>",
  ]);
  return out.slice(2);
}

/** Without the look-ups, which are indented. */
const answers = (lines: readonly string[]) => lines.filter((line) => !line.startsWith("  "));

test("tokens and columns are Sendmail's", () => {
  assert.equal(tokens("joe<@example.com.>"), "joe < @ example . com . >");
  assert.equal(
    tokens('$#error $@ 5.7.1 $: "550 Access denied"'),
    '$# error $@ 5 . 7 . 1 $: "550 Access denied"',
  );
  assert.equal(inputLine("check_mail", "bad@far.example"), "check_mail         input: bad @ far . example");
  assert.equal(returnsLine("Basic_check_mail", "OK"), "Basic_check_mail returns: OK");
});

test("3,0 and /parse", async (t) => {
  const out = await ask(t, [
    "3,0 amy@far.example",
    "/parse amy@mt.example",
    "/parse joe",
    "/parse list",
    "0",
  ]);
  assert.deepEqual(out, [
    "canonify           input: amy @ far . example",
    "canonify         returns: amy < @ far . example . >",
    "parse              input: amy < @ far . example . >",
    "parse            returns: $# esmtp $@ far . example . $: amy < @ far . example . >",
    "Cracked address = $g",
    "Parsing envelope recipient address",
    "canonify           input: amy @ mt . example",
    "canonify         returns: amy < @ mt . example . >",
    "parse              input: amy < @ mt . example . >",
    "parse            returns: $# esmtp $@ [ 192 . 0 . 2 . 9 ] $: amy < @ mt . example . >",
    "mailer esmtp, host [192.0.2.9], user amy@mt.example",
    ...["joe", "list"].flatMap((name) => [
      "Cracked address = $g",
      "Parsing envelope recipient address",
      `canonify           input: ${name}`,
      `canonify         returns: ${name}`,
      `parse              input: ${name}`,
      `parse            returns: $# local $: ${name}`,
      `mailer local, user ${name}`,
    ]),
    "No address!",
  ]);
});

test("rulesets are answered by the decisions of a session, for the client that .D names", async (t) => {
  const out = await ask(t, [
    ".D{client_addr}10.1.2.3",
    "check_rcpt amy@far.example",
    ".D{client_addr}10.99.2.3",
    "check_rcpt amy@far.example",
    "check_relay foo.example $| 10.9.8.7",
    "check_mail bad@far.example",
    "Noset x",
  ]);
  assert.deepEqual(
    answers(out).filter((line) => !line.includes("   input:")),
    [
      "check_rcpt       returns: RELAY",
      'check_rcpt       returns: $# error $@ 5 . 7 . 1 $: "550 Relaying denied"',
      'check_relay      returns: $# error $@ 5 . 7 . 1 $: "550 Access denied"',
      'check_mail       returns: $# error $@ 5 . 7 . 1 $: "550 Access denied"',
      "Undefined ruleset Noset",
    ],
  );
  assert.ok(out.includes("  access: connect:10.1 -> RELAY"), out.join("\n"));
});

test("macros, classes, maps and what is wrong", async (t) => {
  const out = await ask(t, [
    "$j",
    "$m",
    ".Cwnew.example",
    "$=t",
    "/parse u@new.example",
    "/map aliases staff",
    "/map access 10.9.8.7",
    "/map access nokey",
    "/map nosuch x",
    "/try esmtp joe",
    "/foo",
    "/parse",
    "/map",
    ".",
    ".X",
    "$",
    "=",
    "-d21.12",
    "# nothing",
    "",
    "/quit",
    "$j",
  ]);
  assert.deepEqual(out, [
    "mail.linuxaid.com.cn",
    "linuxaid.com.cn",
    "root",
    "daemon",
    "mail",
    "uucp",
    "Cracked address = $g",
    "Parsing envelope recipient address",
    "canonify           input: u @ new . example",
    "canonify         returns: u < @ new . example . >",
    "parse              input: u < @ new . example . >",
    "parse            returns: $# local $: u",
    "mailer local, user u",
    "map_lookup: aliases (staff) returns joe, amy@far.example (0)",
    "map_lookup: access (10.9.8.7) returns REJECT (0)",
    "map_lookup: access (nokey) no match (0)",
    'Map named "nosuch" not found',
    "Trying envelope recipient address joe for mailer esmtp",
    "Rcode = 0, addr = joe@mail.linuxaid.com.cn",
    'Unknown "/" command /foo',
    "Usage: /parse address",
    "Usage: /map mapname key",
    "Usage: .[DC]macro value(s)",
    'Unknown "." command .X',
    "Name required for macro/class",
    "Usage: =Sruleset or =M",
  ]);
});

test("check_rcpt knows who has logged in", async (t) => {
  const out = await ask(t, [
    ".D{client_addr}203.0.113.9",
    "check_rcpt x@far.example",
    ".D{auth_type}PLAIN",
    ".D{auth_authen}joe",
    "check_rcpt x@far.example",
  ]);
  assert.deepEqual(
    answers(out).filter((line) => line.includes("returns")),
    [
      'check_rcpt       returns: $# error $@ 5 . 7 . 1 $: "550 Relaying denied"',
      "check_rcpt       returns: RELAY",
    ],
  );
});
