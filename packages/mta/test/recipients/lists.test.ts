import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_LIST_BYTES, MAX_TARGETS } from "../../src/recipients/expansion.ts";
import { resolveOn, same, user } from "./fake-parts.ts";

const joe = user("joe", 2001);
const amy = user("amy", 2002);
const bob = user("bob", 2003);

test("programs, files and lists in files, as aliases write them", async () => {
  const host = {
    accounts: [joe, amy],
    aliases: {
      all: 'joe, "|/bin/cat -x, y", /var/log/all, :include: /etc/mail/lists/all',
      bar: '|"/bin/echo a, b"',
    },
    files: {
      "/etc/mail/lists/all":
        "# members\namy, joe\nx@other.test (his)\n\nFull Name <y@other.test>\n|/bin/true\n",
    },
  };
  await same(resolveOn(host, "all"), [
    "mailbox joe",
    "program |/bin/cat -x, y as default",
    "file /var/log/all as default",
    "mailbox amy",
    "remote x@other.test",
    "remote y@other.test",
    "program |/bin/true as default",
  ]);
  await same(resolveOn(host, "bar"), ["program |/bin/echo a, b as default"]);
});

test("a list that cannot be read: refused alone, reported beside others, waited for when it may come back", async () => {
  const aliases = {
    gone: ":include:/lists/gone",
    both: "joe, :include:/lists/gone",
    nfs: "joe, :include:/lists/nfs",
  };
  const files = { "/lists/nfs": { kind: "later", reason: "open timeout" } as const };
  const host = { aliases, files, accounts: [joe] };
  const missing = "550 5.2.4 :include:/lists/gone... Cannot open /lists/gone: No such file or directory";
  await same(resolveOn(host, "gone"), [missing]);
  await same(resolveOn(host, "both"), ["mailbox joe", `error ${missing}`]);
  await same(resolveOn(host, "nfs"), [
    "451 4.2.4 :include:/lists/nfs... Cannot open /lists/nfs: open timeout",
  ]);
});

test("lists within lists; one that includes itself is a loop; programs run as the list's owner", async () => {
  const host = {
    accounts: [joe, amy],
    aliases: { a: ":include:/users/joe/list", loop: ":include:/l1" },
    files: {
      "/users/joe/list": ":include:/users/joe/more\n|mine\n",
      "/users/joe/more": "amy\n/users/joe/archive\n",
      "/l1": ":include:/l2",
      "/l2": ":include:/l1",
    },
  };
  await same(resolveOn(host, "a"), ["mailbox amy", "file /users/joe/archive as joe", "program |mine as joe"]);
  await same(resolveOn(host, "loop"), ["554 5.4.6 aliasing/forwarding loop broken"]);
});

test("a user's .forward has nobody else's file read as that other's commands, nor a root's as the default user's", async () => {
  const owned = (uid: number, text: string) => ({ kind: "text", text, bytes: text.length, uid }) as const;
  const host = {
    accounts: [joe, bob, user("nix", 2004, "/usr/sbin/nologin")],
    aliases: { bobs: ":include:/users/bob/list" },
    files: {
      "/users/joe/.forward": ":include:/users/bob/mbox\n:include:/var/log/messages\n",
      "/users/nix/.forward": ":include:/users/bob/mbox\n",
      "/users/bob/mbox": owned(2003, "|evil one\n"),
      "/users/bob/list": owned(2003, "|his own\n"),
      "/var/log/messages": owned(0, "|evil two\n/etc/evil\n"),
    },
  };
  await same(resolveOn(host, "joe"), [
    "program |evil one as joe",
    "program |evil two as joe",
    "file /etc/evil as joe",
  ]);
  await same(resolveOn(host, "nix"), [
    "550 5.7.1 |evil one... User nix@mail.ours.test doesn't have a valid shell for mailing to programs",
  ]);
  await same(resolveOn(host, "bobs"), ["program |his own as bob"]);
});

test("a list that leads to itself through its owner is known", async () => {
  const host = {
    accounts: [joe],
    aliases: {
      list: "x@far.test",
      "owner-list": "LIST",
      crew: "y@far.test",
      "owner-crew": "boss",
      boss: "crew, joe",
      "owner-owner": "joe, z@far.test",
      sound: "joe",
      "owner-sound": "list@far.test",
    },
  };
  await same(resolveOn(host, "list"), ["remote x@far.test from list@mail.ours.test itself"]);
  // What the owner is sent comes by way of the owner.
  await same(resolveOn(host, "crew"), ["remote y@far.test from boss@mail.ours.test"]);
  await same(resolveOn(host, "boss"), ["mailbox joe", "remote y@far.test from boss@mail.ours.test itself"]);
  await same(resolveOn(host, "owner-owner"), [
    "mailbox joe from owner-owner@mail.ours.test itself",
    "remote z@far.test from owner-owner@mail.ours.test itself",
  ]);
  await same(resolveOn(host, "sound"), ["mailbox joe from list@far.test"]);
});

