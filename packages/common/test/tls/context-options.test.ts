import assert from "node:assert/strict";
import { test } from "node:test";
import { requireKnownCiphers } from "../../src/tls/context-options.ts";
import { tlsFacts } from "../../src/tls/tls-facts.ts";

test("ciphers are checked before anybody connects", () => {
  const check = (ciphers: string, minVersion: "1.2" | "1.3" = "1.2") =>
    requireKnownCiphers("/etc/mail/mailhost.yaml", { ciphers, minVersion });
  for (const fine of ["", "HIGH", "ECDHE-RSA-AES128-GCM-SHA256", "HIGH:MEDIUM:!aNULL"]) check(fine);
  check("", "1.3");
  for (const bad of ["HIHG", "RC4-MD5", "NONE-SUCH:NOR-THIS", "@"])
    assert.throws(() => check(bad), /^ConfigError: \/etc\/mail\/mailhost\.yaml: tls\.ciphers: "/, bad);
});

test("the length of a cipher's key is told by its name", () => {
  for (const [name, bits] of [
    ["TLS_AES_256_GCM_SHA384", 256],
    ["TLS_AES_128_GCM_SHA256", 128],
    ["TLS_CHACHA20_POLY1305_SHA256", 256],
    ["ECDHE-RSA-AES128-SHA256", 128],
    ["ECDHE-ECDSA-AES256-SHA", 256],
    ["ECDHE-ECDSA-CHACHA20-POLY1305", 256],
    ["ECDHE-ARIA256-GCM-SHA384", 256],
  ] as const) {
    const socket = {
      getProtocol: () => "TLSv1.2",
      getCipher: () => ({ name, standardName: name, version: "TLSv1.2" }),
    };
    assert.deepEqual(tlsFacts(socket), { version: "TLSv1.2", cipher: name, bits });
  }
});
