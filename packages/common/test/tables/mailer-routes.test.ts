import assert from "node:assert/strict";
import test from "node:test";
import { findMailerRoute, readMailerRoute } from "../../src/tables/mailer-routes.ts";
import type { Table } from "../../src/tables/table.ts";

/** What is expected is what a real Sendmail 8.17 made of the same table (sendmail -bt, and RCPT over -bs). */
const entries = new Map([
  ["g.mt.test", "esmtp:[h.test]"],
  ["k.mt.test", "relayhost.test"],
  ["m.mt.test", "[1.2.3.4]"],
  ["p.mt.test", "esmtp:%1.x"],
  ["lit.x.test", "esmtp:%%1%"],
  [".dot.test", "esmtp:h%1.x"],
  [".dot2.test", "error:5.7.1:550 not %1"],
  [".dot3.test", "esmtp:h-%0-%1-%2-%3"],
  ["bare.dot.test", "nomailer.test"],
]);
const dot = new Map([...entries, [".", "esmtp:dot%1-%2"]]);
const tableOf = (map: ReadonlyMap<string, string>): Table => ({
  file: "mailertable",
  get: (key) => map.get(key),
  entries: () => map,
});

test("the notation", () => {
  const smtp = (mailer: string, hosts: string) => ({ kind: "smtp", mailer, hosts });
  assert.deepEqual(readMailerRoute("esmtp:[h.test]"), smtp("esmtp", "[h.test]"));
  assert.deepEqual(readMailerRoute("smtp:a.test:b.test:[c.test]"), smtp("smtp", "a.test:b.test:[c.test]"));
  assert.deepEqual(readMailerRoute("esmtp:[1.2.3.4]:2525"), smtp("esmtp", "[1.2.3.4]:2525"));
  assert.deepEqual(readMailerRoute("Relay:[IPv6:2001:db8::1]"), smtp("relay", "[IPv6:2001:db8::1]"));
  assert.deepEqual(readMailerRoute("relayhost.test"), smtp("relay", "relayhost.test"));
  assert.deepEqual(readMailerRoute("[1.2.3.4]:25"), smtp("relay", "[1.2.3.4]:25"));
  assert.deepEqual(readMailerRoute("esmtp:"), smtp("esmtp", ""));
  assert.deepEqual(readMailerRoute("esmtp:joe@host.test"), { ...smtp("esmtp", "host.test"), user: "joe" });
  assert.deepEqual(readMailerRoute("local:joe"), { kind: "local", user: "joe" });
  assert.deepEqual(readMailerRoute("local:"), { kind: "local" });
  assert.deepEqual(readMailerRoute("local:joe@other.test"), { kind: "local", user: "joe" });
  assert.equal(readMailerRoute(" "), undefined);
});

test("refusals, and a mailer that there is not", () => {
  const reply = (code: number, enhanced: string, text: string) => ({
    kind: "error",
    reply: { code, enhanced, text },
  });
  assert.deepEqual(readMailerRoute("error:5.7.0:550 text here"), reply(550, "5.7.0", "text here"));
  assert.deepEqual(readMailerRoute("error:just text"), reply(553, "5.3.0", "just text"));
  assert.deepEqual(readMailerRoute("nosuch:foo"), reply(554, "5.3.5", "buildaddr: unknown mailer nosuch"));
});

test("a domain, the domains above it, and the dot", () => {
  const route = (domain: string, map = entries) => {
    const hit = findMailerRoute(tableOf(map), domain)?.route;
    return hit?.kind === "smtp" ? hit.hosts : hit?.kind === "error" ? hit.reply.text : hit;
  };
  assert.equal(route("G.mt.Test."), "[h.test]");
  assert.equal(route("p.mt.test"), ".x");
  assert.equal(route("lit.x.test"), "%1%");
  assert.equal(route("foo.dot.test"), "hfoo.x");
  assert.equal(route("a.b.dot.test"), "ha.b.x");
  assert.equal(route("dot.test"), undefined);
  assert.equal(route("x.dot2.test"), "not x");
  assert.equal(route("a.b.dot3.test"), "h-.dot3.test-a.b-b-");
  assert.equal(route("foo.bar.test", dot), "dotfoo.bar.test-");
  assert.equal(route("foo", dot), "dotfoo-");
  assert.equal(route("[1.2.3.4]", dot), undefined);
});

test("a value without a mailer counts as none, and the search goes on", () => {
  const keys: string[] = [];
  const hit = findMailerRoute(tableOf(entries), "bare.dot.test", (key) => keys.push(key));
  assert.equal(hit?.key, ".dot.test");
  assert.deepEqual(keys, ["bare.dot.test", ".dot.test"]);
  assert.equal(findMailerRoute(tableOf(entries), "k.mt.test"), undefined);
  assert.equal(findMailerRoute(tableOf(entries), "m.mt.test"), undefined);
});
