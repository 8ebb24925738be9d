import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { listedAddresses } from "../../src/submit/recipient-list.ts";

test("the addresses of a field, in their order", () => {
  for (const [text, addresses] of [
    [" joe", ["joe"]],
    [' "Joe, the first" <joe@example.com>,\r\n Postmaster', ["joe@example.com", "Postmaster"]],
    [" team: a@far.example, b@far.example; , c@d", ["a@far.example", "b@far.example", "c@d"]],
    [" undisclosed-recipients:;", []],
    [" (a (nested, comment)) joe (x)", ["joe"]],
    [' "a b"@example.com, <"c,d"@example.com>', ['"a b"@example.com', '"c,d"@example.com']],
    [" joe amy", ["joe", "amy"]],
    [" joe @ example.com", ["joe@example.com"]],
    [" <a@b", ["a@b"]],
    [" a@[192.0.2.1], <>", ["a@[192.0.2.1]"]],
    [" |/bin/sh, /etc/passwd", ["|/bin/sh", "/etc/passwd"]],
    [" Joe User <joe@example.com> (home), <@a,@b:c@d>", ["joe@example.com", "@a,@b:c@d"]],
    ["", []],
  ] as const) {
    assert.deepEqual(listedAddresses(text), addresses, text);
  }
});

/** What the grammar is made of. */
const SYNTAX = [
  "a",
  "b",
  "@",
  "<",
  ">",
  "(",
  ")",
  ",",
  ";",
  ":",
  '"',
  "\\",
  " ",
  "\r",
  "\n",
  "[",
  "]",
] as const;

test("any text is read to its end", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...SYNTAX), maxLength: 40 }), (text) => {
      for (const address of listedAddresses(text)) assert.notEqual(address, "");
    }),
  );
});

test("what was written as a list is found in it", () => {
  const address = fc
    .tuple(fc.stringMatching(/^[a-z][a-z.]{0,8}$/), fc.stringMatching(/^[a-z]{1,8}\.example$/))
    .map(([local, domain]) => `${local}@${domain}`);
  const written = fc
    .tuple(address, fc.constantFrom("", "<>", '"A, B" <>', "A B <>", "(c)"))
    .map(([a, form]) => ({
      a,
      text: form.includes("<>") ? form.replace("<>", `<${a}>`) : form === "" ? a : `${form} ${a}`,
    }));
  fc.assert(
    fc.property(
      fc.array(written, { maxLength: 8 }),
      fc.constantFrom(", ", ",\r\n\t", " , "),
      (items, comma) => {
        assert.deepEqual(
          listedAddresses(items.map(({ text }) => text).join(comma)),
          items.map(({ a }) => a),
        );
      },
    ),
  );
});

test("no text takes long", () => {
  for (const sign of [" ", "\t", "\r\n ", "<", '"', "(", "\\", "a "]) {
    for (const start of ["", "<", '"', "("]) {
      const began = process.cpuUsage();
      listedAddresses(start + sign.repeat(65_536));
      assert.ok(process.cpuUsage(began).user < 3_000_000, JSON.stringify(start + sign));
    }
  }
});
