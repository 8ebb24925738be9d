/**
 * STARTTLS and STLS: nothing that was said before the handshake counts behind it (RFC 3207 section 4.2, RFC 2595 section 4). What a
 * man in the middle puts behind the command is dropped, however the octets are cut into packets.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type TLSSocket, connect as tlsConnect } from "node:tls";
import { makeAuthority } from "../harness/authority.ts";
import { Connection } from "../harness/connection.ts";
import { type MailHost, OUTSIDE } from "../harness/host.ts";
import { needs } from "../harness/programs.ts";
import { endpointOf, tlsHost, WAYS, type Way } from "./tls-rig.ts";

const MAIN = "mail.linuxaid.com.cn";

/** A plain SMTP session that has said EHLO. */
async function greeted(host: MailHost, way: Way, from?: string): Promise<Connection> {
  const plain = await Connection.open(endpointOf(host, way), from === undefined ? {} : { from });
  await plain.readText();
  await plain.write("EHLO plain.example\r\n");
  await replyOf(plain);
  return plain;
}

/** The last line of a reply. */
async function replyOf(lines: Connection): Promise<string> {
  for (;;) {
    const line = await lines.readText();
    if (line[3] !== "-") return line;
  }
}

async function handshake(plain: Connection): Promise<{ socket: TLSSocket; lines: Connection }> {
  plain.socket.removeAllListeners("data");
  const socket = tlsConnect({ socket: plain.socket, rejectUnauthorized: false });
  await new Promise<void>((resolve, reject) => {
    socket
      .once("secureConnect", resolve)
      .once("error", reject)
      .once("close", () => reject(new Error("closed")));
  });
  return { socket, lines: Connection.over(socket, 60_000) };
}

/** The session behind the handshake is a new one: no name, no transaction, and the next reply is to its own command. */
async function assertNew(lines: Connection, what: string): Promise<void> {
  await lines.write("RCPT TO:<root@linuxaid.com.cn>\r\n");
  assert.match(await lines.readText(), /^503 /, `${what}: no transaction`);
  await lines.write("MAIL FROM:<a@linuxaid.com.cn>\r\n");
  assert.match(await lines.readText(), /^503 .*HELO first/, `${what}: no name`);
  await lines.write("EHLO secure.example\r\n");
  assert.match(await replyOf(lines), /^250 /, what);
  await lines.write("QUIT\r\n");
  assert.match(await lines.readText(), /^221 /, `${what}: in step`);
}

const SMTP_WAYS = WAYS.filter(({ starttls }) => starttls === "smtp");

test("SMTP: commands put behind STARTTLS, cut at every octet", needs("openssl"), async (t) => {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: [MAIN] }));
  const injected = "STARTTLS\r\nMAIL FROM:<evil@example.com>\r\nRCPT TO:<root@linuxaid.com.cn>\r\n";
  for (const way of SMTP_WAYS) {
    for (let cut = 1; cut <= injected.length; cut++) {
      const plain = await greeted(host, way);
      await plain.write(injected.slice(0, cut));
      // What is cut off comes as a packet of its own, before the handshake: only the command's own rest is waited for.
      if (cut < "STARTTLS\r\n".length) await plain.write(injected.slice(cut));
      assert.equal(await plain.readText(), "220 2.0.0 Ready to start TLS", `cut at ${cut} on ${way.port}`);
      const { socket, lines } = await handshake(plain);
      await assertNew(lines, `cut at ${cut} on ${way.port}`);
      socket.destroy();
    }
  }
  assert.doesNotMatch(host.log(), /evil@example\.com/);
});

test("SMTP: thousands of commands behind STARTTLS", needs("openssl"), async (t) => {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: [MAIN] }));
  for (const way of SMTP_WAYS) {
    const plain = await greeted(host, way);
    await plain.write(`STARTTLS\r\n${"NOOP\r\n".repeat(5000)}MAIL FROM:<evil@example.com>\r\nDATA\r\n`);
    assert.match(await plain.readText(), /^220 /);
    const { socket, lines } = await handshake(plain).catch((error: unknown) => {
      // What came behind the reply, into the middle of a handshake, may end it; it never counts.
      assert.match(String(error), /closed|socket|ECONNRESET/i);
      return { socket: undefined, lines: undefined };
    });
    if (lines === undefined) continue;
    await assertNew(lines, way.port);
    socket.destroy();
  }
  assert.doesNotMatch(host.log(), /evil@example\.com/);
});

