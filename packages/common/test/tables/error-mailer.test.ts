import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { readErrorMailer } from "../../src/tables/error-mailer.ts";

const said = (value: string) => {
  const reply = readErrorMailer(value);
  return reply === undefined ? undefined : `${reply.code} ${reply.enhanced} ${reply.text}`;
};

test("what Sendmail 8.17 answers for the same values", () => {
  const cases: [value: string, reply: string][] = [
    ["error:nouser 550 No such user here", "550 5.0.0 No such user here"],
    ["error:5.7.0:550 text here", "550 5.7.0 text here"],
    ["error:5.7.0:just text", "553 5.3.0 just text"],
    ["error:nouser just text", "553 5.3.0 just text"],
    ["error:tempfail 450 try later", "450 4.0.0 try later"],
    ["error:4.2.1:450 later", "450 4.2.1 later"],
    ["error:5.1.1:550 5.2.2 two codes", "550 5.2.2 two codes"],
    ["error:nohost No host", "553 5.3.0 No host"],
    ["error:4.2.1:later", "553 5.3.0 later"],
    ['error:5.7.1:"550 quoted text"', "550 5.7.1 quoted text"],
    ["ERROR:5.7.1:550 upper", "550 5.7.1 upper"],
    ["error:5.7.1:450 mixed", "450 5.7.1 mixed"],
    ["error:nouser 5501 No", "553 5.3.0 5501 No"],
    ['error:config "quoted text"', "553 5.3.0 quoted text"],
    ["error:67 550 text", "550 5.0.0 text"],
    ["error:nouser:550 colon", "550 5.0.0 colon"],
    ["error:550 plain", "550 5.0.0 plain"],
  ];
  for (const [value, reply] of cases) assert.equal(said(value), reply, value);
});

test("where Sendmail spoils the text, what was meant is taken", () => {
  assert.equal(said("error:5.7.1 550 text words"), "550 5.7.1 text words");
  assert.equal(said("error:550 5.1.1 plain"), "550 5.1.1 plain");
  assert.equal(said("error:some text"), "553 5.3.0 some text");
  assert.equal(said("error:"), "553 5.3.0 User unknown");
  assert.equal(said("error:unavailable "), "553 5.3.0 User unknown");
});

test("another value is no refusal", () => {
  for (const value of ["joe", "errors@x.test", "error@x.test", "local:joe", ""])
    assert.equal(said(value), undefined, value);
});

test("whatever is written, the reply is one line with an error's code", () => {
  fc.assert(
    fc.property(fc.string(), (rest) => {
      const reply = readErrorMailer(`error:${rest.replace(/\n/g, "\r")}`)!;
      assert.match(`${reply.code} ${reply.enhanced} ${reply.text}`, /^[45]\d\d [245]\.\d+\.\d+ \P{Cc}+$/u);
    }),
  );
});
