import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isPrivateOrNarrow, readNetwork } from "../../src/init/network.ts";

describe("the network of --lan", () => {
  test("whole octets and IPv6 groups stay as they are", () => {
    const good = {
      "202.99.11": "202.99.11",
      "10": "10",
      "192.168.1.7": "192.168.1.7",
      "202.99.11.0/24": "202.99.11",
      "172.16.0.0/16": "172.16",
      "10.0.0.0/8": "10",
      "198.51.100.9/32": "198.51.100.9",
      "2001:db8:1": "IPv6:2001:db8:1",
      "2001:db8:1::/48": "IPv6:2001:db8:1",
      "2001:DB8::/32": "IPv6:2001:db8",
      "2001:db8::5": "IPv6:2001:db8:0:0:0:0:0:5",
    };
    for (const [given, key] of Object.entries(good))
      assert.deepEqual(readNetwork(given), { ok: true, value: key }, given);
  });

  test("what access cannot say is refused with the reason", () => {
    const bad: Record<string, RegExp> = {
      "202.99.11.0/20": /\/8, \/16, \/24, \/32/,
      "0.0.0.0/0": /everybody/,
      "10.0.0.0/0": /whole parts/,
      "202.99.11.5/24": /did you mean 202\.99\.11\.0\/24\?/,
      "202.99.11/24": /all four octets/,
      "202.99.256": /0 to 255/,
      "202.99.11.": /network part/,
      "lan.example.com": /network part/,
      "2001:db8::/33": /\/16, \/32/,
      "::/0": /network part/,
      "::": /network part/,
      "10.0.0.0/x": /network part/,
      "": /network part/,
    };
    for (const [given, reason] of Object.entries(bad)) {
      const read = readNetwork(given);
      assert.ok(!read.ok, given);
      assert.match(read.expected, reason, given);
    }
  });

  test("any text is taken or refused, never more than a line", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const read = readNetwork(text);
        if (read.ok) assert.match(read.value, /^(IPv6:[0-9a-f:]+|[0-9.]+)$/);
      }),
    );
  });

  test("a large public network is remarkable", () => {
    assert.equal(isPrivateOrNarrow("202"), false);
    assert.equal(isPrivateOrNarrow("10"), true);
    assert.equal(isPrivateOrNarrow("202.99.11"), true);
    assert.equal(isPrivateOrNarrow("IPv6:2001"), false);
  });
});
