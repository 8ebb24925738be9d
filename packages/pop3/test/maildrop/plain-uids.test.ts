import assert from "node:assert/strict";
import { test } from "node:test";
import { FoundMessages } from "@mailhost/common/mbox/found-messages";
import fc from "fast-check";
import { plainUids } from "../../src/maildrop/plain-uids.ts";
import { assignUids } from "../../src/maildrop/uids.ts";

/** Digests that share their first bytes, so that places of the table are contended for. */
const digest = fc
  .tuple(fc.constantFrom("00000000", "01000000", "ffffffff"), fc.nat({ max: 5 }))
  .map(([start, end]) => start + "0".repeat(23) + String(end));

test("messages without ids of their own are called what the general way calls them", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(digest, { maxLength: 200 }), async (digests) => {
      const found = new FoundMessages();
      for (const one of digests) found.setDigest(found.next(), one);
      const numbered = await plainUids(found);
      const uids = digests.map((one, i) => numbered.get(i) ?? one);
      assert.deepEqual(
        uids,
        await assignUids(
          digests.map((one) => ({ digest: one })),
          [],
          new Set(),
        ),
      );
    }),
  );
});
