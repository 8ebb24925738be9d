import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import {
  formatDuration,
  formatListenAddress,
  readDuration,
  readListenAddress,
  readSize,
} from "../../src/settings/units.ts";

test("durations", () => {
  for (const [text, ms] of [
    ["250ms", 250],
    ["30s", 30_000],
    ["20m", 1_200_000],
    ["1h30m", 5_400_000],
    ["5d", 432_000_000],
    ["1w", 604_800_000],
    ["0s", 0],
    ["1.5h", 5_400_000],
  ] as const) {
    assert.deepEqual(readDuration(text), { ok: true, value: ms });
  }
  for (const text of ["", "20", "20 m", "m", "-5s", "1h30", "5y", "1e3s", "9".repeat(400).concat("w")]) {
    assert.equal(readDuration(text).ok, false, text);
  }
});

test("a printed duration is read back", () => {
  fc.assert(
    fc.property(fc.nat(), (ms) => {
      assert.deepEqual(readDuration(formatDuration(ms)), { ok: true, value: ms });
    }),
  );
});

test("sizes", () => {
  assert.deepEqual(readSize("1024"), { ok: true, value: 1024 });
  assert.deepEqual(readSize("25MiB"), { ok: true, value: 25 * 1024 ** 2 });
  assert.deepEqual(readSize("1.5 GiB"), { ok: true, value: 1.5 * 1024 ** 3 });
  for (const text of ["", "MiB", "25MB", "-1", "1e9", "9".repeat(30)])
    assert.equal(readSize(text).ok, false, text);
});

test("addresses to listen on", () => {
  assert.deepEqual(readListenAddress("0.0.0.0:25"), { ok: true, value: { host: "0.0.0.0", port: 25 } });
  assert.deepEqual(readListenAddress("[::1]:0"), { ok: true, value: { host: "::1", port: 0 } });
  for (const text of ["25", "a:65536", "::1:25", "[a]:25", "a:", ":25", "a b:25", "a:25x"]) {
    assert.equal(readListenAddress(text).ok, false, text);
  }
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()), fc.nat(65_535), (host, port) => {
      assert.deepEqual(readListenAddress(formatListenAddress({ host, port })), {
        ok: true,
        value: { host, port },
      });
    }),
  );
});
