/** The soak of a whole company (npm run soak -- company) in its shortest form, and the judgements that it comes to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { companyText, soakCompany } from "./soak/company.ts";
import { trendOf } from "./soak/flatness.ts";
import { Ledger } from "./soak/ledger.ts";

test("a few seconds of a company's traffic: all mail is where it belongs", async (t) => {
  const plan = { seconds: 7, seed: 3, rate: 20, trial: 0, every: { sample: 2, poll: 5, work: 3 } };
  const result = await soakCompany(t, plan, (text) => t.diagnostic(text));
  // Whether anything grows is not to be seen in seconds.
  const { lost, surplus, faults } = result;
  assert.deepEqual({ lost, surplus, faults }, { lost: [], surplus: [], faults: [] }, companyText(result));
  assert.ok(result.accepted > 0 && result.relayed > 0 && result.polls > 0 && result.samples.length > 0);
});

const LEVEL = { absolute: 10, relative: 0.1 };

function series(count: number, of: (i: number) => number) {
  return Array.from({ length: count }, (_, i) => ({ at: i * 30, value: of(i) }));
}

test("what goes up and down is flat, what creeps is not, what was taken at the start does not count", () => {
  assert.equal(
    trendOf(
      series(200, (i) => 100 + 30 * Math.sin(i)),
      LEVEL,
    ).isFlat,
    true,
  );
  assert.equal(
    trendOf(
      series(200, (i) => 100 + i),
      LEVEL,
    ).isFlat,
    false,
  );
  assert.equal(
    trendOf(
      series(200, (i) => Math.min(300, 100 + 10 * i)),
      LEVEL,
    ).isFlat,
    true,
  );
  assert.equal(
    trendOf(
      series(200, (i) => (i > 120 ? 200 : 100)),
      LEVEL,
    ).isFlat,
    false,
    "a step",
  );
  assert.equal(
    trendOf(
      series(200, (i) => 100 - i / 4),
      LEVEL,
    ).isFlat,
    true,
    "less is no fault",
  );
  assert.deepEqual(trendOf([], LEVEL), { growth: 0, before: 0, after: 0, peak: 0, isFlat: true });
});

test("the books: what is missing, what came twice, what came before it was promised", () => {
  const ledger = new Ledger();
  ledger.promise(1, ["joe", "amy"]);
  ledger.found(1, "joe");
  ledger.found(2, "joe");
  ledger.promise(2, ["joe"]);
  ledger.found(3, "amy");
  assert.deepEqual(ledger.audit(), { lost: ["1 amy"], surplus: ["3 amy"] });
  ledger.found(1, "amy");
  ledger.found(1, "amy");
  assert.deepEqual(ledger.audit(), { lost: [], surplus: ["3 amy", "1 amy"] });
  assert.equal(ledger.seen, 5);
});
