import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { type AliasTarget, parseTargets, printTarget } from "../../src/tables/alias-targets.ts";
import { parseAliasText, printAliasText } from "../../src/tables/alias-text.ts";

const parse = (text: string, ours: readonly string[] = []) =>
  parseAliasText(text, "aliases", (domain) => ours.includes(domain));
const faults = (text: string, ours: readonly string[] = []) => parse(text, ours).faults.map((f) => f.message);
const targets = (text: string) => {
  const read = parseTargets(text);
  return read.ok ? read.targets : read.reason;
};

test("the article's aliases and their figures", () => {
  const read = parse("MAILER-DAEMON: postmaster\npostmaster: root\nbin: root\ndaemon: root\nnobody: root\n");
  assert.deepEqual(read.faults, []);
  assert.equal(read.entries.get("mailer-daemon"), "postmaster");
  assert.equal(read.longest, 10);
  assert.equal(read.total, 13 + 10 + 10 + 4 + 3 + 4 + 6 + 4 + 6 + 4);
});

test("continuations by white space and by backslash", () => {
  const read = parse('list: a,\r\n\tb,\n  c\nlong: x,\\\ny\n"odd: name" : z\n');
  assert.deepEqual(read.faults, []);
  assert.deepEqual(targets(read.entries.get("list")!), ["a", "b", "c"].map(local));
  assert.deepEqual(targets(read.entries.get("long")!), ["x", "y"].map(local));
  assert.equal(read.entries.get("odd: name"), "z");
});

test("targets: names, final names, addresses, full names, comments, quotes", () => {
  assert.deepEqual(targets("Bob"), [local("bob")]);
  assert.deepEqual(targets("\\bob, x@Y.example"), [
    { kind: "local", name: "bob", final: true },
    { kind: "address", address: "x@Y.example" },
  ]);
  assert.deepEqual(
    targets("(the boss) bob, Full Name, Jr <x@y>"),
    "Full Name: white space inside an item; separate items by commas",
  );
  assert.deepEqual(targets('(the (old) boss) bob, "Name, Jr" <x@y>'), [
    local("bob"),
    { kind: "address", address: "x@y" },
  ]);
  assert.deepEqual(targets('"a b", "c@d"@e'), [local("a b"), { kind: "address", address: '"c@d"@e' }]);
  assert.deepEqual(targets("a,,b,"), [local("a"), local("b")]);
  assert.equal(targets('"a'), "unbalanced quotes, brackets or parentheses");
  assert.match(JSON.stringify(targets("a@")), /no domain/);
  assert.match(JSON.stringify(targets("@b")), /nothing before/);
});

test("programs, files and lists in files, quoted and bare", () => {
  assert.deepEqual(targets('"|/bin/vacation -x, y", |/bin/x a b'), [
    { kind: "program", command: "/bin/vacation -x, y" },
    { kind: "program", command: "/bin/x a b" },
  ]);
  assert.deepEqual(targets('|"/bin/echo a, b"'), [{ kind: "program", command: "/bin/echo a, b" }]);
  assert.deepEqual(targets(String.raw`"|/bin/echo \"a b\" c", |/bin/x (y) <z`), [
    { kind: "program", command: '/bin/echo "a b" c' },
    { kind: "program", command: "/bin/x (y) <z" },
  ]);
  assert.deepEqual(targets('b, /var/log/all, "/var/a b", "/x@y"'), [
    local("b"),
    { kind: "file", path: "/var/log/all" },
    { kind: "file", path: "/var/a b" },
    { kind: "file", path: "/x@y" },
  ]);
  assert.deepEqual(targets(":include:/etc/list, :Include: /etc/other"), [
    { kind: "include", path: "/etc/list" },
    { kind: "include", path: "/etc/other" },
  ]);
  assert.deepEqual(targets(String.raw`"\bob"`), [{ kind: "local", name: "bob", final: true }]);
  assert.deepEqual(targets("/C=XX/S=y@gate"), [{ kind: "address", address: "/C=XX/S=y@gate" }]);
  assert.equal(targets("|"), "|: no program after the |");
  assert.match(faults("a: :include:lists/all\n")[0]!, /^aliases:1: a\.\.\. .*path begins with \/$/);
});

