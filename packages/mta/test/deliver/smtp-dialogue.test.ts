/**
 * The client against a scripted server: every stage, every way in which it can go wrong.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { silentLog } from "@mailhost/common/log/log";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { openSmtpConnection, type SmtpConnection } from "../../src/deliver/smtp-connection.ts";
import { runTransaction, type Transaction, type TransactionResult } from "../../src/deliver/smtp-dialogue.ts";
import type { SmtpFault } from "../../src/deliver/smtp-fault.ts";
import { smtpTimeouts } from "../../src/deliver/smtp-timeouts.ts";
import type { QueueEntry } from "../../src/queue/queue-entry.ts";
import { type Answer, FakePeer, type PeerScript, selfSigned, settled, until } from "./fake-peer.ts";
import { bodyOf, entryFor, recipientAt } from "./sample-message.ts";

const MINUTE = 60_000;
let clock = new ManualClock();
const peers: FakePeer[] = [];
const connections: SmtpConnection[] = [];

beforeEach(() => {
  clock = new ManualClock();
});

afterEach(async () => {
  for (const connection of connections.splice(0)) connection.destroy();
  for (const peer of peers.splice(0)) await peer.close();
});

async function peerWith(script: PeerScript = {}): Promise<FakePeer> {
  const peer = await FakePeer.start(script);
  peers.push(peer);
  return peer;
}

async function connect(peer: FakePeer, startTls = true): Promise<SmtpConnection> {
  const connection = await openSmtpConnection(
    { name: "mx.example", address: peer.host, port: peer.port },
    {
      hostname: "here.example",
      startTls,
      timeouts: smtpTimeouts({ connectTimeout: 30_000, greetingTimeout: 5 * MINUTE }),
      clock,
      log: silentLog,
    },
  );
  connections.push(connection);
  return connection;
}

function message(
  text = "Subject: x\r\n\r\nhello\r\n",
  addresses = ["b@there.example"],
  more: Partial<QueueEntry> = {},
): Transaction {
  const recipients = addresses.map((address) => recipientAt(address));
  return { entry: entryFor(recipients, more), body: bodyOf(text), recipients };
}

function shown({ transaction, result }: { transaction: Transaction; result: TransactionResult }): string[] {
  return transaction.recipients.map((recipient) => {
    const outcome = result.outcomes.get(recipient);
    return outcome === undefined ? "open" : `${outcome.kind} ${outcome.reply.code}`;
  });
}

async function send(script: PeerScript, transaction: Transaction = message()) {
  const peer = await peerWith(script);
  const connection = await connect(peer);
  const result = await runTransaction(connection, transaction);
  return { peer, connection, transaction, result };
}

const answering =
  (start: string, answer: Answer) =>
  (line: string): Answer | undefined =>
    line.startsWith(start) ? answer : undefined;

const plain = { extensions: [] };
const pipelining = { extensions: ["PIPELINING"] };

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
  const cut = { size: 1000, stream: () => bodyOf("Subject: x\r\n\r\nhalf").stream() };
  const short = await send({}, { ...message(), body: cut });
  assert.deepEqual(shown(short), ["deferred 451"]);
  const broken = {
    size: 1000,
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

test("HELO for a server that knows no EHLO", async () => {
  const sent = await send({ answer: answering("EHLO", "502 5.5.1 what?") });
  assert.deepEqual(shown(sent), ["delivered 250"]);
  assert.deepEqual(sent.peer.lines.slice(0, 3), [
    "EHLO here.example",
    "HELO here.example",
    "MAIL From:<a@here.example>",
  ]);
});

async function faultOf(script: PeerScript): Promise<SmtpFault> {
  const peer = await peerWith(script);
  const error = await connect(peer).then(
    () => undefined,
    (e: unknown) => e as SmtpFault,
  );
  assert.equal(error?.name, "SmtpFault");
  return error!;
}

test("greetings that are none", async () => {
  assert.equal((await faultOf({ greeting: "554 5.7.1 not you" })).permanent, true);
  assert.equal((await faultOf({ greeting: "421 4.3.2 busy" })).permanent, false);
  assert.equal((await faultOf({ greeting: "450 busy" })).permanent, false);
  assert.equal((await faultOf({ greeting: "354 odd" })).permanent, false);
  assert.equal((await faultOf({ greeting: "close" })).permanent, false);
  assert.match(
    (await faultOf({ greeting: "SSH-2.0-x" })).message,
    /^Protocol error by mx\.example\. during greeting/,
  );
  assert.equal((await faultOf({ answer: answering("EHLO", "421 4.3.2 busy") })).permanent, false);
  const both = (line: string) => (/^(EHLO|HELO)/.test(line) ? "550 5.7.1 go away" : undefined);
  assert.equal((await faultOf({ answer: both })).permanent, true);
});

test("no greeting within five minutes", async () => {
  const peer = await peerWith({ greeting: "silence" });
  const opening = connect(peer);
  opening.catch(() => undefined);
  await until(() => peer.connections === 1 && clock.waiting > 0);
  await settled();
  await clock.advance(5 * MINUTE);
  await assert.rejects(opening, /Connection timed out during greeting with mx\.example\./);
  await until(() => peer.open === 0);
});

test("a port where nobody listens", async () => {
  const peer = await peerWith();
  await peer.close();
  peers.pop();
  await assert.rejects(connect(peer), {
    message: "Connection refused by mx.example.",
    reply: { code: 421, enhanced: "4.4.1", text: "Connection refused by mx.example." },
  });
});

test("STARTTLS is used where it is offered, with any certificate", async () => {
  const tls = selfSigned();
  const script = { tls, extensions: ["STARTTLS", "SIZE 5"], secureExtensions: ["PIPELINING"] };
  const sent = await send({ ...script, afterStartTls: "250-injected\r\n250 SIZE 1\r\n" });
  assert.deepEqual(shown(sent), ["delivered 250"], "what was offered in the clear is forgotten");
  assert.equal(sent.peer.messages[0]?.secure, true);
  assert.equal(sent.peer.connections, 1);
  assert.equal(sent.connection.offered.pipelining, true);
});

test("STARTTLS that does not work costs a second connection, not the message", async () => {
  const refusing = { extensions: ["STARTTLS"], answer: answering("STARTTLS", "454 4.7.0 not now") };
  for (const script of [{ extensions: ["STARTTLS"] }, refusing]) {
    const sent = await send(script);
    assert.deepEqual(shown(sent), ["delivered 250"]);
    assert.equal(sent.peer.messages[0]?.secure, false);
    assert.equal(sent.peer.connections, 2);
  }
});

test("without relay.startTls nobody asks for it", async () => {
  const peer = await peerWith({ extensions: ["STARTTLS"] });
  await connect(peer, false);
  assert.deepEqual(peer.lines, ["EHLO here.example"]);
});
