/** Unique ids. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assignUids } from "../../src/maildrop/uids.ts";

const A = "a".repeat(32);
const B = "b".repeat(32);

test("a message is called by its digest, repeats are numbered", async () => {
  const uids = await assignUids([{ digest: A }, { digest: B }, { digest: A }, { digest: A }], [], new Set());
  assert.deepEqual(uids, [A, B, `${A}.2`, `${A}.3`]);
});

test("known messages keep their ids, whatever was there before them", async () => {
  const previous = [
    { digest: A, uid: `${A}.2` },
    { digest: B, uid: "from-elsewhere" },
  ];
  const found = [{ digest: B, given: "other" }, { digest: A }, { digest: A }];
  assert.deepEqual(await assignUids(found, previous, new Set()), ["from-elsewhere", `${A}.2`, `${A}.3`]);
});

test("X-UIDL is taken when it is plausible and nobody else's", async () => {
  const found = [
    { digest: A, given: "id-1" },
    { digest: B, given: "id-1" },
    { digest: A, given: "has space" },
    { digest: B, given: "in-use" },
  ];
  assert.deepEqual(await assignUids(found, [], new Set(["in-use"])), ["id-1", B, A, `${B}.2`]);
});

test("an X-UIDL that looks like one of our numbers makes no two ids alike", async () => {
  const found = [{ digest: A, given: `${A}.2` }, { digest: A }, { digest: A }, { digest: A, given: A }];
  const uids = await assignUids(found, [], new Set());
  assert.equal(new Set(uids).size, 4);
});

test("a number is not given again while a higher one is there", async () => {
  assert.deepEqual(await assignUids([{ digest: A }], [], new Set([`${A}.5`])), [`${A}.6`]);
});
