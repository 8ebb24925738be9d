import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { signedByItself } from "@mailhost/common/tls/self-signed";
import type { PortKind } from "../../src/inbound/smtp-listener.ts";
import { startInbound } from "./fake-inbound.ts";

/** A port with a certificate, and a client that says nothing where a handshake is waited for. */
async function silence(t: TestContext, kind: PortKind, before: readonly string[]) {
  const pair = await signedByItself("mail.linuxaid.com.cn", Date.now());
  const clock = new ManualClock();
  const tls = { cert: Buffer.from(pair.cert), key: Buffer.from(pair.key) };
  const server = await startInbound({ kind, clock, tls });
  t.after(() => server.stop());
  const socket = connect(server.port, "127.0.0.1");
  t.after(() => socket.destroy());
  let heard = "";
  socket.setEncoding("latin1").on("data", (text: string) => (heard += text));
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise(setImmediate);
  };
  for (const line of before) {
    const from = heard.length;
    await until(() => /^220 /.test(heard));
    socket.write(`${line}\r\n`);
    await until(() => /^\d{3} .*\r\n$/m.test(heard.slice(from)));
  }
  // The time limit of the handshake, and that of the session where there is one already.
  await until(() => clock.waiting > Math.min(before.length, 1));
  return { clock, socket, log: server.log };
}

for (const [kind, before] of [
  ["smtps", []],
  ["submission", ["EHLO a.example", "STARTTLS"]],
] as const) {
  test(`${kind}: who says nothing where a handshake is due is let go after half a minute`, async (t) => {
    const { clock, socket, log } = await silence(t, kind, before);
    const failures = () => log.filter((line) => line.includes("accept failed"));
    await clock.advance(29_999);
    assert.deepEqual(failures(), []);
    const closed = once(socket, "close");
    await clock.advance(1);
    await closed;
    assert.equal(failures().length, 1);
    assert.match(
      failures()[0]!,
      /^STARTTLS=server, error: accept failed=-1, reason=no handshake within 30 s, relay=.*\[127\.0\.0\.1\]/,
    );
  });
}