test("every target is read back as it is printed", () => {
  const text = fc.stringMatching(/^[ -~]{1,20}$/);
  const plain = { noNullPrototype: true } as const;
  const kinds = {
    local: fc.constant("local" as const),
    address: fc.constant("address" as const),
    program: fc.constant("program" as const),
    file: fc.constant("file" as const),
    include: fc.constant("include" as const),
  };
  const name = text.filter((n) => /^[a-z0-9]/i.test(n) && !n.includes("@")).map((n) => n.toLowerCase());
  const address = fc.stringMatching(/^[a-z0-9.+_-]{1,9}@[a-z0-9-]{1,9}$/);
  const command = text.map((c) => c.trim()).filter((c) => c !== "");
  const path = text.map((p) => `/${p}`);
  const target: fc.Arbitrary<AliasTarget> = fc.oneof(
    fc.record({ kind: kinds.local, name, final: fc.boolean() }, plain),
    fc.record({ kind: kinds.address, address }, plain),
    fc.record({ kind: kinds.program, command }, plain),
    fc.record({ kind: kinds.file, path }, plain),
    fc.record({ kind: kinds.include, path: path.map((p) => p.trimEnd()) }, plain),
  );
  fc.assert(
    fc.property(fc.array(target, { minLength: 1, maxLength: 5 }), (list) => {
      assert.deepEqual(targets(list.map(printTarget).join(", ")), list);
    }),
    { numRuns: 1000 },
  );
});

test("Sendmail's complaints, with their lines", () => {
  assert.deepEqual(faults("# c\n  x: y\nnocolon\na@b: c\nnoval:\na,b: c\nok: x # boss\n"), [
    "aliases:2: Non-continuation line starts with space",
    "aliases:3: missing colon",
    "aliases:4: a@b... cannot alias non-local names",
    "aliases:5: noval:... missing value for alias",
    "aliases:6: a,b... illegal alias name",
    "aliases:7: ok... x # boss: a comment needs a line of its own",
  ]);
  const twice = parse("a: b\nA: c\n");
  assert.deepEqual(
    twice.duplicates.map((f) => f.message),
    ["aliases:2: A... Warning: duplicate alias name a"],
  );
  assert.equal(twice.entries.get("a"), "c", "the last counts, as with Sendmail");
  assert.equal(twice.count, 2);
});

test("white space in a name is a dot, and Sendmail's own mark is passed over", () => {
  const read = parse("@: @\ntwo  words: x\n");
  assert.deepEqual(read.faults, []);
  assert.deepEqual([...read.entries], [["two.words", "x"]]);
});

test("loops are named by their members", () => {
  assert.deepEqual(faults("a: b\nb: a\n"), ["aliases:1: alias loop: a -> b -> a"]);
  assert.deepEqual(faults("x: a\na: b, z\nb: c\nc: A\n"), ["aliases:2: alias loop: a -> b -> c -> a"]);
  assert.deepEqual(faults("a: b+tag\nb: a\n"), ["aliases:1: alias loop: a -> b -> a"]);
  assert.deepEqual(faults("a: b@Our.example\nb: a\n", ["our.example"]), [
    "aliases:1: alias loop: a -> b -> a",
  ]);
});

test("what is no loop", () => {
  assert.deepEqual(faults("root: root, x@y\n"), []);
  assert.deepEqual(faults("root: \\root, x@y\n"), []);
  assert.deepEqual(faults("a: \\b\nb: a\n"), []);
  assert.deepEqual(faults("a: b@other.example\nb: a\n", ["our.example"]), []);
  assert.deepEqual(faults("a: c, d\nb: c, d\nc: d\n"), []);
});

test("a chain of 50,000 names is followed", () => {
  const chain = Array.from({ length: 50_000 }, (_, i) => `n${i}: n${i + 1}\n`).join("");
  assert.deepEqual(faults(chain), []);
  const [loop] = faults(`${chain}n50000: n0\n`);
  assert.match(loop!, /^aliases:1: alias loop: n0 -> n1 -> .* -> n50000 -> n0$/);
});

test("what is printed is read back", () => {
  const name = fc.stringMatching(/^[a-z0-9 :"._+-]{1,12}$/).filter((n) => n.trim() === n && n !== "");
  const item = fc.oneof(
    fc.stringMatching(/^[a-z0-9._-]{1,8}$/),
    fc.stringMatching(/^[a-z0-9]{1,8}@[a-z0-9]{1,8}$/),
    fc.stringMatching(/^"[a-z ,:]{1,8}"@x$/),
  );
  const aliases = fc.uniqueArray(fc.tuple(name, fc.array(item, { minLength: 1, maxLength: 4 })), {
    selector: ([n]) => n,
  });
  fc.assert(
    fc.property(aliases, (list) => {
      const entries = new Map(list.map(([n, items]) => [n, items.join(", ")]));
      const read = parse(printAliasText(entries));
      assert.deepEqual(read.entries, entries);
      assert.deepEqual(
        read.faults.filter((f) => !f.reason.startsWith("alias loop")),
        [],
      );
    }),
  );
});

test("no text makes the reader throw", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void parse(`a: b\n${text}`)));
});

function local(name: string) {
  return { kind: "local" as const, name, final: false };
}
