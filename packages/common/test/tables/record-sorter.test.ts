import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import test from "node:test";
import fc from "fast-check";
import { merged, RecordSorter, type SortRecord } from "../../src/tables/record-sorter.ts";

const octets = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((n) => String.fromCharCode(n)),
  maxLength: 6,
});
const record = (line: number, key: string, value = ""): SortRecord => ({ key, value, line });

test("records come in the order of their keys, equal ones as they went in, with and without runs", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(octets, octets), { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      (pairs, limit) => {
        const sorter = new RecordSorter(limit);
        const records = pairs.map(([key, value], line) => record(line, key, value));
        for (const each of records) sorter.add(each);
        const wanted = [...records].sort(
          (a, b) =>
            Buffer.compare(Buffer.from(a.key, "latin1"), Buffer.from(b.key, "latin1")) || a.line - b.line,
        );
        assert.deepEqual([...sorter.sorted()], wanted);
        sorter.close();
      },
    ),
    { numRuns: 60 },
  );
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => name.startsWith("mailhost-sort-")),
    [],
  );
});

test("records that are longer than what is read at a time", () => {
  const sorter = new RecordSorter(1);
  const long = "x".repeat(700_000);
  for (const key of ["c", "b", "a"]) sorter.add(record(0, key, key + long));
  assert.deepEqual(
    [...sorter.sorted()].map((r) => r.value.length),
    [700_001, 700_001, 700_001],
  );
  sorter.close();
});

test("merging: of equal keys those of the earlier sequence come first", () => {
  const old = [record(0, "a", "old"), record(0, "c", "old")];
  const fresh = [record(1, "a", "new"), record(2, "b", "new")];
  assert.deepEqual(
    [...merged([old, fresh])].map((r) => r.key + r.value),
    ["aold", "anew", "bnew", "cold"],
  );
});
