/**
 * Opening a connection: greetings, EHLO and HELO, STARTTLS.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { SmtpFault } from "../../src/deliver/smtp-fault.ts";
import { type PeerScript, selfSigned, settled, until } from "./fake-peer.ts";
import { answering, clock, connect, MINUTE, peers, peerWith, send, shown, useRig } from "./smtp-rig.ts";

useRig();

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
