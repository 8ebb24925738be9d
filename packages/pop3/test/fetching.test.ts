/** Fetching in order and out of it: read ahead or not, the bytes are those of the mbox. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { loggedIn } from "./harness/client.ts";
import { mboxText, startServer } from "./harness/server.ts";

/** Messages of all sizes: most small, some larger than any block. */
function bodies(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const lines = i % 41 === 40 ? 20_000 : (i * 7919) % 300;
    return `Subject: ${i}\nMessage-ID: <${i}@example.net>\n\n${`.${i} From here\n>From there\n`.repeat(lines)}`;
  });
}

const asSent = (text: string) => text.replaceAll(/^>From /gm, "From ").replaceAll("\n", "\r\n");

test("in order, backwards, with gaps, again and again, also with TOP between", async (t) => {
  const server = await startServer(t);
  const texts = bodies(200);
  writeFileSync(server.mbox("wang"), texts.map((text) => mboxText(text)).join(""));
  const client = await loggedIn(server.port);
  const inOrder = texts.map((_, i) => i + 1);
  const orders = [
    inOrder,
    inOrder.toReversed(),
    inOrder.filter((n) => n % 3 !== 1),
    [5, 5, 6, 7, 8, 9, 2, 3, 4, 5, 6, 150, 151, 152, 153, 154, 155],
  ];
  for (const order of orders) {
    for (const number of order) {
      const { text } = await client.retrieve(number);
      assert.ok(text === asSent(texts[number - 1]!), `message ${number}`);
    }
  }
  for (const number of inOrder) {
    const lines = await client.list(`TOP ${number} 1`);
    assert.deepEqual(lines.slice(0, 3), [
      `Subject: ${number - 1}`,
      `Message-ID: <${number - 1}@example.net>`,
      "",
    ]);
    assert.ok(lines.length <= 4);
  }
  await client.quit();
});

test("another program rewrites the mbox while messages are fetched: right bytes or a refusal", async (t) => {
  const server = await startServer(t);
  const path = server.mbox("wang");
  const texts = bodies(400);
  writeFileSync(path, texts.map((text) => mboxText(text)).join(""));
  const client = await loggedIn(server.port);
  for (let number = 1; number <= 20; number++) await client.retrieve(number);
  writeFileSync(
    path,
    texts
      .slice(7)
      .map((text) => mboxText(text))
      .join(""),
  );
  let refused = false;
  for (let number = 21; number <= 400; number++) {
    const status = await client.command(`RETR ${number}`);
    if (status.startsWith("-ERR [SYS/TEMP] mailbox was changed")) {
      refused = true;
      continue;
    }
    assert.ok(!refused, "once it is known, nothing more comes");
    const lines = await client.rest();
    const text = lines.map((line) => `${line.replace(/^\./, "")}\r\n`).join("");
    assert.ok(text === asSent(texts[number - 1]!), `message ${number}`);
  }
  assert.ok(refused);
  client.drop();
});

test("a whole session's RETRs in one write are answered whole", async (t) => {
  const server = await startServer(t);
  const texts = bodies(120);
  writeFileSync(server.mbox("wang"), texts.map((text) => mboxText(text)).join(""));
  const client = await loggedIn(server.port);
  client.send(texts.map((_, i) => `RETR ${i + 1}\r\n`).join(""));
  for (const wanted of texts) {
    assert.match((await client.line()) ?? "", /^\+OK \d+ octets$/);
    const lines = await client.rest();
    assert.ok(lines.map((line) => `${line.replace(/^\./, "")}\r\n`).join("") === asSent(wanted));
  }
  await client.quit();
});

test("what was made ready for the next RETR is not sent for another, in another language or mode, or when deleted", async (t) => {
  const server = await startServer(t);
  const texts = Array.from(
    { length: 30 },
    (_, i) =>
      `Subject: ${i}\nTo: ${i % 2 === 0 ? "王@例子.cn" : "wang@example.net"}\n\n${`.${i}\n`.repeat(i)}`,
  );
  writeFileSync(server.mbox("wang"), texts.map((text) => mboxText(text)).join(""));
  const latin1 = (text: string) => Buffer.from(text).toString("latin1");
  const client = await loggedIn(server.port);
  const check = async (number: number) => {
    const { text, announced } = await client.retrieve(number);
    assert.equal(text.length, announced);
    return text;
  };
  // Message 2 n + 1 has a surrogate until the client says UTF8.
  for (let number = 1; number <= 8; number++) {
    const plain = (await check(number)) === latin1(asSent(texts[number - 1]!));
    assert.equal(plain, number % 2 === 0);
  }
  assert.match(await client.command("UTF8"), /^\+OK/);
  for (let number = 1; number <= 20; number++) {
    // The client waits for an answer each time, so the next message is made ready, and often for nothing.
    if (number % 5 === 0) assert.ok((await check(number + 3)) === latin1(asSent(texts[number + 2]!)));
    if (number % 7 === 0) assert.match(await client.command(`LIST ${number}`), /^\+OK/);
    assert.ok((await check(number)) === latin1(asSent(texts[number - 1]!)), `message ${number}`);
    if (number % 4 === 0) assert.ok((await check(number)) === latin1(asSent(texts[number - 1]!)));
  }
  await check(21);
  await check(22);
  assert.match(await client.command("DELE 23"), /^\+OK/);
  assert.match(await client.command("RETR 23"), /^-ERR/);
  assert.match(await client.command("RSET"), /^\+OK/);
  assert.ok((await check(23)) === latin1(asSent(texts[22]!)));
  await check(24);
  // The reply to this one is ready; the client asks for another form of it.
  assert.match(await client.command("TOP 25 0"), /^\+OK/);
  assert.equal((await client.rest()).length, 3);
  assert.ok((await check(25)) === latin1(asSent(texts[24]!)));
  await client.quit();
});
