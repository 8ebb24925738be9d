/** Over 200 awkward messages go in by SMTP and come back by POP3, and out to another host, byte for byte. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { asFetched, asRelayed, type CorpusMessage, corpus, withoutTrace } from "./corpus/corpus.ts";
import { type MailHost, PASSWORD, startHost } from "./harness/host.ts";
import { loggedIn } from "./harness/pop3-client.ts";
import { startSink } from "./harness/sink.ts";
import { openSmtp } from "./harness/smtp-client.ts";

async function sendAll(host: MailHost, messages: readonly CorpusMessage[], to: string): Promise<void> {
  const client = await openSmtp(host.smtp, { patience: 30_000 });
  for (const { name, bytes } of messages) {
    const reply = await client.send({ from: "a@example.net", to, mailParameters: " BODY=8BITMIME" }, bytes);
    assert.equal(reply.code, 250, `${name}: ${reply.code} ${reply.text}`);
  }
  await client.quit();
}

/** Fails with the names of messages that did not come back as they went, and where they differ. */
function assertSame(
  messages: readonly CorpusMessage[],
  back: readonly Buffer[],
  expected: (sent: Buffer) => Buffer,
): void {
  const hash = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const missing = new Map<string, CorpusMessage[]>();
  for (const message of messages) {
    const key = hash(expected(message.bytes));
    missing.set(key, [...(missing.get(key) ?? []), message]);
  }
  const strange = back.filter((bytes) => missing.get(hash(bytes))?.pop() === undefined);
  const lost = [...missing.values()].flat();
  const told = lost.slice(0, 10).map(({ name, bytes }) => {
    const wanted = expected(bytes);
    const near =
      strange.toSorted((a, b) => agreement(wanted, b) - agreement(wanted, a))[0] ?? Buffer.alloc(0);
    const at = agreement(wanted, near);
    const around = (b: Buffer) =>
      JSON.stringify(b.subarray(Math.max(0, at - 20), at + 40).toString("latin1"));
    return `${name}: at ${at} of ${wanted.length}: ${around(wanted)} came back as ${around(near)} (${near.length})`;
  });
  assert.equal(lost.length, 0, `${lost.length} messages changed:\n${told.join("\n")}`);
  assert.equal(strange.length, 0);
  assert.equal(back.length, messages.length);
}

/** How many octets two messages have in common at their beginning. */
function agreement(a: Buffer, b: Buffer): number {
  const end = Math.min(a.length, b.length);
  for (let i = 0; i < end; i++) if (a[i] !== b[i]) return i;
  return end;
}

test("the corpus comes back by POP3 byte for byte, trace headers aside", async (t) => {
  const messages = corpus();
  assert.ok(messages.length >= 200, `${messages.length} messages`);
  const host = await startHost(t, { users: ["wang"] });
  await sendAll(host, messages, "wang@linuxaid.com.cn");
  await host.arrived("wang", messages.length, 30_000);
  const session = await loggedIn(host.pop3, "wang", PASSWORD, { patience: 30_000 });
  assert.equal(await session.count(), messages.length);
  assert.equal(new Set(await session.uids()).size, messages.length);
  const sizes = (await session.lines("LIST")).map((line) => Number(line.split(" ")[1]));
  const back: Buffer[] = [];
  for (let n = 1; n <= messages.length; n++) {
    const fetched = await session.retrieve(n);
    assert.equal(fetched.length, sizes[n - 1], `octets of message ${n}`);
    const bare = withoutTrace(fetched);
    assert.ok(bare, `message ${n} has its trace headers on top: ${fetched.toString("latin1", 0, 300)}`);
    back.push(bare);
  }
  await session.quit();
  assertSame(messages, back, asFetched);
});

test("the corpus reaches another host byte for byte, our Received aside", async (t) => {
  const messages = corpus();
  const sink = await startSink("127.0.0.31", 0, {
    extensions: ["PIPELINING", "SIZE 100000000", "8BITMIME", "SMTPUTF8"],
  });
  t.after(() => sink.close());
  const host = await startHost(t, {
    settings: { relay: { port: sink.port } },
    zone: { "example.org": { a: ["127.0.0.31"] } },
  });
  await sendAll(host, messages, "friend@example.org");
  const taken = await sink.taken(messages.length, 60_000);
  const back = taken.map(({ message }) => {
    const trace = /^Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/.exec(
      message.subarray(0, 2000).toString("latin1"),
    );
    assert.ok(trace, message.toString("latin1", 0, 300));
    return message.subarray(trace[0].length);
  });
  assertSame(messages, back, asRelayed);
});
