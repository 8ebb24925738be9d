import assert from "node:assert/strict";
import { test } from "node:test";
import { FoundMessages } from "../../src/mbox/found-messages.ts";

const digestOf = (i: number) => i.toString(16).padStart(32, "0");

test("messages come out as they were put in, many more than there was room for at first", () => {
  const found = new FoundMessages();
  const expected = Array.from({ length: 1000 }, (_, n) => {
    const i = found.next();
    assert.equal(i, n);
    const start = n * 2 ** 33;
    found.start[i] = start;
    found.head[i] = start + 30;
    found.body[i] = start + 300;
    found.end[i] = start + 3000;
    found.octets[i] = 2990;
    const identity = {
      digest: digestOf(n),
      seen: n % 7 === 0,
      ...(n % 5 === 0 ? { uidl: `id-${n}` } : {}),
    };
    found.identify(i, identity);
    return { start, head: start + 30, body: start + 300, end: start + 3000, octets: 2990, ...identity };
  });
  assert.equal(found.count, 1000);
  assert.equal(found.others.size, expected.filter(({ seen, uidl }) => seen || uidl !== undefined).length);
  assert.deepEqual(found.drain(), expected);
  assert.equal(found.count, 0);
  assert.equal(found.others.size, 0);
});
