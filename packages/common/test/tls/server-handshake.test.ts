import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { type Clock, systemClock } from "../../src/clock.ts";
import { issue } from "../../src/testing/issued-certificate.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { type Certificate, isFault, judgePem } from "../../src/tls/certificate.ts";
import { signedByItself } from "../../src/tls/self-signed.ts";
import { nodeAsks, type ServedCertificates, serveCertificates } from "../../src/tls/served-certificates.ts";
import { beginHandshake, HANDSHAKE_LIMIT, type Handshake } from "../../src/tls/server-handshake.ts";

const SPOKEN = { minVersion: "1.2", ciphers: "" } as const;

function judged(cert: string, key: string): Certificate {
  const certificate = judgePem({ certFile: "/c.pem", keyFile: "/k.pem", cert, key });
  assert.ok(certificate !== undefined && !isFault(certificate));
  return certificate;
}

async function anyCertificate(t: TestContext): Promise<ServedCertificates> {
  const { cert, key } = await signedByItself("mail.example.com", Date.now());
  const served = serveCertificates([judged(cert, key)], SPOKEN, { clock: new ManualClock() });
  t.after(() => served.close());
  return served;
}

/** A server that does the handshake of each connection. */
async function serving(t: TestContext, certificates: Pick<ServedCertificates, "contextFor">, clock: Clock) {
  const over: Promise<Handshake>[] = [];
  const below: Socket[] = [];
  const server = createServer((socket) => {
    below.push(socket);
    over.push(beginHandshake(socket, certificates, clock).over);
    server.emit("begun");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of below) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  /** A connection, once the server has it. */
  const plain = async () => {
    const begun = once(server, "begun");
    const socket = connect(port, "127.0.0.1").on("error", () => undefined);
    t.after(() => socket.destroy());
    await begun;
    return { socket, over: over.at(-1)!, below: below.at(-1)! };
  };
  /** The names in the certificate that a client is shown. */
  const shown = async (options: ConnectionOptions) => {
    const { socket } = await plain();
    const encrypted = connectTls({ ...options, socket, rejectUnauthorized: false });
    await once(encrypted, "secureConnect");
    const names = encrypted.getPeerCertificate().subjectaltname;
    encrypted.destroy();
    return names;
  };
  return { plain, shown };
}

test("who is silent is let go after half a minute, and not before", async (t) => {
  const clock = new ManualClock();
  const { plain } = await serving(t, await anyCertificate(t), clock);
  const silent = await plain();
  let said: Handshake | undefined;
  void silent.over.then((result) => (said = result));
  await clock.advance(HANDSHAKE_LIMIT - 1);
  assert.equal(said, undefined);
  const closed = once(silent.below, "close");
  await clock.advance(1);
  assert.deepEqual(await silent.over, { kind: "failed", reason: "no handshake within 30 s" });
  await closed;
  assert.equal(clock.waiting, 0);
});

test("a handshake that was done in time leaves no timer; one that is broken off is named", async (t) => {
  const clock = new ManualClock();
  const { plain, shown } = await serving(t, await anyCertificate(t), clock);
  assert.equal(await shown({ servername: "mail.example.com" }), "DNS:mail.example.com, DNS:example.com");
  const gone = await plain();
  gone.socket.destroy();
  assert.deepEqual(await gone.over, { kind: "failed", reason: "the client hung up" });
  const web = await plain();
  web.socket.write("GET / HTTP/1.0\r\n\r\n");
  assert.deepEqual(await web.over, { kind: "failed", reason: "the client speaks HTTP" });
  assert.equal(clock.waiting, 0);
});

test("keys of two kinds: each name's own certificate, and the first for whoever names none", async (t) => {
  const [rsa, ec] = [await issue("rsa.example", "rsa"), await issue("ec.example")];
  const served = serveCertificates([judged(rsa.own, rsa.key), judged(ec.own, ec.key)], SPOKEN, {
    clock: new ManualClock(),
  });
  t.after(() => served.close());
  assert.equal(nodeAsks(), true);
  const { shown } = await serving(t, served, systemClock);
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    assert.equal(await shown({ maxVersion }), "DNS:rsa.example");
    assert.equal(await shown({ maxVersion, servername: "elsewhere.example" }), "DNS:rsa.example");
    assert.equal(await shown({ maxVersion, servername: "rsa.example" }), "DNS:rsa.example");
    assert.equal(await shown({ maxVersion, servername: "ec.example" }), "DNS:ec.example");
  }
});

test("in a Node that cannot be asked every client gets a certificate all the same", async (t) => {
  const [rsa, ec] = [await issue("rsa.example", "rsa"), await issue("ec.example")];
  const served = serveCertificates([judged(rsa.own, rsa.key), judged(ec.own, ec.key)], SPOKEN, {
    clock: new ManualClock(),
    canAsk: () => false,
  });
  t.after(() => served.close());
  const { shown } = await serving(t, served, systemClock);
  assert.equal(await shown({}), "DNS:rsa.example");
  for (const servername of ["rsa.example", "ec.example", "elsewhere.example"])
    assert.match((await shown({ servername })) ?? "", /^DNS:(rsa|ec)\.example$/, servername);
});
