import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { certificateDue } from "../../src/acme/due.ts";
import { wantedNames } from "../../src/acme/names.ts";
import { retryDelay } from "../../src/acme/retry-delay.ts";

const DAY = 86_400_000;
const HOUR = 3_600_000;
const wanted = { names: ["mail.a.example", "a.example"], renewBefore: 30 * DAY };
const certificate = { names: ["a.example", "mail.a.example"], notBefore: 0, notAfter: 90 * DAY };

test("a certificate is due when it is missing, lacks a name, or ends within renewBefore", () => {
  assert.deepEqual(certificateDue(undefined, wanted, 0), {
    due: true,
    why: "there is no certificate from an authority",
  });
  assert.deepEqual(certificateDue(certificate, wanted, 0), { due: false, at: 60 * DAY });
  assert.equal(certificateDue(certificate, wanted, 60 * DAY - 1).due, false);
  const ending = certificateDue(certificate, wanted, 60 * DAY);
  assert.deepEqual(ending, { due: true, why: "the certificate ends on 1970-04-01" });
  const ended = certificateDue(certificate, wanted, 91 * DAY);
  assert.deepEqual(ended, { due: true, why: "the certificate ended on 1970-04-01" });
  const lacking = certificateDue({ ...certificate, names: ["a.example"] }, wanted, 0);
  assert.deepEqual(lacking, { due: true, why: "the certificate does not name mail.a.example" });
});

test("a certificate that has just begun is never due, however short its life", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 3, max: 400 * DAY }),
      fc.integer({ min: HOUR, max: 400 * DAY }),
      (life, renewBefore) => {
        const judged = certificateDue({ ...certificate, notAfter: life }, { ...wanted, renewBefore }, 0);
        assert.equal(judged.due, false);
        if (!judged.due) assert.ok(judged.at >= (life * 2) / 3 - 1 && judged.at <= life);
      },
    ),
  );
});

test("the wait after failures is an hour, doubles, ends at a day, and is spread a little", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6, 100].map((n) => retryDelay(n, 0) / HOUR),
    [1, 2, 4, 8, 16, 24, 24],
  );
  assert.equal(retryDelay(1, 1), 1.1 * HOUR);
});

const names = (domains: readonly string[], hostname = "mail.a.example") =>
  wantedNames({ hostname, acme: { domains } } as unknown as Parameters<typeof wantedNames>[0]);

test("names: each once, as the DNS has them, the host's own first", () => {
  assert.deepEqual(names(["A.example", "mail.a.example.", "a.example"]), ["mail.a.example", "a.example"]);
  assert.deepEqual(names(["b.example"]), ["b.example"]);
  assert.deepEqual(names(["邮件.例子.example"]), ["xn--5nq051n.xn--fsqu00a.example"]);
});

test("names that can have no certificate over HTTP are refused with a reason", () => {
  assert.throws(() => names(["*.a.example"]), /acme\.domains: \*\.a\.example: a wildcard/);
  assert.throws(() => names(["192.0.2.1"]), /is an address/);
  assert.throws(() => names(["localhost"]), /no full host name/);
  assert.throws(() => names(["a b.example"]), /no full host name/);
  assert.throws(
    () => names(Array.from({ length: 101 }, (_, n) => `h${n}.example`)),
    /101 names are too many/,
  );
});