test("owners: one address is the sender, else owner-list; the nearest list counts; owners of owners", async () => {
  const host = {
    accounts: [joe, bob],
    aliases: {
      one: "joe, x@y.test",
      "owner-one": "bob",
      many: "joe",
      "owner-many": "bob, joe",
      far: "joe",
      "owner-far": "Boss <boss@far.test>",
      prog: "joe",
      "owner-prog": "|/bin/cat",
      outer: "bob, inner",
      "owner-outer": "out@o.test",
      inner: "joe",
      "owner-inner": "in@o.test",
      bare: "inner",
      "owner-owner": "root@o.test",
      "bare-request": "joe",
      no: "joe",
    },
  };
  await same(resolveOn(host, "one"), [
    "mailbox joe from bob@mail.ours.test",
    "remote x@y.test from bob@mail.ours.test",
  ]);
  await same(resolveOn(host, "many"), ["mailbox joe from owner-many@mail.ours.test"]);
  await same(resolveOn(host, "far"), ["mailbox joe from boss@far.test"]);
  await same(resolveOn(host, "prog"), ["mailbox joe from owner-prog@mail.ours.test"]);
  await same(resolveOn(host, "outer"), ["mailbox bob from out@o.test", "mailbox joe from in@o.test"]);
  await same(resolveOn(host, "owner-one"), ["mailbox bob from root@o.test"]);
  await same(resolveOn(host, "bare-request"), ["mailbox joe from root@o.test"]);
  await same(resolveOn(host, "no"), ["mailbox joe"]);
});

test(".forward: elsewhere, with a copy, by name, to a program; the alias comes first", async () => {
  const forward = (text: string) => ({ accounts: [joe, amy], files: { "/users/joe/.forward": text } });
  await same(resolveOn(forward("x@other.test\n"), "joe"), ["remote x@other.test"]);
  await same(resolveOn(forward("\\joe, x@other.test\n"), "joe"), ["mailbox joe", "remote x@other.test"]);
  await same(resolveOn(forward("joe@ours.test\nx@other.test\n"), "joe"), [
    "mailbox joe",
    "remote x@other.test",
  ]);
  await same(resolveOn(forward('\\joe, "|/usr/bin/vacation joe"\n/users/joe/all'), "joe"), [
    "mailbox joe",
    "program |/usr/bin/vacation joe as joe",
    "file /users/joe/all as joe",
  ]);
  await same(resolveOn(forward('"\\joe", "|exit 75"'), "joe"), ["mailbox joe", "program |exit 75 as joe"]);
  await same(resolveOn(forward("# nothing\n\n"), "joe"), ["mailbox joe"]);
  await same(resolveOn(forward("x@other.test"), "\\joe"), ["mailbox joe"]);
  await same(resolveOn({ ...forward("x@other.test"), aliases: { joe: "amy" } }, "joe"), ["mailbox amy"]);
  await same(resolveOn({ ...forward("x@other.test"), aliases: { k: "joe" } }, "k"), ["remote x@other.test"]);
  await same(resolveOn({ ...forward("x@other.test"), local: { forwardPath: [] } }, "joe"), ["mailbox joe"]);
});

test(".forward: the path's macros, and the detail that chooses a file", async () => {
  const host = {
    accounts: [joe],
    local: { forwardPath: ["/fw/$u.$w.$j", "$z/.forward+$h", "$z/.forward"] },
    files: { "/users/joe/.forward+lists": "l@x.test", "/users/joe/.forward": "all@x.test" },
  };
  await same(resolveOn(host, "joe+lists"), ["remote l@x.test"]);
  await same(resolveOn(host, "joe+other"), ["remote all@x.test"]);
  await same(resolveOn(host, "joe+../../etc/x"), ["remote all@x.test"]);
  assert.deepEqual(
    await resolveOn({ ...host, files: { "/fw/joe.mail.mail.ours.test": "f@x.test" } }, "joe"),
    ["remote f@x.test"],
  );
});

test(".forward: one that may not be used is passed over, and the log says why", async () => {
  const log: string[] = [];
  const refused = { kind: "refused", reason: "Group writable file" } as const;
  const host = { accounts: [joe], files: { "/users/joe/.forward": refused }, log };
  await same(resolveOn(host, "joe"), ["mailbox joe"]);
  assert.deepEqual(log, ["forward /users/joe/.forward: Group writable file"]);
});

