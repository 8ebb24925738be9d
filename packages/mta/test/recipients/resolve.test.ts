import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveOn, same } from "./fake-parts.ts";

function resolve(
  address: string,
  aliases: Readonly<Record<string, string>>,
  accounts: readonly string[],
): Promise<string[]> {
  return resolveOn({ aliases, accounts }, address);
}

test("accounts, without case; unknown users are refused", async () => {
  await same(resolve("Joe@OURS.test", {}, ["joe"]), ["mailbox joe"]);
  await same(resolve("nobody@ours.test", {}, ["joe"]), ["550 5.1.1 <nobody@ours.test>... User unknown"]);
  await same(resolve("x@other.test", {}, []), ["remote x@other.test"]);
});

test("the article's chain: MAILER-DAEMON, postmaster, root", async () => {
  const aliases = { "mailer-daemon": "postmaster", postmaster: "root" };
  await same(resolve("MAILER-DAEMON@ours.test", aliases, ["root"]), ["mailbox root"]);
  await same(resolve("postmaster", aliases, ["root"]), ["mailbox root"]);
});

test("postmaster and MAILER-DAEMON are root's without an alias", async () => {
  await same(resolve("postmaster@ours.test", {}, ["root"]), ["mailbox root"]);
  await same(resolve("mailer-daemon@ours.test", { root: "joe" }, ["joe"]), ["mailbox joe"]);
  await same(resolve("postmaster", {}, []), ["550 5.1.1 <postmaster>... User unknown"]);
});

test("lists, remote members, everybody once", async () => {
  const aliases = { sales: "joe, amy, staff, x@other.test", staff: "amy, joe, X@OTHER.test, x@Other.Test" };
  await same(resolve("sales@ours.test", aliases, ["joe", "amy"]), [
    "mailbox joe",
    "mailbox amy",
    "remote X@OTHER.test",
    "remote x@other.test",
  ]);
});

test("a name that lists itself is its own mailbox; \\name looks no further", async () => {
  await same(resolve("root@ours.test", { root: "root, joe" }, ["root", "joe"]), [
    "mailbox root",
    "mailbox joe",
  ]);
  await same(resolve("root@ours.test", { root: "\\root, joe", joe: "root" }, ["root", "joe"]), [
    "mailbox root",
  ]);
  await same(resolve("joe@ours.test", { joe: "\\joe, x@other.test" }, ["joe"]), [
    "mailbox joe",
    "remote x@other.test",
  ]);
});

test("a circle ends at whoever of it has a mailbox", async () => {
  await same(resolve("joe@ours.test", { joe: "amy", amy: "joe" }, ["joe", "amy"]), ["mailbox joe"]);
  await same(resolve("a@ours.test", { a: "joe", joe: "a" }, ["joe"]), ["mailbox joe"]);
});

test("loops and endless chains are refused", async () => {
  await same(resolve("a@ours.test", { a: "b", b: "a@ours.test" }, []), [
    "554 5.4.6 aliasing/forwarding loop broken",
  ]);
  await same(resolve("a@ours.test", { a: "a" }, []), ["550 5.1.1 a... User unknown"]);
  const chain = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`a${i}`, `a${i + 1}`]));
  await same(resolve("a0@ours.test", chain, ["a20"]), [
    "554 5.4.6 aliasing/forwarding loop broken (11 aliases deep; 10 max)",
  ]);
  await same(resolve("a11@ours.test", chain, ["a20"]), ["mailbox a20"]);
});

test("an alias of unknown names only is refused; in part unknown ones go on to be reported", async () => {
  await same(resolve("a@ours.test", { a: "gone" }, []), ["550 5.1.1 gone... User unknown"]);
  await same(resolve("a@ours.test", { a: "gone, joe" }, ["joe"]), [
    "mailbox joe",
    "error 550 5.1.1 gone... User unknown",
  ]);
});

test("+detail: the whole name first, then without", async () => {
  await same(resolve("joe+lists@ours.test", {}, ["joe"]), ["mailbox joe detail lists"]);
  await same(resolve("joe+lists@ours.test", { "joe+lists": "amy" }, ["joe", "amy"]), ["mailbox amy"]);
  assert.deepEqual(
    await resolve("joe+lists@ours.test", { "joe+*": "amy", joe: "bob" }, ["joe", "amy", "bob"]),
    ["mailbox amy"],
  );
  await same(resolve("joe+lists@ours.test", { joe: "bob" }, ["joe", "bob"]), ["mailbox bob"]);
});

test("names of a route are no users", async () => {
  for (const name of ["x%y.test@ours.test", "y.test!x@ours.test", '"x@y.test"@ours.test', "constructor"]) {
    assert.match((await resolve(name, {}, ["joe"]))[0]!, /^550 5\.1\.1 .*User unknown$/, name);
  }
});

test("programs, files and lists are for aliases, not for clients", async () => {
  for (const [name, kind] of [
    ["|/bin/cat", "programs"],
    ['"|/bin/cat"@ours.test', "programs"],
    ["/etc/passwd", "files"],
    ["/etc/passwd@ours.test", "files"],
    [":include:/etc/passwd", ":include:s"],
    ['":Include:/etc/passwd"@mail.ours.test', ":include:s"],
  ] as const) {
    await same(resolve(name, {}, ["joe"]), [`550 5.7.1 <${name}>... Cannot mail directly to ${kind}`]);
  }
});
