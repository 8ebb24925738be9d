import assert from "node:assert/strict";
import { test } from "node:test";
import { DnsError, type MxRecord, type Resolver } from "../../src/dns/resolver.ts";
import { findRoute, type Route } from "../../src/route/route.ts";

interface Zone {
  readonly [name: string]: {
    readonly mx?: readonly (readonly [number, string])[];
    readonly a?: readonly string[];
    readonly aaaa?: readonly string[];
    readonly fails?: true;
  };
}

function resolverOf(zone: Zone): Resolver {
  const records = (name: string) => {
    const entry = zone[name];
    if (entry === undefined) throw new DnsError("absent", name);
    if (entry.fails === true) throw new DnsError("temporary", name);
    return entry;
  };
  return {
    mx: async (name) =>
      (records(name).mx ?? []).map(([preference, exchange]): MxRecord => ({ preference, exchange })),
    a: async (name) => [...(records(name).a ?? [])],
    aaaa: async (name) => [...(records(name).aaaa ?? [])],
    ptr: async () => [],
  };
}

const article: Zone = {
  "linuxaid.com.cn": {
    mx: [
      [20, "mail1.linuxaid.com.cn"],
      [10, "mail.linuxaid.com.cn"],
    ],
  },
  "mail.linuxaid.com.cn": { a: ["202.99.11.120"] },
  "mail1.linuxaid.com.cn": { a: ["202.99.11.121"], aaaa: ["2001:db8::121"] },
  "same.example": {
    mx: [
      [10, "MAIL.linuxaid.com.cn."],
      [20, "mail1.linuxaid.com.cn"],
    ],
  },
  "bare.example": { a: ["192.0.2.9"] },
  "empty.example": {},
  "null.example": { mx: [[0, ""]] },
  "broken.example": { fails: true },
  "half.example": {
    mx: [
      [5, "broken.example"],
      [7, "nowhere.example"],
      [10, "bare.example"],
    ],
  },
  "dead.example": {
    mx: [
      [5, "nowhere.example"],
      [6, "broken.example"],
    ],
  },
  "gone.example": { mx: [[5, "nowhere.example"]] },
  "xn--bcher-kva.example": { a: ["192.0.2.10"] },
};

interface Us {
  readonly names?: readonly string[];
  readonly addresses?: readonly string[];
  readonly smartHost?: string;
  readonly zone?: Zone;
  readonly shuffle?: <T>(items: readonly T[]) => T[];
}

function route(domain: string, us: Us = {}): Promise<Route> {
  return findRoute(
    { domain },
    {
      resolver: resolverOf(us.zone ?? article),
      relay: { port: 25, ...(us.smartHost === undefined ? {} : { smartHost: us.smartHost }) },
      isOurName: (name) => (us.names ?? []).includes(name),
      isOurAddress: (ip, port) => (us.addresses ?? []).includes(`${ip}:${port}`),
      shuffle: us.shuffle ?? ((items) => [...items]),
    },
  );
}

async function hosts(domain: string, us: Us = {}): Promise<string[]> {
  const found = await route(domain, us);
  assert.equal(found.kind, "hosts", JSON.stringify(found));
  return found.hosts.map(
    (host) => `${host.preference} ${host.name}:${host.port} ${host.addresses.join(" ")}`,
  );
}

async function reply(domain: string, us: Us = {}): Promise<string> {
  const found = await route(domain, us);
  assert.notEqual(found.kind, "hosts", JSON.stringify(found));
  if (found.kind === "hosts") return "";
  return `${found.kind} ${found.reply.code} ${found.reply.enhanced} ${found.reply.text}`;
}

test("the article's zone: MX 10 before MX 20, IPv4 and IPv6", async () => {
  assert.deepEqual(await hosts("linuxaid.com.cn"), [
    "10 mail.linuxaid.com.cn:25 202.99.11.120",
    "20 mail1.linuxaid.com.cn:25 202.99.11.121 2001:db8::121",
  ]);
});

test("a domain without MX is its own exchange", async () => {
  assert.deepEqual(await hosts("Bare.Example."), ["0 bare.example:25 192.0.2.9"]);
  assert.deepEqual(await hosts("bücher.example"), ["0 xn--bcher-kva.example:25 192.0.2.10"]);
});

test("the backup MX takes itself out, and with it everything that is no closer", async () => {
  const mail1 = { names: ["mail1.linuxaid.com.cn"] };
  assert.deepEqual(await hosts("linuxaid.com.cn", mail1), ["10 mail.linuxaid.com.cn:25 202.99.11.120"]);
  const byAddress = { addresses: ["2001:db8::121:25"] };
  assert.deepEqual(await hosts("linuxaid.com.cn", byAddress), ["10 mail.linuxaid.com.cn:25 202.99.11.120"]);
  const otherPort = { addresses: ["202.99.11.121:2525"] };
  assert.equal((await hosts("linuxaid.com.cn", otherPort)).length, 2, "another port is another host");
  const zone = {
    ...article,
    "x.example": {
      mx: [
        [5, "bare.example"],
        [10, "us.example"],
        [10, "mail.linuxaid.com.cn"],
      ],
    },
  } as Zone;
  assert.deepEqual(await hosts("x.example", { zone, names: ["us.example"] }), [
    "5 bare.example:25 192.0.2.9",
  ]);
});

test("being the best MX of a domain that is not ours is a loop", async () => {
  const loop = "failed 553 5.3.5 linuxaid.com.cn. config error: mail loops back to me (MX problem?)";
  assert.equal(await reply("linuxaid.com.cn", { names: ["mail.linuxaid.com.cn"] }), loop);
  assert.equal(await reply("linuxaid.com.cn", { addresses: ["202.99.11.120:25"] }), loop);
  assert.match(await reply("bare.example", { addresses: ["192.0.2.9:25"] }), /^failed 553 5\.3\.5 bare/);
  assert.match(await reply("[192.0.2.9]", { addresses: ["192.0.2.9:25"] }), /^failed 553 5\.3\.5/);
});

