/**
 * Clients that connect where TLS is spoken from the first octet and say nothing: they have no session, they hold nobody up, and one
 * address gets only so many of them. That they are let go after half a minute is shown by a clock in the tests of either server.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { makeAuthority } from "../harness/authority.ts";
import { Connection } from "../harness/connection.ts";
import { eventually } from "../harness/eventually.ts";
import { OUTSIDE, PASSWORD } from "../harness/host.ts";
import { needs } from "../harness/programs.ts";
import { encrypted, endpointOf, tlsHost, WAYS } from "./tls-rig.ts";

const IMPLICIT = WAYS.filter(({ starttls }) => starttls === undefined);
const SILENT = 300;

function residentKiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]);
}

test("hundreds of silent clients on 465 and 995 hold nobody up", needs("openssl"), async (t) => {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: ["mail.linuxaid.com.cn"] }), { users: ["wang"] });
  for (const way of IMPLICIT) {
    const pid = host.pid(way.port === "smtps" ? "mta" : "pop3");
    const before = residentKiB(pid);
    const silent = await Promise.all(
      Array.from({ length: SILENT }, () => Connection.open(endpointOf(host, way))),
    );
    const { socket, lines } = await encrypted(host, way);
    assert.match(await lines.readText(), /^(220 |\+OK)/);
    if (way.port === "pop3s") {
      await lines.write(`USER wang\r\nPASS ${PASSWORD}\r\n`);
      for (let n = 0; n < 2; n++) assert.match(await lines.readText(), /^\+OK/);
    }
    // Far above what is seen, which is 30 to 60 KiB; a session with its buffers would be more.
    const each = (residentKiB(pid) - before) / SILENT;
    assert.ok(each < 400, `${each} KiB for each silent client on ${way.port}`);
    t.diagnostic(`${way.port}: ${each.toFixed(0)} KiB for each silent client`);
    for (const connection of silent) connection.close();
    socket.destroy();
    (await encrypted(host, way)).socket.destroy();
  }
});

test("one address has only so many handshakes under way", needs("openssl"), async (t) => {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: ["mail.linuxaid.com.cn"] }), {
    settings: { smtp: { maxConnectionsPerClient: 5 }, pop3: { maxConnectionsPerClient: 5 } },
  });
  for (const way of IMPLICIT) {
    const many = await Promise.all(
      Array.from({ length: 20 }, () => Connection.open(endpointOf(host, way), { from: OUTSIDE })),
    );
    let ended = 0;
    for (const connection of many) connection.socket.once("close", () => ended++);
    await eventually(() => ended >= 15, {
      within: 15_000,
      what: `15 of 20 let go on ${way.port}, ${ended} were`,
    });
    // Another address is served.
    const { socket, lines } = await encrypted(host, way);
    assert.match(await lines.readText(), /^(220 |\+OK)/);
    socket.destroy();
    for (const connection of many) connection.close();
  }
});

test(
  "who breaks off in the middle of a handshake is named once, and nothing stays",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const host = await tlsHost(t, authority.issue({ names: ["mail.linuxaid.com.cn"] }));
    for (const way of IMPLICIT) {
      for (const octets of [0, 1, 5, 6, 100]) {
        const connection = await Connection.open(endpointOf(host, way), { from: "127.0.0.77" });
        await connection.write(Buffer.from("160301020001".padEnd(200, "0"), "hex").subarray(0, octets));
        connection.close();
      }
      for (const text of ["EHLO plain\r\n", "GET / HTTP/1.0\r\n\r\n", "CAPA\r\n"]) {
        const connection = await Connection.open(endpointOf(host, way), { from: "127.0.0.77" });
        await connection.write(text);
        await connection.readToEnd();
        connection.close();
      }
    }
    const lines = (pattern: RegExp) =>
      host
        .log()
        .split("\n")
        .filter((line) => pattern.test(line)).length;
    // Who is gone before it is looked at has no address to be named by.
    for (const pattern of [/accept failed=-1.*\[127\.0\.0\.77\]/, /Handshake failed.*127\.0\.0\.77\)/]) {
      await eventually(() => lines(pattern) >= 3, { within: 15_000, what: `lines ${pattern}` });
      assert.ok(lines(pattern) <= 8, String(lines(pattern)));
    }
    for (const way of IMPLICIT) (await encrypted(host, way)).socket.destroy();
    assert.doesNotMatch(host.log(), /internal fault/);
  },
);
