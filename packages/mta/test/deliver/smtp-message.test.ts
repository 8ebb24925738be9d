/**
 * The message itself and its end: early answers, lost connections, limits.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runTransaction } from "../../src/deliver/smtp-dialogue.ts";
import { type Answer, selfSigned, settled, until } from "./fake-peer.ts";
import { bodyOf } from "./sample-message.ts";
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

test("421 between recipients keeps what was final and leaves the rest open", async () => {
  const answer = (line: string): Answer | undefined => {
    if (line.startsWith("RCPT To:<1@")) return "550 5.1.1 no";
    if (line.startsWith("RCPT To:<3@")) return { lastWords: "421 4.3.2 bye" };
    return undefined;
  };
  const sent = await send(
    { ...pipelining, answer },
    message(undefined, ["1@x.example", "2@x.example", "3@x.example"]),
  );
  assert.deepEqual(shown(sent), ["failed 550", "open", "open"]);
  assert.equal(sent.result.fault?.reply.code, 421);
  assert.equal(sent.peer.messages.length, 0);
});

test("a connection lost after the final dot defers: nobody may get the message from another host meanwhile", async () => {
  for (const offer of [plain, pipelining]) {
    const sent = await send({ ...offer, answer: answering(".", "close") });
    assert.deepEqual(shown(sent), ["deferred 421"]);
    assert.equal(sent.result.fault?.stage, "final dot");
  }
});

test("silence after the final dot defers after ten minutes", async () => {
  let ended = false;
  const peer = await peerWith({
    answer: (line) => {
      if (line !== ".") return undefined;
      ended = true;
      return "silence";
    },
  });
  const connection = await connect(peer);
  const transaction = message();
  const running = runTransaction(connection, transaction);
  await until(() => ended);
  await settled();
  await clock.advance(10 * MINUTE);
  assert.deepEqual(shown({ transaction, result: await running }), ["deferred 421"]);
});

test("a reply before the message's end is never taken for acceptance", async () => {
  // More than the system's buffers take, so that the answer overtakes the message.
  const big = `Subject: x\r\n\r\n${"x".repeat(1000)}\r\n`.repeat(24_000);
  const large = () => ({ ...message(), body: bodyOf(big, 65_536) });
  const early = (answer: Answer) => ({
    ...pipelining,
    duringData: (octets: number) => (octets > 100_000 ? answer : undefined),
  });
  const refused = await send(early("552 5.3.4 too big"), large());
  assert.deepEqual(shown(refused), ["failed 552"]);
  assert.ok(refused.result.fault);
  const taken = await send(early("250 2.0.0 already fine"), large());
  assert.deepEqual(shown(taken), ["deferred 451"]);
  const hungUp = await send(early("close"), large());
  assert.deepEqual(shown(hungUp), ["open"]);
});

test("a server that stops reading in the middle is given three minutes", async () => {
  const peer = await peerWith({
    ...plain,
    answer: (line) => (line === "DATA" ? "354 go on" : undefined),
    duringData: () => undefined,
  });
  const connection = await connect(peer);
  // A window that never opens again: the body pauses by itself when the system takes no more.
  const endless = bodyOf("x".repeat(64 * 1024 * 1024), 65_536);
  peer.pauseReading();
  const transaction = { ...message(), body: endless };
  const running = runTransaction(connection, transaction);
  await until(() => peer.lines.includes("DATA"));
  await settled();
  await clock.advance(3 * MINUTE);
  const result = await running;
  assert.equal(result.fault?.message, "Connection timed out during message body with mx.example.");
  assert.equal(result.outcomes.size, 0);
});

test("a message that cannot be read to its end is never finished on the wire", async () => {
  const cut = { size: 1000, whole: () => undefined, stream: () => bodyOf("Subject: x\r\n\r\nhalf").stream() };
  const short = await send({}, { ...message(), body: cut });
  assert.deepEqual(shown(short), ["deferred 451"]);
  const broken = {
    size: 1000,
    whole: () => undefined,
    async *stream(): AsyncGenerator<Buffer> {
      yield Buffer.from("Subject: x\r\n");
      throw new Error("EIO");
    },
  };
  const failed = await send({}, { ...message(), body: broken });
  assert.deepEqual(shown(failed), ["deferred 451"]);
  await until(() => failed.peer.open === 0);
  assert.equal(short.peer.messages.length + failed.peer.messages.length, 0);
});

test("recipients over the server's limit are left for a transaction of their own", async () => {
  let rcpts = 0;
  const answer = (line: string): Answer | undefined => {
    if (line.startsWith("MAIL")) rcpts = 0;
    return line.startsWith("RCPT") && ++rcpts > 2 ? "452 4.5.3 Too many recipients" : undefined;
  };
  const sent = await send(
    { ...pipelining, answer },
    message(undefined, ["1@x.example", "2@x.example", "3@x.example"]),
  );
  assert.deepEqual(shown(sent), ["delivered 250", "delivered 250", "open"]);
  assert.equal(sent.result.fault, undefined);
});

test("a server's limits are known before anything is sent", async () => {
  const small = await send({ extensions: ["SIZE 10"] });
  assert.deepEqual(shown(small), ["failed 552"]);
  assert.equal([...small.result.outcomes.values()][0]?.reply.enhanced, "5.3.4");
  const utf8 = await send(plain, message(undefined, undefined, { smtputf8: true }));
  assert.equal([...utf8.result.outcomes.values()][0]?.reply.enhanced, "5.6.7");
  const mixed = await send(plain, message(undefined, ["bü@x.example", "b@x.example", "b@x\r\nDATA"]));
  assert.deepEqual(shown(mixed), ["failed 553", "delivered 250", "failed 553"]);
  assert.equal(small.peer.lines.length + utf8.peer.lines.length, 2, "EHLO only");
});

test("delivery notices are the next host's duty when it offers DSN", async () => {
  for (const dsn of [true, false]) {
    const sent = await send({ extensions: dsn ? ["DSN"] : [] });
    const outcome = [...sent.result.outcomes.values()][0];
    assert.equal(outcome?.kind === "delivered" && outcome.dsnRelayed, dsn);
  }
});

test("messages of any size arrive as they are with the dot behind them, whole or in pieces, in the clear and under TLS", async () => {
  const tls = selfSigned();
  const secured = { tls, extensions: ["STARTTLS"], secureExtensions: ["PIPELINING"] };
  for (const script of [plain, pipelining, secured]) {
    const peer = await peerWith(script);
    const connection = await connect(peer);
    const line = `${"x".repeat(76)}\r\n`;
    for (const lines of [0, 1, 130, 210, 840, 4000]) {
      for (const piece of [64 * 1024, 30_000]) {
        const text = line.repeat(lines);
        const transaction = { ...message(), body: bodyOf(text, piece) };
        const { outcomes } = await runTransaction(connection, transaction);
        assert.equal([...outcomes.values()][0]?.kind, "delivered", `${lines} lines`);
        assert.equal(peer.messages.at(-1)?.wire, `${text}.\r\n`);
      }
    }
    assert.equal(peer.connections, 1);
    assert.equal(
      peer.messages.every(({ secure }) => secure),
      script === secured,
    );
  }
});