test("null MX, unknown domains and failing name servers", async () => {
  assert.match(await reply("null.example"), /^failed 556 5\.1\.10 /);
  assert.equal(
    await reply("nowhere.example"),
    "failed 550 5.1.2 Host unknown (Name server: nowhere.example: host not found)",
  );
  assert.match(await reply("empty.example"), /^failed 550 5\.1\.2 Host unknown/);
  assert.match(await reply("gone.example"), /^failed 550 5\.1\.2 .*nowhere\.example: host not found/);
  assert.equal(
    await reply("broken.example"),
    "deferred 451 4.4.3 Name server: broken.example: host name lookup failure",
  );
});

test("hosts without address are passed over; if none is left, the undecided ones decide", async () => {
  assert.deepEqual(await hosts("half.example"), ["10 bare.example:25 192.0.2.9"]);
  assert.match(await reply("dead.example"), /^deferred 451 4\.4\.3/);
});

test("one family's failure does not cost the other", async () => {
  const resolver = { ...resolverOf(article), aaaa: () => Promise.reject(new DnsError("temporary", "x")) };
  const relay = { port: 25 };
  const never = () => false;
  const found = await findRoute(
    { domain: "bare.example" },
    { resolver, relay, isOurName: never, isOurAddress: never },
  );
  assert.equal(found.kind, "hosts");
});

test("equal preferences are shuffled, others keep their order", async () => {
  const zone = {
    ...article,
    "eq.example": {
      mx: [
        [1, "mail.linuxaid.com.cn"],
        [1, "mail1.linuxaid.com.cn"],
        [0, "bare.example"],
      ],
    },
  } as Zone;
  const names = async (us: Us) => (await hosts("eq.example", { ...us, zone })).map((h) => h.split(/[ :]/)[1]);
  assert.deepEqual(await names({}), ["bare.example", "mail.linuxaid.com.cn", "mail1.linuxaid.com.cn"]);
  assert.deepEqual(await names({ shuffle: (items) => [...items].reverse() }), [
    "bare.example",
    "mail1.linuxaid.com.cn",
    "mail.linuxaid.com.cn",
  ]);
});

test("domains with the same MX hosts are the same destination", async () => {
  const keyOf = async (domain: string) => {
    const found = await route(domain);
    return found.kind === "hosts" ? found.key : "";
  };
  assert.equal(await keyOf("linuxaid.com.cn"), "10 mail.linuxaid.com.cn:25, 20 mail1.linuxaid.com.cn:25");
  assert.equal(await keyOf("same.example"), await keyOf("linuxaid.com.cn"));
  assert.notEqual(await keyOf("bare.example"), await keyOf("linuxaid.com.cn"));
});

test("address literals are called as they are", async () => {
  assert.deepEqual(await hosts("[192.0.2.1]"), ["0 [192.0.2.1]:25 192.0.2.1"]);
  assert.deepEqual(await hosts("[IPv6:2001:DB8::1]"), ["0 [IPv6:2001:DB8::1]:25 2001:db8::1"]);
  for (const bad of ["[192.0.2.300]", "[2001:db8::1]", "[]", "[IPv6:fe80::1%eth0]"]) {
    assert.match(await reply(bad), /^failed 553 5\.1\.3/, bad);
  }
});

test("a smart host takes everything", async () => {
  assert.deepEqual(await hosts("nowhere.example", { smartHost: "[bare.example]:587" }), [
    "0 bare.example:587 192.0.2.9",
  ]);
  assert.deepEqual(await hosts("[192.0.2.77]", { smartHost: "esmtp:[192.0.2.1]" }), [
    "0 [192.0.2.1]:25 192.0.2.1",
  ]);
  assert.deepEqual(await hosts("x.example", { smartHost: "192.0.2.1:26" }), ["0 [192.0.2.1]:26 192.0.2.1"]);
  assert.deepEqual(await hosts("x.example", { smartHost: "[2001:db8::1]:26" }), [
    "0 [2001:db8::1]:26 2001:db8::1",
  ]);
  assert.deepEqual((await hosts("x.example", { smartHost: "linuxaid.com.cn:26" })).length, 2);
});

test("a mistake in the smart host defers; it sends nothing back", async () => {
  assert.match(
    await reply("x.example", { smartHost: "nowhere.example" }),
    /^deferred 451 4\.3\.5 .*host not found/,
  );
  assert.match(await reply("x.example", { smartHost: "a b" }), /^deferred 451 4\.3\.5 config error/);
  assert.match(
    await reply("x.example", { smartHost: "[192.0.2.1]", addresses: ["192.0.2.1:25"] }),
    /^deferred 451 4\.3\.5 .*loops back/,
  );
});

test("a domain with hundreds of hosts and addresses is cut to size", async () => {
  const many = Array.from({ length: 300 }, (_, i) => [i, `h${i}.example`] as const);
  const zone: Zone = Object.fromEntries([
    ["many.example", { mx: many }],
    ...many.map(([i, name]) => [name, { a: Array.from({ length: 50 }, (_, n) => `10.${i % 250}.0.${n}`) }]),
  ]);
  const found = await route("many.example", { zone });
  assert.equal(found.kind, "hosts");
  assert.equal(found.hosts.length, 20);
  assert.ok(found.hosts.every((host) => host.addresses.length === 10));
  assert.ok(found.key.length <= 400);
});
