import { test } from "node:test";
import { type FakeHost, resolveOn, same } from "./fake-parts.ts";

const VIRTUAL: FakeHost = {
  accounts: ["joe", "amy", "far"],
  aliases: { list: "joe, x@other.test" },
  virtualDomains: ["virt.test"],
  virtusertable: {
    "info@virt.test": "joe",
    "info@ours.test": "amy",
    "gone@virt.test": "error:nouser 550 No such user here",
    "moved@virt.test": "error:5.1.6:551 moved to another house",
    "@ours.test": "%1@virt.test",
    "det@virt.test": "joe+%2",
    "swap@virt.test": "swap2@virt.test",
    "swap2@virt.test": "swap@virt.test",
    "list@virt.test": "list",
    "far@virt.test": "far@other.test",
    "prog@virt.test": "|/bin/cat",
    "lost@virt.test": "nobody",
    "nobody@ours.test": "nobody",
  },
};

test("virtusertable: of our domains and the virtual ones, before aliases, chains and circles", async () => {
  const on = (address: string) => resolveOn(VIRTUAL, address);
  await same(on("info@virt.test"), ["mailbox joe"]);
  await same(on("info@ours.test"), ["mailbox amy"]);
  await same(on("gone@virt.test"), ["550 5.0.0 <gone@virt.test>... No such user here"]);
  await same(on("moved@virt.test"), ["551 5.1.6 moved to another house"]);
  await same(on("far@ours.test"), ["remote far@other.test"]);
  await same(on("det+x@virt.test"), ["mailbox joe detail x"]);
  await same(on("list@virt.test"), ["mailbox joe", "remote x@other.test"]);
  await same(on("swap@virt.test"), ["554 5.0.0 rewrite: excessive recursion (max 50), ruleset canonify"]);
  await same(on("prog@virt.test"), ["550 5.7.1 <prog@virt.test>... Cannot mail directly to programs"]);
  await same(on("lost@virt.test"), ["550 5.1.1 <lost@virt.test>... User unknown"]);
  await same(on("zed@virt.test"), ["remote zed@virt.test"]);
  // A name without a domain is no address of the table.
  await same(on("info"), ["550 5.1.1 <info>... User unknown"]);
});

test("virtusertable: a mailbox may have any name, that of an outcome too", async () => {
  const host: FakeHost = { ...VIRTUAL, accounts: ["refused"], virtusertable: { "a@virt.test": "refused" } };
  await same(resolveOn(host, "a@virt.test"), ["mailbox refused"]);
});

test("virtusertable: sub-domains only where virtuser_entire_domain says so", async () => {
  const host = { ...VIRTUAL, virtusertable: { "a@sub.virt.test": "joe" } };
  await same(resolveOn(host, "a@sub.virt.test"), ["remote a@sub.virt.test"]);
  await same(resolveOn({ ...host, virtualEntire: true }, "a@sub.virt.test"), ["mailbox joe"]);
});

test("mailertable: local and error here, hosts at delivery, nothing for our own domains", async () => {
  const host: FakeHost = {
    accounts: ["joe"],
    mailertable: {
      "loc.test": "local:",
      "locu.test": "local:joe",
      "err.test": "error:5.7.1:550 go away",
      ".sub.test": "esmtp:[hub.test]",
      "ours.test": "error:5.7.1:550 never",
    },
  };
  const on = (address: string) => resolveOn(host, address);
  await same(on("joe@loc.test"), ["mailbox joe"]);
  await same(on("u@loc.test"), ["550 5.1.1 <u@loc.test>... User unknown"]);
  await same(on("u@locu.test"), ["mailbox joe"]);
  await same(on("u@err.test"), ["550 5.7.1 <u@err.test>... go away"]);
  await same(on("u@a.sub.test"), ["remote u@a.sub.test"]);
  await same(on("joe@ours.test"), ["mailbox joe"]);
});

test("domaintable: an old name of ours, of another host, of a virtual domain", async () => {
  const host = {
    ...VIRTUAL,
    domaintable: { "old.test": "ours.test", "oldr.test": "other.test", "oldv.test": "virt.test" },
  };
  await same(resolveOn(host, "info@old.test"), ["mailbox amy"]);
  await same(resolveOn(host, "u@OLDR.test"), ["remote u@other.test"]);
  await same(resolveOn(host, "info@oldv.test"), ["mailbox joe"]);
});

