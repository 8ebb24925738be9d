/** The table of limits, and which of its lines holds for whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mailboxLimits, percentOf } from "../../src/quota/mailbox-limits.ts";
import { parseQuotas } from "../../src/quota/quota-table.ts";

const TEXT = `# people
Alice 500MiB
alice@A.Example\t2GiB
@a.example   100
archive none

bob 10KiB
`;

test("a name, the domain, the setting", () => {
  const { entries, faults } = parseQuotas(TEXT, "quotas");
  assert.deepEqual(faults, []);
  const limitOf = mailboxLimits({ mailbox: 7 }, { get: (key) => entries.get(key) });
  assert.equal(limitOf("alice"), 500 * 1024 ** 2);
  assert.equal(limitOf("alice@a.example"), 2 * 1024 ** 3);
  assert.equal(limitOf("carol@a.example"), 100);
  assert.equal(limitOf("carol@b.example"), 7);
  assert.equal(limitOf("carol"), 7);
  assert.equal(limitOf("archive"), 0);
});

test("faults are named by their lines, and the sound lines count", () => {
  const text = "alice\nbob lots\ncarol 0\n../x 10\n@x 10\ndora 5 MiB\ndora 6MiB\n a@b.lock 5\n";
  const { entries, faults, duplicates } = parseQuotas(text, "etc/mail/quotas");
  assert.deepEqual(
    faults.map((fault) => fault.message),
    [
      "etc/mail/quotas:1: expected NAME SIZE",
      'etc/mail/quotas:2: bob: "lots": expected none or a size in bytes or with KiB, MiB or GiB, such as 25MiB',
      "etc/mail/quotas:3: carol: 0 octets: write none for no limit",
      "etc/mail/quotas:4: ../x: a name that starts with a dot: expected a mailbox, or @domain",
      "etc/mail/quotas:5: @x: no domain: expected a mailbox, or @domain",
      'etc/mail/quotas:8: a@b.lock: a name that ends in ".lock": expected a mailbox, or @domain',
    ],
  );
  assert.equal(entries.get("dora"), String(5 * 1024 ** 2));
  assert.deepEqual(
    duplicates.map((fault) => fault.message),
    ["etc/mail/quotas:7: dora comes twice; the first counts"],
  );
});

test("whatever a file says, each line is an entry, a fault or neither", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      const { entries } = parseQuotas(text, "quotas");
      for (const value of entries.values()) assert.match(value, /^\d+$/);
    }),
  );
});

test("per cent are whole, and 100 is full", () => {
  assert.equal(percentOf(999, 1000), 99);
  assert.equal(percentOf(1000, 1000), 100);
  assert.equal(percentOf(0, 10), 0);
});
