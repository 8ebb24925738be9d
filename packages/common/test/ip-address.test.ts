import assert from "node:assert/strict";
import { test } from "node:test";
import { reverseName } from "../src/ip-address.ts";

test("the reverse name of an address", () => {
  assert.equal(reverseName("202.99.11.9"), "9.11.99.202.in-addr.arpa");
  assert.equal(reverseName("::ffff:202.99.11.9"), "9.11.99.202.in-addr.arpa");
  assert.equal(
    reverseName("2001:db8::1"),
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
  );
  assert.equal(reverseName("mail.example"), undefined);
});
