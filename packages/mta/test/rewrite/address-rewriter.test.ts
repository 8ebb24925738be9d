import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { joinAddress, splitAddress } from "@mailhost/common/address";
import { parseSettings } from "@mailhost/common/settings/load";
import type { Table } from "@mailhost/common/tables/table";
import { createAddressRewriter, type Use } from "../../src/rewrite/address-rewriter.ts";

const GENERICS = {
  joe: "joe.doe",
  "ann@gen.example": "ann@public.example",
  "sue+x@gen.example": "sue.x@public.example",
  "@gen.example": "%1.any@public.example",
  bob: "bob@else.example",
  "rob+*@gen.example": "rob.%1@public.example",
};
const DOMAINS = { "old.example": "corp.example", "old2.example": "gen.example" };
const FEATURES = `hostname: mail.corp.example
rewrite:
  masqueradeAs: corp.example
  masqueradeDomains: [lan.example]
  masqueradeExceptions: [keep.lan.example]
  masqueradeEntireDomain: true
  exposedUsers: [root]
  alwaysAddDomain: true
`;

/** What a real Sendmail 8.17 answers to `/try` with the same features and tables. */
const SENDMAIL: readonly (readonly [use: string, address: string, becomes: string])[] = [
  ["header sender smtp", "bob", "bob@else.example"],
  ["header sender smtp", "joe", "joe.doe@corp.example"],
  ["header sender smtp", "joe@mail.corp.example", "joe.doe@corp.example"],
  ["header sender smtp", "zed@gen.example", "zed.any@public.example"],
  ["header sender smtp", "ann@gen.example", "ann@public.example"],
  ["header sender smtp", "ann+d@gen.example", "ann@public.example"],
  ["header sender smtp", "sue+x@gen.example", "sue.x@public.example"],
  ["header sender smtp", "rob+k@gen.example", "rob.k@public.example"],
  ["header sender smtp", "root", "root@mail.corp.example"],
  ["header sender smtp", "root@host.lan.example", "root@host.lan.example"],
  ["header sender smtp", "joe@host.lan.example", "joe@corp.example"],
  ["header sender smtp", "joe@keep.lan.example", "joe@keep.lan.example"],
  ["header sender smtp", "joe@else.example", "joe@else.example"],
  ["header sender smtp", "joe@old.example", "joe@corp.example"],
  ["header sender smtp", "ann@old2.example", "ann@public.example"],
  ["header sender smtp", "Root@host.lan.example", "Root@host.lan.example"],
  ["header sender smtp", "zed", "zed@corp.example"],
  ["header sender smtp", "bob@gen.example", "bob.any@public.example"],
  ["header sender local", "zed", "zed@corp.example"],
  ["header sender local", "ann@gen.example", "ann@public.example"],
  ["header recipient smtp", "zed", "zed@mail.corp.example"],
  ["header recipient smtp", "joe@lan.example", "joe@lan.example"],
  ["header recipient local", "zed", "zed@mail.corp.example"],
  ["envelope sender smtp", "joe@lan.example", "joe@lan.example"],
  ["envelope sender smtp", "ann@gen.example", "ann@gen.example"],
];

function tableOf(entries: Readonly<Record<string, string>>): Table {
  return {
    file: "table",
    get: (key) => (Object.hasOwn(entries, key) ? entries[key] : undefined),
    entries: () => Object.entries(entries),
  };
}

function rewriterOf(yaml: string, generics = {}, generic: readonly string[] = [], domains = {}) {
  const rewrite = createAddressRewriter({
    settings: parseSettings(yaml, "f"),
    tables: {
      genericstable: tableOf(generics),
      domaintable: tableOf(domains),
      genericsDomains: { file: "", has: (domain) => generic.includes(domain), entries: () => generic },
    },
    isOurName: (name) => name === "mail.corp.example" || name === "corp.example",
  });
  return (use: string, address: string) => {
    const [part, role, mailer] = use.split(" ") as [Use["in"], Use["role"], Use["mailer"]];
    const { localPart, domain } = splitAddress(address);
    return joinAddress(rewrite({ localPart, domain }, { in: part, role, mailer, qualify: true }));
  };
}

describe("as Sendmail rewrites", () => {
  const rewrite = rewriterOf(FEATURES, GENERICS, ["mail.corp.example", "gen.example"], DOMAINS);
  for (const [use, address, becomes] of SENDMAIL) {
    test(`${use}: ${address} becomes ${becomes}`, () => assert.equal(rewrite(use, address), becomes));
  }
});

test("with no feature only what has no domain gets ours, and only on its way out", () => {
  const rewrite = rewriterOf("hostname: mail.corp.example\n");
  assert.equal(rewrite("header sender smtp", "joe"), "joe@mail.corp.example");
  assert.equal(rewrite("header sender local", "joe"), "joe");
  assert.equal(rewrite("header sender smtp", "joe@corp.example"), "joe@corp.example");
});

test("masquerade_envelope, allmasquerade, limited_masquerade and local_no_masquerade", () => {
  const all = rewriterOf(
    "hostname: mail.corp.example\nrewrite: {masqueradeAs: corp.example, masqueradeEnvelope: true, allMasquerade: true}\n",
  );
  assert.equal(all("envelope sender smtp", "joe@mail.corp.example"), "joe@corp.example");
  assert.equal(all("header recipient smtp", "joe@mail.corp.example"), "joe@corp.example");
  assert.equal(all("envelope recipient smtp", "joe@mail.corp.example"), "joe@mail.corp.example");
  const limited = rewriterOf(
    "hostname: mail.corp.example\nrewrite: {masqueradeAs: corp.example, limitedMasquerade: true, localNoMasquerade: true}\n",
  );
  assert.equal(limited("header sender smtp", "joe@mail.corp.example"), "joe@mail.corp.example");
  assert.equal(limited("header sender smtp", "joe"), "joe@corp.example");
  assert.equal(limited("header sender local", "joe@mail.corp.example"), "joe@mail.corp.example");
});

test("a null client's senders have its hub's name, in the envelope too", () => {
  const rewrite = rewriterOf("hostname: mail.corp.example\nrouting: {nullClient: hub.corp.example}\n");
  assert.equal(rewrite("header sender smtp", "joe@mail.corp.example"), "joe@hub.corp.example");
  assert.equal(rewrite("envelope sender smtp", "joe@mail.corp.example"), "joe@hub.corp.example");
});
