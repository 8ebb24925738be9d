import assert from "node:assert/strict";
import { test } from "node:test";
import type { AliasTarget } from "@mailhost/common/tables/aliases";
import { resolveRecipient } from "../../src/recipients/resolve.ts";

/** Aliases written as in the file: `\name` is final, what has an `@` is an address. */
function parts(aliases: Readonly<Record<string, string>>, accounts: readonly string[]) {
  const targets = (text: string): AliasTarget[] =>
    text.split(",").map((item) => {
      const name = item.trim();
      if (name.includes("@")) return { kind: "address", address: name };
      return { kind: "local", name: name.replace(/^\\/, ""), final: name.startsWith("\\") };
    });
  return {
    aliases: {
      file: "aliases",
      get: (name: string) => (Object.hasOwn(aliases, name) ? targets(aliases[name]!) : undefined),
      entries: () => Object.entries(aliases).map(([k, v]) => [k, targets(v)] as const),
    },
    accounts: {
      find: (name: string) =>
        accounts.includes(name.toLowerCase())
          ? { name: name.toLowerCase(), source: "file" as const }
          : undefined,
    },
    hostname: "mail.ours.test",
    isLocalDomain: (domain: string) => domain === "ours.test" || domain === "mail.ours.test",
  };
}

/** What an address becomes: `mailbox joe`, `remote x@y`, or the refusal. */
async function resolve(
  address: string,
  aliases: Readonly<Record<string, string>>,
  accounts: readonly string[],
): Promise<string[]> {
  const result = await resolveRecipient(address, parts(aliases, accounts));
  if (result.kind === "refused")
    return [`${result.reply.code} ${result.reply.enhanced} ${result.reply.text}`];
  return result.recipients.map((r) =>
    r.target.kind === "mailbox" ? `mailbox ${r.target.name}` : `remote ${r.address}`,
  );
}

test("accounts, without case; unknown users are refused", async () => {
  assert.deepEqual(await resolve("Joe@OURS.test", {}, ["joe"]), ["mailbox joe"]);
  assert.deepEqual(await resolve("nobody@ours.test", {}, ["joe"]), [
    "550 5.1.1 <nobody@ours.test>... User unknown",
  ]);
  assert.deepEqual(await resolve("x@other.test", {}, []), ["remote x@other.test"]);
});

test("the article's chain: MAILER-DAEMON, postmaster, root", async () => {
  const aliases = { "mailer-daemon": "postmaster", postmaster: "root" };
  assert.deepEqual(await resolve("MAILER-DAEMON@ours.test", aliases, ["root"]), ["mailbox root"]);
  assert.deepEqual(await resolve("postmaster", aliases, ["root"]), ["mailbox root"]);
});

test("postmaster and MAILER-DAEMON are root's without an alias", async () => {
  assert.deepEqual(await resolve("postmaster@ours.test", {}, ["root"]), ["mailbox root"]);
  assert.deepEqual(await resolve("mailer-daemon@ours.test", { root: "joe" }, ["joe"]), ["mailbox joe"]);
  assert.deepEqual(await resolve("postmaster", {}, []), ["550 5.1.1 <postmaster>... User unknown"]);
});

test("lists, remote members, everybody once", async () => {
  const aliases = { sales: "joe, amy, staff, x@other.test", staff: "amy, joe, X@OTHER.test, x@Other.Test" };
  assert.deepEqual(await resolve("sales@ours.test", aliases, ["joe", "amy"]), [
    "mailbox joe",
    "mailbox amy",
    "remote X@OTHER.test",
    "remote x@Other.Test",
  ]);
});

test("a name that lists itself is its own mailbox; \\name looks no further", async () => {
  assert.deepEqual(await resolve("root@ours.test", { root: "root, joe" }, ["root", "joe"]), [
    "mailbox root",
    "mailbox joe",
  ]);
  assert.deepEqual(await resolve("root@ours.test", { root: "\\root, joe", joe: "root" }, ["root", "joe"]), [
    "554 5.4.6 <root@ours.test>... Aliasing/forwarding loop broken",
  ]);
  assert.deepEqual(await resolve("joe@ours.test", { joe: "\\joe, x@other.test" }, ["joe"]), [
    "mailbox joe",
    "remote x@other.test",
  ]);
});

test("loops and endless chains are refused", async () => {
  assert.deepEqual(await resolve("a@ours.test", { a: "b", b: "a@ours.test" }, []), [
    "554 5.4.6 <a@ours.test>... Aliasing/forwarding loop broken",
  ]);
  assert.deepEqual(await resolve("a@ours.test", { a: "a" }, []), [
    "554 5.4.6 <a@ours.test>... Aliasing/forwarding loop broken",
  ]);
  const chain = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`a${i}`, `a${i + 1}`]));
  assert.deepEqual(await resolve("a0@ours.test", chain, ["a20"]), [
    "554 5.4.6 <a0@ours.test>... Too many aliases (10 deep)",
  ]);
  assert.deepEqual(await resolve("a11@ours.test", chain, ["a20"]), ["mailbox a20"]);
});

test("an alias of unknown names only is refused; in part unknown ones go on to be reported", async () => {
  assert.deepEqual(await resolve("a@ours.test", { a: "gone" }, []), [
    "550 5.1.1 <a@ours.test>... User unknown",
  ]);
  assert.deepEqual(await resolve("a@ours.test", { a: "gone, joe" }, ["joe"]), [
    "mailbox joe",
    "mailbox gone",
  ]);
});

test("+detail: the whole name first, then without", async () => {
  assert.deepEqual(await resolve("joe+lists@ours.test", {}, ["joe"]), ["mailbox joe"]);
  assert.deepEqual(await resolve("joe+lists@ours.test", { "joe+lists": "amy" }, ["joe", "amy"]), [
    "mailbox amy",
  ]);
  assert.deepEqual(
    await resolve("joe+lists@ours.test", { "joe+*": "amy", joe: "bob" }, ["joe", "amy", "bob"]),
    ["mailbox amy"],
  );
  assert.deepEqual(await resolve("joe+lists@ours.test", { joe: "bob" }, ["joe", "bob"]), ["mailbox bob"]);
});

test("names of a route are no users", async () => {
  for (const name of [
    "x%y.test@ours.test",
    "y.test!x@ours.test",
    '"x@y.test"@ours.test',
    "/etc/passwd",
    "|prog",
    "constructor",
  ]) {
    assert.match((await resolve(name, {}, ["joe"]))[0]!, /^550 5\.1\.1 .*User unknown$/, name);
  }
});
