import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import test from "node:test";
import { ReplyTurn } from "../../src/inbound/reply-turn.ts";
import { ReplyWriter } from "../../src/inbound/reply-writer.ts";

function recorded(turn = new ReplyTurn(() => true)) {
  const written: string[] = [];
  const socket = Object.assign(new EventEmitter(), {
    destroyed: false,
    writable: true,
    write: (text: string) => void written.push(text),
  });
  return {
    written,
    socket,
    replies: new ReplyWriter(
      () => socket as unknown as Socket,
      () => turn,
    ),
  };
}

const turnOver = () => new Promise((done) => void setImmediate(done));

test("replies to commands that came together are one write, in their order", async () => {
  const { written, replies } = recorded();
  replies.add(250, "2.1.0 <a@b>... Sender ok");
  replies.add(250, "2.1.5 <c@d>... Recipient ok");
  replies.add(354, "go on");
  assert.deepEqual(written, []);
  await turnOver();
  assert.deepEqual(written, [
    "250 2.1.0 <a@b>... Sender ok\r\n250 2.1.5 <c@d>... Recipient ok\r\n354 go on\r\n",
  ]);
  replies.add(221, "bye");
  replies.flush();
  assert.equal(written[1], "221 bye\r\n");
  await turnOver();
  assert.equal(written.length, 2);
});

test("several lines, an empty challenge, and nothing that could pass for another reply", () => {
  const { written, replies } = recorded();
  replies.add(250, ["mail.example.com", "SIZE 1000", "HELP"]);
  replies.add(334, "");
  replies.add(250, "");
  replies.add(550, "no\r\n250 yes\u0085");
  replies.flush();
  assert.deepEqual(written.join("").split("\r\n"), [
    "250-mail.example.com",
    "250-SIZE 1000",
    "250 HELP",
    "334 ",
    "250",
    "550 no  250 yes ",
    "",
  ]);
});

test("nothing is written to a socket that is gone", async () => {
  const { written, replies, socket } = recorded();
  replies.add(250, "late");
  socket.destroyed = true;
  await turnOver();
  assert.deepEqual(written, []);
});

test("whoever wants to know is told of each write, and of none to a socket that is gone", async () => {
  let writes = 0;
  const counting = new ReplyTurn(
    () => true,
    () => void (writes += 1),
  );
  const { socket, written, replies } = recorded(counting);
  replies.add(250, "2.1.0 <a@b>... Sender ok");
  replies.add(250, "2.1.5 <c@d>... Recipient ok");
  await turnOver();
  assert.equal(writes, 1);
  socket.destroyed = true;
  replies.add(221, "bye");
  await turnOver();
  assert.equal(writes, 1);
  assert.equal(written.length, 1);
});

test("what waits is written when the client closes its side, and on the socket that TLS puts in the place of the first", async () => {
  const written: string[] = [];
  const socketNamed = (name: string) => {
    const socket = Object.assign(new EventEmitter(), {
      destroyed: false,
      writable: true,
      write: (text: string) => void written.push(`${name}: ${text}`),
    });
    // As a socket's own look at the end, which was there before.
    socket.on("end", () => (socket.writable = false));
    return socket;
  };
  const [plain, encrypted] = [socketNamed("plain"), socketNamed("encrypted")];
  let present = plain;
  const turn = new ReplyTurn(() => false);
  const replies = new ReplyWriter(
    () => present as unknown as Socket,
    () => turn,
  );
  replies.add(220, "go on");
  replies.flush();
  present = encrypted;
  replies.add(250, "ok");
  encrypted.emit("end");
  await turnOver();
  assert.deepEqual(written, ["plain: 220 go on\r\n", "encrypted: 250 ok\r\n"]);
});
