/**
 * The mailer for other hosts over real sockets: routes, groups, and which host gets what.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../../src/deliver/outcome.ts";
import type { PeerScript } from "./fake-peer.ts";
import {
  asked,
  deliver,
  deliverTo,
  hosts,
  newMailer,
  peerAt,
  renewMailer,
  shown,
  useRemoteRig,
} from "./remote-rig.ts";
import { bodyOf, entryFor, recipientAt } from "./sample-message.ts";

useRemoteRig();

test("recipients at one destination share a transaction, across domains", async () => {
  const peer = await peerAt("mx1.example");
  const outcomes = await deliver(["a@one.example", "b@same.example", "c@One.Example"]);
  const sent = "delivered 250 mx1.example. [127.0.0.1]";
  assert.deepEqual(shown(outcomes), [sent, sent, sent]);
  assert.equal(peer.messages.length, 1);
  assert.equal(peer.messages[0]?.rcpts.length, 3);
  assert.deepEqual(asked.sort(), ["one.example", "same.example"]);
});

test("outcomes come in the order of the recipients, whatever their routes", async () => {
  await peerAt("mx1.example");
  await peerAt("mx2.example");
  const outcomes = await deliver([
    "a@nowhere.example",
    "b@other.example",
    "c@slow.example",
    "d@one.example",
    "e@here.example",
  ]);
  assert.deepEqual(shown(outcomes), [
    "failed 550 nowhere.example",
    "delivered 250 mx2.example. [127.0.0.2]",
    "deferred 451 slow.example",
    "delivered 250 mx1.example. [127.0.0.1]",
    "failed 550 here.example",
  ]);
});

test("the second MX takes over when the first refuses connections, is busy or hangs up", async () => {
  const second = await peerAt("mx2.example");
  assert.deepEqual(shown(await deliver(["a@two.example"])), ["delivered 250 mx2.example. [127.0.0.2]"]);
  for (const script of [
    { greeting: "421 4.3.2 busy" },
    { greeting: "554 5.3.2 no mail here" },
    { greeting: "close" },
    { answer: (line: string) => (line.startsWith("RCPT") ? { lastWords: "421 4.3.2 bye" } : undefined) },
  ] as PeerScript[]) {
    await renewMailer();
    const first = await peerAt("mx1.example", script);
    assert.deepEqual(shown(await deliver(["a@two.example"])), ["delivered 250 mx2.example. [127.0.0.2]"]);
    assert.equal(first.connections, 1);
    await first.close();
  }
  assert.equal(second.messages.length, 5);
  assert.deepEqual(hosts.list(), []);
});

test("what the first MX says of a recipient or the message is final", async () => {
  const second = await peerAt("mx2.example");
  for (const [command, reply, kind] of [
    ["RCPT", "550 5.1.1 no such user", "failed"],
    ["RCPT", "450 4.2.1 later", "deferred"],
    [".", "554 5.7.1 spam", "failed"],
    ["MAIL", "550 5.7.1 not you", "failed"],
  ]) {
    await renewMailer();
    const answer = (line: string) => (line.startsWith(command!) ? reply : undefined);
    const first = await peerAt("mx1.example", { answer });
    const [outcome] = await deliver(["a@two.example"]);
    assert.equal(outcome?.kind, kind);
    assert.equal(outcome?.kind !== "delivered" && outcome?.remoteMta, "mx1.example");
    await first.close();
  }
  assert.equal(second.connections, 0);
});

test("a message that may have been taken goes to no other host in the same attempt", async () => {
  await peerAt("mx1.example", { answer: (line) => (line === "." ? "close" : undefined) });
  const second = await peerAt("mx2.example");
  const [outcome] = await deliver(["a@two.example"]);
  assert.equal(outcome?.kind, "deferred");
  assert.equal(second.connections, 0);
  assert.deepEqual(hosts.list(), [], "the host answers; it is left alone by nobody");
});

test("a host that refuses everybody for good fails the message, unless another may still answer", async () => {
  await peerAt("mx1.example", { greeting: "554 5.3.2 no mail here" });
  const [alone] = await deliver(["a@one.example"]);
  assert.equal(alone?.kind, "failed");
  assert.deepEqual(alone?.kind === "failed" && alone.transcript, [
    "... while talking to mx1.example.:",
    "<<< 554 5.3.2 no mail here",
  ]);
  const [withOther] = await deliver(["a@two.example"]);
  assert.deepEqual(withOther?.reply, {
    code: 421,
    enhanced: "4.4.1",
    text: "Connection refused by mx2.example.",
  });
});

test("a list's recipients have a transaction from its owner; the mailer is named for the log", async () => {
  const peer = await peerAt("mx1.example");
  const outcomes = await deliverTo([
    recipientAt("a@one.example"),
    recipientAt("b@one.example", { sender: "owner-list@here.example" }),
    recipientAt("c@same.example", { sender: "owner-list@here.example" }),
    recipientAt("d@far.example", {
      target: { kind: "remote", domain: "far.example", via: "relay:[mx1.example]" },
    }),
  ]);
  assert.deepEqual(
    outcomes.map(({ kind, mailer }) => `${kind} ${mailer}`),
    ["delivered esmtp", "delivered esmtp", "delivered esmtp", "delivered relay"],
  );
  const envelopes = peer.messages.map(
    ({ mail, rcpts }) => `${mail.replace(/ SIZE=.*/, "")} ${rcpts.join(" ")}`,
  );
  assert.deepEqual(envelopes.toSorted(), [
    "MAIL From:<a@here.example> RCPT To:<a@one.example>",
    "MAIL From:<a@here.example> RCPT To:<d@far.example>",
    "MAIL From:<owner-list@here.example> RCPT To:<b@one.example> RCPT To:<c@same.example>",
  ]);
});

test("a delivery is told of before the host status is on the disk, and once", async () => {
  await peerAt("mx1.example");
  let recorded: () => void = () => undefined;
  const status = {
    ...hosts,
    succeeded: () =>
      new Promise<void>((done) => {
        recorded = done;
      }),
  };
  const mailer = newMailer(20, status);
  const recipients = [recipientAt("a@one.example"), recipientAt("b@one.example")];
  const told: [number, Outcome["kind"]][] = [];
  let over = false;
  const bothKnown = new Promise<void>((done) => {
    const attempt = {
      ...{
        entry: entryFor(recipients),
        body: bodyOf("Subject: x\r\n\r\nhello\r\n"),
        recipients,
        forced: false,
      },
      known(place: number, { kind }: Outcome) {
        told.push([place, kind]);
        if (told.length === 2) done();
      },
    };
    void mailer.deliver(attempt).then(() => (over = true));
  });
  await bothKnown;
  assert.equal(over, false);
  recorded();
  await mailer.close();
  assert.equal(over, true);
  assert.deepEqual(told, [
    [0, "delivered"],
    [1, "delivered"],
  ]);
});
