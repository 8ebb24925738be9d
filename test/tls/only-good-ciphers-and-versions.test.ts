/**
 * What is spoken on each of the five ports: TLS 1.2 and 1.3 with good ciphers, and nothing of what testssl would report.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { makeAuthority } from "../harness/authority.ts";
import { needs } from "../harness/programs.ts";
import { clientHello } from "./client-hello.ts";
import { beforeHandshake, sClient, tlsHost, tlsSite, WAYS } from "./tls-rig.ts";

const TLS_1_2 = 0x0303;

/** Refused, by the numbers of IANA's registry. */
const BAD: readonly (readonly [string, number, readonly number[]])[] = [
  ["SSL 3", 0x0300, [0xc009, 0xc013, 0x002f]],
  ["TLS 1.0", 0x0301, [0xc009, 0xc013, 0xc00a, 0xc014]],
  ["TLS 1.1", 0x0302, [0xc009, 0xc013, 0xc00a, 0xc014]],
  ["RC4", TLS_1_2, [0x0004, 0x0005, 0xc007, 0xc011]],
  ["3DES", TLS_1_2, [0x000a, 0x0016, 0xc008, 0xc012]],
  ["DES", TLS_1_2, [0x0009, 0x0015]],
  ["export keys", TLS_1_2, [0x0003, 0x0006, 0x0008, 0x0014, 0x0062]],
  ["no encryption", TLS_1_2, [0x0001, 0x0002, 0x003b, 0xc006, 0xc010]],
  ["no authentication", TLS_1_2, [0x0018, 0x001b, 0x0034, 0x006d, 0x00a6, 0xc018, 0xc019]],
  ["IDEA and SEED", TLS_1_2, [0x0007, 0x0096]],
  ["no forward secrecy", TLS_1_2, [0x002f, 0x0035, 0x009c, 0x009d, 0x003c]],
  ["a shared key", TLS_1_2, [0x008c, 0x00a8]],
];

/** Taken: the same hello, with what a client of today has. */
const GOOD: readonly (readonly [string, readonly number[]])[] = [
  ["ECDHE with AES-GCM", [0xc02b, 0xc02f]],
  ["ECDHE with ChaCha20", [0xcca9, 0xcca8]],
  ["ECDHE with AES-CBC, for Outlook on Windows 8", [0xc009, 0xc013]],
];

const HANDSHAKE = 22;
const ALERT = 21;

test(
  "versions and ciphers that must not be spoken are refused on every port",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const host = await tlsHost(t, authority.issue({ names: ["mail.linuxaid.com.cn"] }));
    for (const way of WAYS) {
      for (const [what, version, ciphers] of BAD) {
        const connection = await beforeHandshake(host, way);
        await connection.write(clientHello({ version, ciphers }));
        const answer = await connection.readBytes(7);
        assert.equal(answer[0], ALERT, `${what} on ${way.port}`);
        // Fatal: handshake_failure, or protocol_version.
        assert.equal(answer[5], 2, `${what} on ${way.port}`);
        assert.ok(answer[6] === 40 || answer[6] === 70, `${what} on ${way.port}: alert ${answer[6]}`);
        connection.close();
      }
      for (const [what, ciphers] of GOOD) {
        const connection = await beforeHandshake(host, way);
        await connection.write(clientHello({ version: TLS_1_2, ciphers }));
        const answer = await connection.readBytes(6);
        assert.equal(answer[0], HANDSHAKE, `${what} on ${way.port}`);
        assert.equal(answer[5], 2, `${what} on ${way.port}: a ServerHello`);
        connection.close();
      }
    }
    await host.logged(
      /STARTTLS=server, error: accept failed=-1, reason=the client has no cipher that we have, relay=/,
    );
    await host.logged(
      /popper.*TLS\/SSL Handshake failed: the client speaks no version of TLS that we do; client at/,
    );
  },
);