test(
  "SMTP: plain text in place of a handshake, or in its middle, ends the session and no other",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const host = await tlsHost(t, authority.issue({ names: [MAIN] }));
    for (const way of SMTP_WAYS) {
      for (const junk of [
        "MAIL FROM:<evil@example.com>\r\n",
        "\x16\x03\x01\x02",
        "\x16\x03\x01\x00\x05abcde",
        "GET / HTTP/1.0\r\n\r\n",
      ]) {
        const plain = await greeted(host, way);
        await plain.write("STARTTLS\r\n");
        assert.match(await plain.readText(), /^220 /);
        await plain.write(junk);
        plain.socket.end();
        const rest = (await plain.readToEnd()).toString("latin1");
        assert.doesNotMatch(rest, /^\d{3} /m, `${JSON.stringify(junk)} on ${way.port}`);
      }
      await (await greeted(host, way)).write("QUIT\r\n");
    }
    assert.doesNotMatch(host.log(), /evil@example\.com|internal fault/);
  },
);

test(
  "SMTP: a transaction and a name from before are forgotten, and STARTTLS is offered no more",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const host = await tlsHost(t, authority.issue({ names: [MAIN] }), { users: ["wang"] });
    const plain = await greeted(host, SMTP_WAYS[0]!, OUTSIDE);
    await plain.write("MAIL FROM:<a@example.com>\r\n");
    await plain.readText();
    await plain.write("STARTTLS\r\n");
    assert.match(await plain.readText(), /^220 /);
    const { socket, lines } = await handshake(plain);
    await lines.write("RCPT TO:<wang@linuxaid.com.cn>\r\n");
    assert.match(await lines.readText(), /^503 /);
    await lines.write("EHLO secure.example\r\n");
    const features: string[] = [];
    for (;;) {
      const line = await lines.readText();
      features.push(line);
      if (line[3] !== "-") break;
    }
    assert.ok(!features.some((line) => /STARTTLS/.test(line)), features.join("\n"));
    await lines.write("STARTTLS\r\n");
    assert.equal(await lines.readText(), "503 5.5.0 TLS already active");
    await lines.write("MAIL FROM:<a@linuxaid.com.cn>\r\nRCPT TO:<wang@linuxaid.com.cn>\r\nDATA\r\n");
    for (let n = 0; n < 3; n++) await lines.readText();
    await lines.write("Subject: x\r\n\r\nx\r\n.\r\n");
    assert.match(await lines.readText(), /^250 /);
    const [message] = await host.arrived("wang");
    assert.match(
      message!.message.toString("latin1"),
      /^Received: from secure\.example \(.*\)\n\tby mail\.linuxaid\.com\.cn \(mailhost\) with ESMTPS id \S+\n\t\(version=TLSv1\.3 cipher=TLS_AES_256_GCM_SHA384 bits=256 verify=NO\)\n/m,
    );
    socket.destroy();
  },
);

test(
  "POP3: commands put behind STLS, cut at every octet, and a name given before",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const host = await tlsHost(t, authority.issue({ names: [MAIN] }), { users: ["wang"] });
    const way = WAYS.find(({ starttls }) => starttls === "pop3")!;
    const injected = "STLS\r\nUSER evil\r\nPASS evil\r\n";
    for (let cut = 1; cut <= injected.length; cut++) {
      const plain = await Connection.open(endpointOf(host, way));
      await plain.readText();
      await plain.write("USER wang\r\n");
      assert.match(await plain.readText(), /^\+OK/);
      await plain.write(injected.slice(0, cut));
      if (cut < "STLS\r\n".length) await plain.write(injected.slice(cut));
      assert.match(await plain.readText(), /^\+OK/);
      const { socket, lines } = await handshake(plain);
      await lines.write("PASS x\r\n");
      assert.match(await lines.readText(), /^-ERR/, `cut at ${cut}: the name is forgotten`);
      await lines.write("QUIT\r\n");
      assert.match(await lines.readText(), /^\+OK/, `cut at ${cut}: in step`);
      socket.destroy();
    }
    assert.doesNotMatch(host.log(), /login to evil/);
  },
);
