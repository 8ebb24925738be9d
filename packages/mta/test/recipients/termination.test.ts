/** Random graphs of aliases and .forward files: the expansion ends, and gives what a slow and obvious reading gives. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { resolveOn, user } from "./fake-parts.ts";

const NAMES = ["a", "b", "c", "d", "e", "f"];

const item = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...NAMES) },
  fc.constantFrom("\\a", "\\b", "x@other.test", "y@other.test", "b@ours.test", "a+z"),
);
const lists = fc.dictionary(
  fc.constantFrom(...NAMES, "a+*", "owner-a"),
  fc.array(item, { minLength: 1, maxLength: 4 }).map((items) => items.join(", ")),
);

/**
 * Everything that can be reached from a name when every list is followed once, circles or not: nobody else may get the
 * message, and where the reading ends in neither a fault nor a circle, all of it must.
 */
function reachable(aliases: Readonly<Record<string, string>>, accounts: readonly string[], start: string) {
  const mailboxes = new Set<string>();
  const remotes = new Set<string>();
  const unknown = new Set<string>();
  let circle = false;
  const visit = (written: string, path: readonly string[]) => {
    const name = written.replace(/^\\/, "").replace(/@ours\.test$/, "");
    if (name.includes("@")) {
      remotes.add(name);
      return;
    }
    const user = name.replace(/\+.*/, "");
    const key = written.startsWith("\\")
      ? undefined
      : (name.includes("+") ? [name, `${user}+*`, user] : [name]).find((form) =>
          Object.hasOwn(aliases, form),
        );
    if (key === undefined) {
      if (accounts.includes(user)) mailboxes.add(user);
      else unknown.add(user);
    } else if (path.includes(key)) {
      circle = true;
      if (accounts.includes(user)) mailboxes.add(user);
      for (const each of path.map((p) => p.replace("+*", "")))
        if (accounts.includes(each)) mailboxes.add(each);
    } else {
      for (const next of aliases[key]!.split(", ")) visit(next, [...path, key]);
    }
  };
  visit(start, []);
  return { mailboxes, remotes, unknown, circle };
}

test("aliases: it ends, reaches nobody else, and everybody where there is no circle", async () => {
  await fc.assert(
    fc.asyncProperty(
      lists,
      fc.subarray(NAMES),
      fc.constantFrom(...NAMES),
      async (aliases, accounts, start) => {
        const found = await resolveOn({ aliases, accounts, local: { maxAliasRecursion: 20 } }, start);
        const reference = reachable(aliases, accounts, start);
        const bare = found.map((line) => line.replace(/ (?:from|detail) .*/, ""));
        const delivered = bare.filter((line) => /^(?:mailbox|remote) /.test(line));
        for (const line of delivered) {
          const [kind, who] = line.split(" ") as [string, string];
          assert.ok(
            reference[kind === "mailbox" ? "mailboxes" : "remotes"].has(who),
            `${line} of ${JSON.stringify(aliases)}`,
          );
        }
        if (reference.circle || delivered.length === 0) return;
        const expected = [
          ...[...reference.mailboxes].map((m) => `mailbox ${m}`),
          ...[...reference.remotes].map((r) => `remote ${r}`),
        ];
        assert.deepEqual([...new Set(delivered)].toSorted(), expected.toSorted(), JSON.stringify(aliases));
        const faults = bare.filter((line) => line.startsWith("error "));
        assert.equal(faults.length > 0, reference.unknown.size > 0);
      },
    ),
    { numRuns: 1000 },
  );
});

test(".forward graphs of accounts only: it ends, and nobody's mail is lost", async () => {
  const forwards = fc.dictionary(
    fc.constantFrom(...NAMES),
    fc.array(fc.constantFrom(...NAMES, "\\a", "x@other.test"), { minLength: 1, maxLength: 3 }),
  );
  const accounts = NAMES.map((name, i) => user(name, 2000 + i));
  await fc.assert(
    fc.asyncProperty(forwards, fc.constantFrom(...NAMES), async (graph, start) => {
      const files = Object.fromEntries(
        Object.entries(graph).map(([name, items]) => [`/users/${name}/.forward`, items.join("\n")]),
      );
      const found = await resolveOn({ accounts, files }, start);
      assert.ok(found.length > 0);
      for (const line of found) assert.match(line, /^(?:mailbox [a-f]|remote x@other\.test)$/);
    }),
    { numRuns: 1000 },
  );
});
