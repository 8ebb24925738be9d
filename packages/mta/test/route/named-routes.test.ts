/** Hosts that tables and settings name: their notation, their order, and what a mistake in them does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Table } from "@mailhost/common/tables/table";
import { DnsError, type MxRecord, type Resolver } from "../../src/dns/resolver.ts";
import { findRoute, isInMailertable, type RouteParts } from "../../src/route/route.ts";
import { readNextHops } from "../../src/route/smart-host.ts";

const MX: Readonly<Record<string, readonly string[]>> = {
  "mx.example": ["a.mx.example", "b.mx.example"],
  "loops.example": ["here.example"],
  "late.example": [],
};
const A: Readonly<Record<string, string>> = {
  "a.mx.example": "192.0.2.1",
  "b.mx.example": "192.0.2.2",
  "hub.example": "192.0.2.3",
  "second.example": "192.0.2.4",
  "backup.example": "192.0.2.9",
  "here.example": "192.0.2.100",
  "far.example": "192.0.2.50",
};

const resolver: Resolver = {
  async mx(domain): Promise<MxRecord[]> {
    if (domain === "late.example") throw new DnsError("temporary", domain);
    if (MX[domain] === undefined && A[domain] === undefined) throw new DnsError("absent", domain);
    return (MX[domain] ?? []).map((exchange, i) => ({ preference: 10 * (i + 1), exchange }));
  },
  async a(name) {
    if (A[name] === undefined) throw new DnsError("absent", name);
    return [A[name]];
  },
  aaaa: async () => [],
  ptr: async () => [],
};

function tableOf(entries: Readonly<Record<string, string>>): Table {
  return { file: "mailertable", get: (key) => entries[key], entries: () => Object.entries(entries) };
}

interface Given {
  readonly table?: Readonly<Record<string, string>>;
  readonly smartHost?: string;
  readonly fallbackMx?: string;
  readonly via?: string;
}

async function route(
  domain: string,
  { table = {}, smartHost, fallbackMx, via }: Given = {},
): Promise<string> {
  const parts: RouteParts = {
    resolver,
    relay: { port: 25, ...(smartHost === undefined ? {} : { smartHost }) },
    mailertable: tableOf(table),
    ...(fallbackMx === undefined ? {} : { fallbackMx }),
    isOurName: (name) => name === "here.example",
    isOurAddress: () => false,
    shuffle: (items) => [...items],
  };
  const found = await findRoute({ domain, ...(via === undefined ? {} : { via }) }, parts);
  if (found.kind !== "hosts")
    return `${found.kind} ${found.reply.code} ${found.reply.enhanced} ${found.reply.text}`;
  const hosts = found.hosts.map((host) => `${host.name}:${host.port}`).join(" ");
  return `${found.mailer ?? "esmtp"} ${found.user === undefined ? "" : `${found.user}@ `}${hosts}`;
}

test("the notation: brackets, ports, lists, a mailer in front", () => {
  const hop = (host: string, mx: boolean, port?: number) => ({
    host,
    mx,
    ...(port === undefined ? {} : { port }),
  });
  for (const [text, mailer, hops] of [
    ["esmtp:[a.example]", "esmtp", [hop("a.example", false)]],
    ["SMTP:a.example", "smtp", [hop("a.example", true)]],
    ["relay:a:[b]:c", "relay", [hop("a", true), hop("b", false), hop("c", true)]],
    [
      "esmtp:[a]:2525:b:26:[IPv6:2001:db8::1]:27",
      "esmtp",
      [hop("a", false, 2525), hop("b", true, 26), hop("2001:db8::1", false, 27)],
    ],
    ["a.example:587", "relay", [hop("a.example", true, 587)]],
    ["localhost:2525", "relay", [hop("localhost", true, 2525)]],
    ["esmtp:", "esmtp", []],
  ] as const) {
    assert.deepEqual(readNextHops(text), { mailer, hops }, text);
  }
  assert.equal(readNextHops("esmtp:u@h")?.user, "u");
  for (const bad of ["", "esmtp:a b", "a:0", "a:99999", "[a"])
    assert.equal(readNextHops(bad), undefined, bad);
});

test("mailertable: a host with MX, one without, the domain itself", async () => {
  assert.equal(
    await route("far.example", { table: { "far.example": "smtp:mx.example" } }),
    "smtp a.mx.example:25 b.mx.example:25",
  );
  assert.equal(
    await route("far.example", { table: { "far.example": "esmtp:[hub.example]:2525" } }),
    "esmtp hub.example:2525",
  );
  assert.equal(await route("far.example", { table: { "far.example": "relay:" } }), "relay far.example:25");
  assert.equal(
    await route("x.far.example", { table: { ".far.example": "esmtp:[hub.example]" } }),
    "esmtp hub.example:25",
  );
  assert.equal(
    await route("far.example", { table: { "far.example": "esmtp:boss@hub.example" } }),
    "esmtp boss@ hub.example:25",
  );
});

test("several hosts are tried in their order, those that lead nowhere passed over", async () => {
  const table = { "far.example": "esmtp:mx.example:[hub.example]:[nowhere.example]:second.example" };
  assert.equal(
    await route("far.example", { table }),
    "esmtp a.mx.example:25 b.mx.example:25 hub.example:25 second.example:25",
  );
});

test("what a table says goes before the smart host, what was said at acceptance before both", async () => {
  const table = { "far.example": "esmtp:[hub.example]" };
  const smartHost = "[second.example]";
  assert.equal(await route("far.example", { table, smartHost }), "esmtp hub.example:25");
  assert.equal(await route("other.example", { table, smartHost }), "relay second.example:25");
  assert.equal(
    await route("far.example", { table, smartHost, via: "[a.mx.example]:26" }),
    "relay a.mx.example:26",
  );
});

test("mistakes in tables and settings put mail off, an administrator's error: gives it back", async () => {
  const says = (value: string) => route("far.example", { table: { "far.example": value } });
  assert.match(
    await says("esmtp:[nowhere.example]"),
    /^deferred 451 4\.3\.5 mailertable entry far\.example: Host unknown/,
  );
  assert.match(await says("uucp:host"), /^deferred 451 4\.3\.5 /);
  assert.match(await says("esmtp:loops.example"), /^deferred 451 4\.3\.5 .*mail loops back to me/);
  assert.match(await says("local:boss"), /^deferred 451 4\.3\.5 /);
  assert.match(await says("esmtp:late.example"), /^deferred 451 4\.4\.3 /);
  assert.equal(await says("error:5.7.0:550 not from here"), "failed 550 5.7.0 not from here");
  assert.match(await route("x.example", { via: "esmtp:a b" }), /^deferred 451 4\.3\.5 config error/);
});

test("by DNS alone a loop is an error, and our own names have no entries", async () => {
  assert.match(
    await route("loops.example"),
    /^failed 553 5\.3\.5 loops\.example\. config error: mail loops back to me/,
  );
  assert.match(
    await route("here.example", { table: { ".": "esmtp:[hub.example]" } }),
    /^failed 553 5\.3\.5 /,
  );
  const table = tableOf({ ".": "esmtp:[hub.example]" });
  assert.equal(
    isInMailertable("far.example", table, (name) => name === "here.example"),
    true,
  );
  assert.equal(
    isInMailertable("here.example", table, (name) => name === "here.example"),
    false,
  );
});

test("the fallback MX comes last, and takes what a name server has no answer for", async () => {
  const fallbackMx = "backup.example";
  assert.equal(await route("far.example", { fallbackMx }), "esmtp far.example:25 backup.example:25");
  assert.equal(await route("late.example", { fallbackMx }), "esmtp backup.example:25");
  assert.match(await route("nowhere.example", { fallbackMx }), /^failed 550 5\.1\.2 /);
  assert.equal(await route("backup.example", { fallbackMx }), "esmtp backup.example:25");
  assert.equal(await route("far.example", { fallbackMx: "nowhere.example" }), "esmtp far.example:25");
});
