import assert from "node:assert/strict";
import { test } from "node:test";
import { bareName, senderUser } from "../../src/recipients/local-sender.ts";
import { resolveRecipient } from "../../src/recipients/resolve.ts";
import { fakeParts, user } from "./fake-parts.ts";

const host = {
  accounts: [user("joe", 2001), user("amy", 2002), "pop"],
  aliases: {
    team: "joe, x@other.test",
    "owner-team": "amy",
    outer: "y@other.test, team",
    "owner-outer": "boss@other.test",
    bob: "joe",
    joe: "joe, amy",
  },
};
const parts = fakeParts(host);

test("a sender is a user of ours by its name, with or without a domain of ours", () => {
  assert.equal(senderUser(parts, "joe@ours.test", "<joe@ours.test>"), "<joe@ours.test> (2001/2001)");
  assert.equal(senderUser(parts, "Joe", "<Joe>"), "<Joe> (2001/2001)");
  assert.equal(senderUser(parts, "joe+x@mail.ours.test", "<w>"), "<w> (2001/2001)");
  for (const other of ["joe@other.test", "nobody@ours.test", "bob@ours.test", "pop@ours.test", ""])
    assert.equal(senderUser(parts, other, "w"), undefined, other);
  assert.equal(bareName("amy@Mail.Ours.Test", "mail.ours.test"), "amy");
  assert.equal(bareName("amy@ours.test", "mail.ours.test"), "amy@ours.test");
});

test("what a list sends on is its owner's, where that is a user; the nearest list counts", async () => {
  const resolved = await resolveRecipient("outer@ours.test", parts);
  assert.ok(resolved.kind === "targets");
  assert.deepEqual(
    resolved.recipients
      .map(({ address, sender, senderUser }) => [address, sender, senderUser])
      .toSorted(([a = ""], [b = ""]) => a.localeCompare(b)),
    [
      ["amy@mail.ours.test", "amy@mail.ours.test", "amy (2002/2002)"],
      ["joe@mail.ours.test", "amy@mail.ours.test", "amy (2002/2002)"],
      ["x@other.test", "amy@mail.ours.test", "amy (2002/2002)"],
      ["y@other.test", "boss@other.test", undefined],
    ],
  );
});

test("a name in its own alias is logged as it was given, the others as the alias has them", async () => {
  const resolved = await resolveRecipient("joe@ours.test", parts);
  assert.ok(resolved.kind === "targets");
  assert.deepEqual(
    resolved.recipients.map(({ target, controlling }) => [
      target.kind === "mailbox" && target.name,
      controlling,
    ]),
    [
      ["amy", "<joe@ours.test>"],
      ["joe", undefined],
    ],
  );
});
