/**
 * One transaction against a scripted server: what it says at each command, pipelined and not.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { runTransaction } from "../../src/deliver/smtp-dialogue.ts";
import { type Answer, settled, until } from "./fake-peer.ts";
import {
  answering,
  clock,
  connect,
  MINUTE,
  message,
  peerWith,
  pipelining,
  plain,
  send,
  shown,
  useRig,
} from "./smtp-rig.ts";

useRig();

for (const [name, offer] of [
  ["pipelined", pipelining],
  ["one command at a time", plain],
] as const) {
  test(`${name}: a message arrives as it was, from the null sender too`, async () => {
    const text = "Subject: x\r\n\r\n.dot\r\n\xff\x00 8-bit\r\nno line end";
    const sent = await send(offer, message(text, ["b@there.example"], { sender: "" }));
    assert.deepEqual(shown(sent), ["delivered 250"]);
    const [taken] = sent.peer.messages;
    assert.equal(taken?.mail, "MAIL From:<>");
    assert.equal(taken?.wire, `${text.replace("\n.dot", "\n..dot")}\r\n.\r\n`);
    const outcome = [...sent.result.outcomes.values()][0] as Outcome;
    assert.equal(outcome.relay, "mx.example. [127.0.0.1]");
    assert.deepEqual(outcome.reply, { code: 250, enhanced: "2.0.0", text: "taken" });
  });

  test(`${name}: each recipient has its own answer, and the rest get the message`, async () => {
    const answer = (line: string): Answer | undefined => {
      if (line.startsWith("RCPT To:<never@")) return "550-5.1.1 no such\r\n550 5.1.1 user";
      if (line.startsWith("RCPT To:<later@")) return "450 4.2.1 try later";
      return undefined;
    };
    const addresses = ["ok@x.example", "never@x.example", "later@x.example", "ok2@x.example"];
    const sent = await send({ ...offer, answer }, message(undefined, addresses));
    assert.deepEqual(shown(sent), ["delivered 250", "failed 550", "deferred 450", "delivered 250"]);
    assert.deepEqual(sent.peer.messages[0]?.rcpts, ["RCPT To:<ok@x.example>", "RCPT To:<ok2@x.example>"]);
    const failed = sent.result.outcomes.get(sent.transaction.recipients[1]!);
    assert.equal(failed?.reply.text, "no such user");
    assert.deepEqual(failed?.kind === "failed" && failed.transcript, [
      "... while talking to mx.example.:",
      ">>> RCPT To:<never@x.example>",
      "<<< 550-5.1.1 no such",
      "<<< 550 5.1.1 user",
    ]);
  });

  test(`${name}: a connection goes on after a transaction that came to nothing`, async () => {
    const answer = answering("RCPT To:<never@", "550 5.1.1 no");
    const sent = await send({ ...offer, answer }, message(undefined, ["never@x.example"]));
    assert.deepEqual(shown(sent), ["failed 550"]);
    const next = message();
    const result = await runTransaction(sent.connection, next);
    assert.deepEqual(shown({ transaction: next, result }), ["delivered 250"]);
    assert.ok(sent.peer.lines.includes("RSET"));
    assert.equal(sent.peer.messages.length, 1);
    assert.equal(sent.peer.connections, 1);
  });

  test(`${name}: a refused sender settles everybody`, async () => {
    const script = { ...offer, answer: answering("MAIL", "550 5.7.1 not from you") };
    const sent = await send(script, message(undefined, ["b@x.example", "c@x.example"]));
    assert.deepEqual(shown(sent), ["failed 550", "failed 550"]);
    const later = await send({ ...offer, answer: answering("MAIL", "451 4.7.1 greylisted") });
    assert.deepEqual(shown(later), ["deferred 451"]);
    assert.equal(later.result.fault, undefined);
  });

  test(`${name}: refused at DATA and after the message`, async () => {
    assert.deepEqual(shown(await send({ ...offer, answer: answering("DATA", "451 4.3.0 full") })), [
      "deferred 451",
    ]);
    assert.deepEqual(shown(await send({ ...offer, answer: answering("DATA", "554 5.5.1 no") })), [
      "failed 554",
    ]);
    assert.deepEqual(shown(await send({ ...offer, answer: answering(".", "550 5.7.1 spam") })), [
      "failed 550",
    ]);
    assert.deepEqual(shown(await send({ ...offer, answer: answering(".", "452 4.3.1 full") })), [
      "deferred 452",
    ]);
    assert.deepEqual(shown(await send({ ...offer, answer: answering("DATA", "250 what") })), [
      "deferred 451",
    ]);
  });

  for (const [stage, start] of [
    ["MAIL", "MAIL"],
    ["RCPT", "RCPT"],
    ["DATA", "DATA"],
  ] as const) {
    test(`${name}: 421, silence, garbage and a lost connection at ${stage} leave the recipient open`, async () => {
      const lastWords = { lastWords: "421 4.3.2 shutting down" };
      const gone = await send({ ...offer, answer: answering(start, lastWords) });
      assert.deepEqual(shown(gone), ["open"]);
      assert.equal(gone.result.fault?.reply.text, "shutting down");
      const lost = await send({ ...offer, answer: answering(start, "close") });
      assert.match(lost.result.fault!.message, /^Connection (closed|reset) by mx\.example\. during/);
      const garbage = await send({ ...offer, answer: answering(start, "whatever") });
      assert.match(garbage.result.fault!.message, /^Protocol error by mx\.example\./);
      assert.equal(garbage.result.fault?.reply.code, 451);

      const peer = await peerWith({ ...offer, answer: answering(start, "silence") });
      const connection = await connect(peer);
      const running = runTransaction(connection, message());
      await until(() => peer.lines.some((line) => line.startsWith(start)) && clock.waiting > 0);
      await settled();
      await clock.advance(stage === "DATA" ? 2 * MINUTE : 5 * MINUTE);
      const silent = await running;
      assert.equal(silent.outcomes.size, 0);
      assert.equal(silent.fault?.message, `Connection timed out during ${stage} with mx.example.`);
      await until(() => peer.open === 0);
    });
  }
}
