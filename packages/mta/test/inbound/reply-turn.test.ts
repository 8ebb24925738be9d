import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import test from "node:test";
import { ReplyTurn } from "../../src/inbound/reply-turn.ts";
import { ReplyWriter } from "../../src/inbound/reply-writer.ts";

function clients(number: number) {
  const present = { number };
  const turn = new ReplyTurn(() => present.number <= 1);
  const written: string[] = [];
  const writers = Array.from({ length: number }, (_, n) => {
    const write = (text: string) => void written.push(`${n}: ${text}`);
    const socket = Object.assign(new EventEmitter(), { destroyed: false, writable: true, write }) as unknown;
    return new ReplyWriter(
      () => socket as Socket,
      () => turn,
    );
  });
  return { present, written, writers, turn };
}

const tickOver = () => new Promise<void>((done) => process.nextTick(done));
const turnOver = () => new Promise((done) => void setImmediate(done));

test("several clients' replies are written in a row at the end of the turn, each client's once", async () => {
  const { written, writers } = clients(3);
  for (const code of [250, 251]) for (const writer of writers) writer.add(code, "ok");
  await tickOver();
  assert.deepEqual(written, []);
  await turnOver();
  assert.deepEqual(
    written,
    [0, 1, 2].map((n) => `${n}: 250 ok\r\n251 ok\r\n`),
  );
});

test("a client that is alone is answered at once", async () => {
  const { written, writers } = clients(1);
  writers[0]?.add(250, "ok");
  await tickOver();
  assert.deepEqual(written, ["0: 250 ok\r\n"]);
});

test("what was said among several is written also when all others have left meanwhile", async () => {
  const { present, written, writers } = clients(2);
  writers[0]?.add(250, "ok");
  present.number = 1;
  writers[1]?.add(221, "bye");
  await turnOver();
  assert.deepEqual(written, ["1: 221 bye\r\n", "0: 250 ok\r\n"]);
});

test("what is said while the others write goes with the next turn", async () => {
  const { written, writers } = clients(2);
  writers[0]?.add(250, "first");
  setImmediate(() => writers[1]?.add(250, "second"));
  await turnOver();
  await turnOver();
  assert.deepEqual(written, ["0: 250 first\r\n", "1: 250 second\r\n"]);
});

test("a client that is alone can be hurried, and nobody else", async () => {
  for (const number of [1, 2]) {
    const { written, writers, turn } = clients(number);
    writers[0]?.add(354, "go on");
    turn.hurry(writers[0]!.flush);
    assert.deepEqual(written, number === 1 ? ["0: 354 go on\r\n"] : []);
    await turnOver();
    assert.deepEqual(written, ["0: 354 go on\r\n"]);
  }
});
