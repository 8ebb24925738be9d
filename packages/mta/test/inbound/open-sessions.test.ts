import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SMTPConnection } from "smtp-server/lib/smtp-connection.js";
import { OpenSessions } from "../../src/inbound/open-sessions.ts";

/** What stands for a session. */
function session(): SMTPConnection {
  return {} as SMTPConnection;
}

test("it holds what a Set would, whatever comes and leaves", () => {
  const all = Array.from({ length: 6 }, session);
  const step = fc.tuple(fc.constantFrom("add", "delete"), fc.nat(all.length - 1));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const [ours, known] = [new OpenSessions(), new Set<SMTPConnection>()];
      for (const [what, which] of steps) {
        const one = all[which]!;
        if (what === "add") {
          assert.equal(ours.add(one), ours);
          known.add(one);
        } else assert.equal(ours.delete(one), known.delete(one));
        assert.equal(ours.size, known.size);
        for (const each of all) assert.equal(ours.has(each), known.has(each));
      }
      assert.deepEqual(
        new Set([...ours].map((one) => all.indexOf(one))),
        new Set([...known].map((one) => all.indexOf(one))),
      );
      assert.equal([...ours.keys()].length, known.size);
      assert.ok([...ours.entries()].every(([one, again]) => one === again && known.has(one)));
      ours.clear();
      assert.deepEqual([ours.size, [...ours]], [0, []]);
    }),
  );
});

test("sessions that leave while all are told to are told all the same", () => {
  const all = Array.from({ length: 5 }, session);
  const ours = new OpenSessions();
  for (const one of all) ours.add(one);
  const told: number[] = [];
  // As smtp-server does it when it closes.
  ours.forEach((one, again, set) => {
    assert.equal(one, again);
    told.push(all.indexOf(one));
    set.delete(one);
  });
  assert.deepEqual(told, [0, 1, 2, 3, 4]);
  assert.equal(ours.size, 0);
  for (const one of all) ours.add(one);
  for (const one of ours) ours.delete(one);
  assert.equal(ours.size, 0);
});
