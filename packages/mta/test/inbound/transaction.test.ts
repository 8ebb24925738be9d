/** Which recipients of a message are one, and which must stay two: a copy too many is a nuisance, one too few is lost mail. */
import assert from "node:assert/strict";
import test from "node:test";
import { queueRecipients } from "../../src/inbound/transaction.ts";
import { targetName } from "../../src/queue/queue-entry.ts";
import type { ResolvedRecipient } from "../../src/recipients/resolve.ts";

const accepted = (address: string, ...resolved: ResolvedRecipient[]) => ({
  address,
  resolved,
  parameters: {},
});
const program = (command: string, user?: string): ResolvedRecipient => ({
  address: "x@here.example",
  target: { kind: "program", command, as: { name: "x", ...(user === undefined ? {} : { user }) } },
});
const namesOf = (...all: ReturnType<typeof accepted>[]) =>
  queueRecipients(all, "a@b").map(({ target }) =>
    `${targetName(target)} ${"as" in target ? (target.as.user ?? "") : ""}`.trim(),
  );

test("two users who filter through the same program get two runs of it, each as its user", () => {
  const filter = "exec /usr/bin/procmail";
  assert.deepEqual(
    namesOf(accepted("joe@h", program(filter, "joe")), accepted("ann@h", program(filter, "ann"))),
    [`|${filter} joe`, `|${filter} ann`],
  );
});

test("two aliases for one program or mailbox are one", () => {
  assert.deepEqual(namesOf(accepted("a@h", program("p")), accepted("b@h", program("p"))), ["|p"]);
  const joe: ResolvedRecipient = { address: "joe@h", target: { kind: "mailbox", name: "joe" } };
  assert.deepEqual(namesOf(accepted("a@h", joe), accepted("b@h", { ...joe, address: "b@h" })), ["joe"]);
});

test("another host's local parts keep their case", () => {
  const remote = (address: string): ResolvedRecipient => ({
    address,
    target: { kind: "remote", domain: "far.example" },
  });
  assert.equal(
    namesOf(
      accepted("A@far.example", remote("A@far.example")),
      accepted("a@far.example", remote("a@far.example"), remote("a@FAR.example")),
    ).length,
    2,
  );
});

test("a list that is its own owner does not give a message from <> its name: reports on a member would go round", () => {
  const member: ResolvedRecipient = {
    address: "x@far.example",
    target: { kind: "remote", domain: "far.example" },
    sender: "list@here.example",
  };
  const senderOf = (found: ResolvedRecipient, sender: string) => {
    const [one] = queueRecipients([accepted("list@here.example", found)], sender);
    assert.ok(one !== undefined && !("ownsItself" in one));
    return one.sender;
  };
  assert.equal(senderOf({ ...member, ownsItself: true }, ""), undefined);
  assert.equal(senderOf({ ...member, ownsItself: true }, "a@b.example"), "list@here.example");
  // Another owner gets the reports, as from Sendmail.
  assert.equal(senderOf(member, ""), "list@here.example");
});
