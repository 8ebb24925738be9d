/** Unique ids. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assignUids } from "../../src/maildrop/uids.ts";

const A = "a".repeat(32);
const B = "b".repeat(32);

test("a message is called by its digest, repeats are numbered", () => {
  const uids = assignUids([{ digest: A }, { digest: B }, { digest: A }, { digest: A }], [], new Set());
  assert.deepEqual(uids, [A, B, `${A}.2`, `${A}.3`]);
});

test("known messages keep their ids, whatever was there before them", () => {
  const previous = [
    { digest: A, uid: `${A}.2` },
    { digest: B, uid: "from-elsewhere" },
  ];
  const found = [{ digest: B, uidl: "other" }, { digest: A }, { digest: A }];
  assert.deepEqual(assignUids(found, previous, new Set()), ["from-elsewhere", `${A}.2`, `${A}.3`]);
});

test("X-UIDL is taken when it is plausible and nobody else's", () => {
  const found = [
    { digest: A, uidl: "id-1" },
    { digest: B, uidl: "id-1" },
    { digest: A, uidl: "has space" },
    { digest: B, uidl: "in-use" },
  ];
  assert.deepEqual(assignUids(found, [], new Set(["in-use"])), ["id-1", B, A, `${B}.2`]);
});

test("an X-UIDL that looks like one of our numbers makes no two ids alike", () => {
  const found = [{ digest: A, uidl: `${A}.2` }, { digest: A }, { digest: A }, { digest: A, uidl: A }];
  const uids = assignUids(found, [], new Set());
  assert.equal(new Set(uids).size, 4);
});

test("a number is not given again while a higher one is there", () => {
  assert.deepEqual(assignUids([{ digest: A }], [], new Set([`${A}.5`])), [`${A}.6`]);
});