test("LUSER_RELAY takes the names that nobody has", async () => {
  const host = { accounts: ["joe", "amy"], aliases: { list: "joe, gone" } };
  const on = (luserRelay: string, address: string) =>
    resolveOn({ ...host, routing: { luserRelay } }, address);
  await same(on("relay.test", "joe"), ["mailbox joe"]);
  await same(on("relay.test", "gone+d@ours.test"), ["remote gone+d@relay.test via relay:relay.test"]);
  await same(on("relay.test", "list"), ["mailbox joe", "remote gone@relay.test via relay:relay.test"]);
  await same(on("esmtp:catch@[relay.test]", "gone"), ["remote catch@[relay.test] via esmtp:[relay.test]"]);
  await same(on("local:amy", "gone"), ["mailbox amy"]);
  await same(on("local:nobody", "gone"), ["550 5.1.1 <gone>... User unknown"]);
  await same(on("error:5.1.1:550 no such thing", "gone"), ["550 5.1.1 <gone>... no such thing"]);
  await same(on("ours.test", "gone"), ["550 5.1.1 <gone>... User unknown"]);
});

test("MAIL_HUB and LOCAL_RELAY take everything local but LOCAL_USERs, after aliases", async () => {
  const host = { accounts: ["joe", "bob"], aliases: { "bob+x": "joe" } };
  const hub = { ...host, routing: { mailHub: "esmtp:[hub.test]", localUsers: ["bob"] } };
  await same(resolveOn(hub, "joe@ours.test"), ["remote joe@[hub.test] via esmtp:[hub.test]"]);
  await same(resolveOn(hub, "nobody"), ["remote nobody@[hub.test] via esmtp:[hub.test]"]);
  await same(resolveOn(hub, "bob"), ["mailbox bob"]);
  await same(resolveOn(hub, "bob+y"), ["remote bob+y@[hub.test] via esmtp:[hub.test]"]);
  await same(resolveOn(hub, "bob+x"), ["remote joe@[hub.test] via esmtp:[hub.test]"]);
  await same(resolveOn(hub, "x@other.test"), ["remote x@other.test"]);
  await same(resolveOn({ ...host, routing: { localRelay: "relay.test" } }, "joe"), [
    "remote joe@relay.test via relay:relay.test",
  ]);
});

test("nullclient sends everything to the hub", async () => {
  const host = { accounts: ["joe"], aliases: { list: "joe" }, routing: { nullClient: "hub.test" } };
  await same(resolveOn(host, "list@ours.test"), ["remote list@hub.test via relay:hub.test"]);
  await same(resolveOn(host, "joe"), ["remote joe@hub.test via relay:hub.test"]);
  await same(resolveOn(host, "x@other.test"), ["remote x@other.test via relay:hub.test"]);
});

test(".REDIRECT tells of the new address", async () => {
  const host = { aliases: { moved: "new@other.test.REDIRECT" }, routing: { redirect: true } };
  const answer = ["551 5.1.1 User has moved; please try <new@other.test>"];
  await same(resolveOn(host, "moved"), answer);
  await same(resolveOn(host, "new@other.test.redirect"), answer);
  await same(resolveOn({ ...host, routing: {} }, "moved"), ["remote new@other.test.REDIRECT"]);
});

test("preserve_local_plus_detail: user+detail is a name of its own", async () => {
  const host = {
    accounts: ["joe", "joe+x"],
    aliases: { "bob+x": "joe", bob: "joe" },
    local: { preservePlusDetail: true },
  };
  await same(resolveOn(host, "joe+d"), ["550 5.1.1 <joe+d>... User unknown"]);
  await same(resolveOn(host, "joe+x"), ["mailbox joe+x"]);
  await same(resolveOn(host, "bob+y"), ["550 5.1.1 <bob+y>... User unknown"]);
  await same(resolveOn(host, "bob+x"), ["mailbox joe"]);
});

test("a quoted local part stays one: its @ leads nowhere, through whatever table or hub it goes", async () => {
  const evil = '"victim@evil.test"';
  const virtual = { virtualDomains: ["virt.test"], virtusertable: { "@virt.test": "%1" } };
  await same(resolveOn(virtual, `${evil}@virt.test`), [`550 5.1.1 <${evil}@virt.test>... User unknown`]);
  const elsewhere = { ...virtual, virtusertable: { "@virt.test": "%1@other.test" } };
  await same(resolveOn(elsewhere, `${evil}@virt.test`), [`remote ${evil}@other.test`]);
  for (const routing of [
    { luserRelay: "hub.test" },
    { mailHub: "hub.test" },
    { localRelay: "hub.test" },
    { nullClient: "hub.test" },
  ]) {
    await same(resolveOn({ routing }, `${evil}@ours.test`), [`remote ${evil}@hub.test via relay:hub.test`]);
    await same(resolveOn({ routing }, '"a b> NOTIFY=NEVER"@ours.test'), [
      routing.nullClient === undefined
        ? 'remote "a b> notify=never"@hub.test via relay:hub.test'
        : 'remote "a b> NOTIFY=NEVER"@hub.test via relay:hub.test',
    ]);
    await same(resolveOn({ routing }, "plain@ours.test"), ["remote plain@hub.test via relay:hub.test"]);
  }
});
