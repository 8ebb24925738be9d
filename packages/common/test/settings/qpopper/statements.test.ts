/** The lines of Qpopper configuration files. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readValue } from "../../../src/settings/qpopper/option-kinds.ts";
import { readLine, readLines } from "../../../src/settings/qpopper/statements.ts";

const statement = (name: string, text?: string, quoted = false, reset = false) => ({
  kind: "statement" as const,
  reset,
  name,
  ...(text === undefined ? {} : { value: { text, quoted } }),
});

test("lines as the manual writes them", () => {
  const cases: readonly (readonly [string, unknown])[] = [
    ["", { kind: "nothing" }],
    ["   \t ", { kind: "nothing" }],
    ["# set shy", { kind: "nothing" }],
    ["  # set shy", { kind: "nothing" }],
    ["set shy", statement("shy")],
    ["SET Shy # quiet", statement("Shy")],
    ["\tset\tshy=true", statement("shy", "true")],
    ["reset shy", statement("shy", undefined, false, true)],
    ["set timeout = 600", statement("timeout", "600")],
    ["set timeout=600# ten minutes", statement("timeout", "600#")],
    ["set bulldir = /var/spool/bulls", statement("bulldir", "/var/spool/bulls")],
    ["set bulldir = /a#b # c", statement("bulldir", "/a#b")],
    ['set log-login = "by %1 # at" # as ever', statement("log-login", "by %1 # at", true)],
    ["set log-login = 'say \"%1\"'", statement("log-login", 'say "%1"', true)],
    ['set log-login = "say \\"%1\\""', statement("log-login", 'say "%1"', true)],
    ['set log-login = `it\'s "%1"`', statement("log-login", 'it\'s "%1"', true)],
    ['set temp-dir = ""', statement("temp-dir", "", true)],
    ["set UW-kluge", statement("UW-kluge")],
  ];
  for (const [line, meaning] of cases) {
    const read = readLine(line);
    // A number's comment needs no blank in front; that is the value's business.
    if (line.includes("600#"))
      assert.deepEqual(read, {
        kind: "fault",
        reason: 'timeout: expected a comment or the end of the line, found "ten minutes"',
      });
    else assert.deepEqual(read, meaning, line);
  }
});

test("a number may have its comment glued to it", () => {
  const read = readLine("set timeout=600#seconds");
  assert.ok(read.kind === "statement" && read.value !== undefined);
  assert.deepEqual(readValue({ kind: "integer" }, read.value), { ok: true, value: 600 });
});

test("what is wrong with a line is said", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["shy", /expected "set NAME = VALUE" or "reset NAME", found "shy"/],
    ["setshy", /expected "set NAME/],
    ["set", /expected the name of an option, found the end of the line/],
    ["set = 5", /expected the name of an option, found "= 5"/],
    ["set timeout 120", /timeout: expected "=" or the end of the line, found "120"/],
    ["set timeout =", /timeout: a value is missing/],
    ["set timeout = # 120", /timeout: a value is missing/],
    ["set timeout = 120 130", /timeout: expected a comment or the end of the line, found "130"/],
    ['set log-login = "by %1', /log-login: the quote " is not closed/],
    [`set bulldir = /${"x".repeat(1100)}`, /longer than 1023 characters/],
  ];
  for (const [line, reason] of cases) {
    const read = readLine(line);
    assert.equal(read.kind, "fault", line);
    assert.match(read.kind === "fault" ? read.reason : "", reason);
  }
});

test("a value comes back as it was written, whatever it holds", () => {
  const word = fc.stringMatching(/^[a-z][a-z-]{0,20}$/);
  const value = fc.string({ maxLength: 200 }).filter((text) => !/\p{Cc}/u.test(text) && !text.endsWith("\\"));
  const quote = fc.constantFrom('"', "'", "`");
  const blanks = fc.stringMatching(/^[ \t]{0,3}$/);
  fc.assert(
    fc.property(word, value, quote, blanks, fc.boolean(), (name, text, q, space, comment) => {
      // A backslash before the quote is how the quote itself is written.
      fc.pre(!text.includes(`\\${q}`));
      const written = `${q}${text.replaceAll(q, `\\${q}`)}${q}`;
      const line = `${space}set ${name}${space}=${space}${written}${space}${comment ? "# ok" : ""}`;
      assert.deepEqual(readLine(line), statement(name, text, true));
    }),
  );
});

test("no text whatever makes the reader fail", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 3000 }), (text) => {
      for (const line of readLines(text)) assert.ok(["nothing", "statement", "fault"].includes(line.kind));
    }),
  );
});

test("numbers are C's", () => {
  const integer = (text: string) => readValue({ kind: "integer", max: 1000 }, { text, quoted: false });
  assert.deepEqual(integer("0x10"), { ok: true, value: 16 });
  assert.deepEqual(integer("010"), { ok: true, value: 8 });
  assert.deepEqual(integer("0"), { ok: true, value: 0 });
  for (const text of ["", "09", "-1", "ten", "1e3", "1.5", "12x"])
    assert.deepEqual(integer(text), { ok: false, expected: "a whole number" }, text);
  assert.deepEqual(integer("1001"), { ok: false, expected: "at most 1000" });
  assert.deepEqual(integer("9".repeat(400)), { ok: false, expected: "at most 1000" });
});