test("openssl s_client on every port: TLS 1.2 and 1.3, and nothing older", needs("openssl"), async (t) => {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: ["mail.linuxaid.com.cn"], kind: "rsa" }));
  const trust = [
    "-CAfile",
    authority.caFile,
    "-verify_return_error",
    "-verify_hostname",
    "mail.linuxaid.com.cn",
  ];
  for (const way of WAYS) {
    for (const [option, version] of [
      ["-tls1_2", "TLSv1.2"],
      ["-tls1_3", "TLSv1.3"],
    ] as const) {
      const good = await sClient(host, way, [option, ...trust]);
      assert.equal(good.code, 0, `${option} on ${way.port}: ${good.stderr}`);
      assert.match(
        good.stdout,
        new RegExp(`New, ${version.replace(".", "\\.")}, Cipher is \\S+`),
        `${option} on ${way.port}`,
      );
      assert.match(good.stdout, /Verify return code: 0 \(ok\)/);
      assert.match(good.stdout, /Compression: NONE/);
    }
    for (const option of ["-tls1", "-tls1_1"]) {
      // At its own level 1 the client would not even ask.
      const bad = await sClient(host, way, [option, "-cipher", "DEFAULT@SECLEVEL=0"]);
      assert.notEqual(bad.code, 0, `${option} on ${way.port}`);
      assert.match(bad.stderr, /alert protocol version/, `${option} on ${way.port}: refused by the host`);
    }
  }
  await host.logged(
    /sendmail.*STARTTLS=server, relay=.*\[127\.0\.0\.1\], version=TLSv1\.3, verify=NO, cipher=TLS_AES_256_GCM_SHA384, bits=256\/256/,
  );
  await host.logged(
    /popper.*TLSv1\.3 handshake with client at 127\.0\.0\.1 \(127\.0\.0\.1\); new session-id; cipher: TLS_AES_256_GCM_SHA384 \(TLS_AES_256_GCM_SHA384\), 256 bits/,
  );
});

test("sessions are taken up again, and a client cannot renegotiate", needs("openssl"), async (t) => {
  const authority = makeAuthority(t);
  const host = await tlsHost(t, authority.issue({ names: ["mail.linuxaid.com.cn"] }));
  for (const way of WAYS) {
    const kept = host.path(`session-${way.port}`);
    await sClient(host, way, ["-tls1_2", "-sess_out", kept]);
    const again = await sClient(host, way, ["-tls1_2", "-sess_in", kept]);
    assert.match(again.stdout, /^Reused, TLSv1\.2/m, way.port);
    // In s_client a line that begins with R asks for a new handshake.
    const once = await sClient(host, way, ["-tls1_2"], "R\n");
    assert.match(`${once.stdout}${once.stderr}`, /no renegotiation|RENEGOTIATING[\s\S]*error/i, way.port);
  }
});

test(
  "tls.minVersion 1.3 leaves TLS 1.2 away; tls.ciphers narrows the choice of TLS 1.2",
  needs("openssl"),
  async (t) => {
    const authority = makeAuthority(t);
    const main = authority.issue({ names: ["mail.linuxaid.com.cn"] });
    const strict = await tlsHost(t, main, { tls: { minVersion: "1.3" } });
    const narrow = await tlsHost(t, main, { tls: { ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:RC4:NULL" } });
    for (const way of WAYS) {
      assert.notEqual((await sClient(strict, way, ["-tls1_2"])).code, 0, way.port);
      assert.equal((await sClient(strict, way, ["-tls1_3"])).code, 0, way.port);
      const two = await sClient(narrow, way, ["-tls1_2"]);
      assert.match(two.stdout, /Cipher is ECDHE-ECDSA-AES128-GCM-SHA256/, way.port);
      assert.notEqual(
        (await sClient(narrow, way, ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"])).code,
        0,
      );
    }
  },
);

test("ciphers that nobody knows keep the host from starting, and name the setting", async (t) => {
  const site = await tlsSite(t, undefined, { tls: { ciphers: "HIHG" } });
  const { code, stderr } = await site.mailhost(["start"]);
  assert.equal(code, 78);
  assert.match(stderr, /mailhost\.yaml: tls\.ciphers: "HIHG": OpenSSL knows no such cipher/);
  const check = await site.mailhost(["check"]);
  assert.equal(check.code, 78);
  assert.match(check.stdout, /tls\.ciphers/);
});
