import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { inOrder } from "../../src/queue/in-order.ts";
import { entryOf } from "./queue-samples.ts";

test("two lists come as one, in order, and what is in both comes once, as the second has it", () => {
  const ids = fc.uniqueArray(fc.stringMatching(/^[0-9A-Z]{1,3}$/), { maxLength: 12 });
  fc.assert(
    fc.property(ids, ids, (few, many) => {
      const merged = [
        ...inOrder(
          few.map((id) => entryOf({ id, attempts: 1 })),
          many.toSorted().map((id) => entryOf({ id, attempts: 2 })),
        ),
      ];
      const expected = [...new Set([...few, ...many])].toSorted();
      assert.deepEqual(
        merged.map(({ id }) => id),
        expected,
      );
      for (const { id, attempts } of merged) assert.equal(attempts, many.includes(id) ? 2 : 1);
    }),
  );
});