test(".forward: a home that is away makes the recipient wait", async () => {
  const files = { "/users/joe/.forward": { kind: "later", reason: "open timeout" } as const };
  await same(resolveOn({ accounts: [joe], files }, "joe"), [
    "451 4.3.0 <joe>... transient .forward open error",
  ]);
});

test(".forward: nobody without a login shell runs programs or writes files", async () => {
  const host = {
    accounts: [user("box", 2009, "/usr/sbin/nologin")],
    files: { "/users/box/.forward": "|/bin/cat\n\\box\n/users/box/all\n" },
  };
  await same(resolveOn(host, "box"), [
    "mailbox box",
    "error 550 5.7.1 |/bin/cat... User box@mail.ours.test doesn't have a valid shell for mailing to programs",
    "error 550 5.7.1 /users/box/all... User box@mail.ours.test doesn't have a valid shell for mailing to files",
  ]);
});

test(".forward: circles of users lose nothing", async () => {
  const accounts = [joe, amy, bob];
  const files = (map: Record<string, string>) =>
    Object.fromEntries(Object.entries(map).map(([name, text]) => [`/users/${name}/.forward`, text]));
  const three = { accounts, files: files({ joe: "amy", amy: "bob", bob: "joe" }) };
  await same(resolveOn(three, "joe"), ["mailbox joe", "mailbox bob"]);
  await same(resolveOn(three, "amy"), ["mailbox amy", "mailbox joe"]);
  const two = { accounts, files: files({ joe: "amy, x@a.test", amy: "joe" }) };
  await same(resolveOn(two, "joe"), ["mailbox joe", "mailbox amy", "remote x@a.test"]);
  await same(resolveOn(two, "amy"), ["mailbox amy", "remote x@a.test"]);
  const overAlias = { accounts, aliases: { k1: "k2", k2: "joe" }, files: files({ joe: "k1" }) };
  await same(resolveOn(overAlias, "joe"), ["mailbox joe"]);
});

test("members of a file that are none: each is reported, the others get the message", async () => {
  const host = {
    accounts: [joe],
    aliases: { list: ":include:/l" },
    files: { "/l": "joe # a comment\njoe\na b@x.test\nnobody\n(open\n" },
  };
  await same(resolveOn(host, "list"), [
    "mailbox joe",
    "error 550 5.1.1 joe # a comment... User unknown",
    "error 553 5.1.3 a b@x.test... Invalid route address",
    "error 550 5.1.1 nobody... User unknown",
    "error 553 5.1.3 ... unbalanced quotes, brackets or parentheses",
  ]);
});

test("bounds: members, octets", async () => {
  const members = Array.from({ length: MAX_TARGETS + 1 }, (_, i) => `u${i}@x.test`).join("\n");
  const huge = "#".repeat(MAX_LIST_BYTES / 2 + 1);
  const host = {
    aliases: { a: ":include:/a", b: ":include:/b1, :include:/b2" },
    files: { "/a": members, "/b1": huge, "/b2": huge },
  };
  await same(resolveOn(host, "a"), [`554 5.4.6 Alias has more than ${MAX_TARGETS} addresses`]);
  await same(resolveOn(host, "b"), [`554 5.4.6 Lists hold more than ${MAX_LIST_BYTES} octets`]);
});

test("the last member is looked at first: whose owner counts, whose refusal the client hears", async () => {
  const host = {
    accounts: [bob],
    aliases: {
      all: "one, two",
      one: "bob",
      "owner-one": "o1@x.test",
      two: "bob",
      "owner-two": "o2@x.test",
      none: "gone1, gone2",
      lines: ":include:/l",
    },
    files: { "/l": "gone1, gone2\ngone3\n" },
  };
  await same(resolveOn(host, "all"), ["mailbox bob from o2@x.test"]);
  await same(resolveOn(host, "none"), ["550 5.1.1 gone2... User unknown"]);
  await same(resolveOn(host, "lines"), ["550 5.1.1 gone2... User unknown"]);
});

test("trace hears of every step", async () => {
  const steps: string[] = [];
  const host = {
    accounts: [joe],
    aliases: { list: ":include:/l", "owner-list": "joe" },
    virtusertable: { "info@ours.test": "list" },
    domaintable: { "old.test": "ours.test" },
    files: { "/l": "joe\n", "/users/joe/.forward": "x@other.test\n" },
    steps,
  };
  await resolveOn(host, "info@old.test");
  assert.deepEqual(steps, [
    "domaintable old.test: ours.test",
    "virtusertable info@ours.test: list",
    "alias list: :include:/l",
    "owner list: joe@mail.ours.test",
    "include /l: 1 member",
    "forward joe: /users/joe/.forward",
  ]);
});
