/** Tables of Sendmail's that are there as Berkeley DB files only. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { ConfigError } from "@mailhost/common/errors";
import { readBerkeleyDb } from "@mailhost/common/tables/berkeley-db";
import { openCompiledTable } from "@mailhost/common/tables/compiled-table";
import fc from "fast-check";
import { run } from "../../src/commands/makemap.ts";

const LOAD = "/usr/bin/db5.3_load";
const DUMP = "/usr/bin/db5.3_dump";
const skip = existsSync(LOAD) ? false : "needs db5.3_load (Debian package db5.3-util)";
const MAKEMAP = "/usr/libexec/sendmail/makemap";

function fixture(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "import-map-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const old = join(dir, "old.db");
  const load = (entries: readonly (readonly [string, string])[], type: string, ...options: string[]) => {
    rmSync(old, { force: true });
    const input = entries.flatMap(([key, value]) => [hex(key), hex(value)]);
    const header = `VERSION=3\nformat=bytevalue\ntype=${type}\n${options.join("\n")}\nHEADER=END\n`;
    const text = `${header.replace("\n\n", "\n")}${input.map((line) => ` ${line}\n`).join("")}DATA=END\n`;
    const ran = spawnSync(LOAD, [old], { input: text, encoding: "utf8" });
    assert.equal(ran.status, 0, ran.stderr);
  };
  const makemap = async (argv: readonly string[], input = "") => {
    let out = "";
    let err = "";
    const code = await run(argv, {
      stdin: (async function* () {
        yield Buffer.from(input);
      })(),
      stdout: { write: (text: string | Uint8Array) => (out += Buffer.from(text).toString()) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  };
  return { dir, old, map: join(dir, "access"), load, makemap };
}

const hex = (text: string) => Buffer.from(text, "latin1").toString("hex");

/** Sorted, as octets. */
const sorted = (entries: Iterable<readonly [string, string]>) =>
  [...entries].map(([key, value]) => `${key}\t${value}`).sort();

test("hash and btree files of every kind, with values that need pages of their own", { skip }, (t) => {
  const { old, load } = fixture(t);
  const entries = Array.from({ length: 2000 }, (_, i): [key: string, value: string] => [
    `key${i}`,
    `${i} `.repeat(i % 97 === 0 ? 3000 : 1),
  ]);
  entries.push(["k".repeat(900), "long key"], ["\xff\x00\x80", "\xfe\n"]);
  for (const type of ["hash", "btree"]) {
    for (const options of [[], ["db_pagesize=512"], ["db_lorder=4321"], ["db_pagesize=65536"]]) {
      load(entries, type, ...options);
      assert.deepEqual(sorted(readBerkeleyDb(old)), sorted(entries), `${type} ${options.join()}`);
    }
  }
  load(
    [
      ["a", "1"],
      ["a", "2"],
      ["b", "3"],
    ],
    "btree",
    "duplicates=1",
  );
  assert.deepEqual(sorted(readBerkeleyDb(old)), ["a\t1", "a\t2", "b\t3"]);
  load(
    [
      ["a", "1"],
      ["a", "2"],
      ["b", "3"],
    ],
    "hash",
    "duplicates=1",
  );
  assert.deepEqual(sorted(readBerkeleyDb(old)), ["a\t1", "a\t2", "b\t3"]);
});

test("makemap --import makes a table of it, and makemap -u prints it as it is", { skip }, async (t) => {
  const { old, map, load, makemap } = fixture(t);
  load(
    [
      ["202.99.11", "RELAY"],
      ["spam.example", "REJECT"],
    ],
    "hash",
  );
  assert.deepEqual(await makemap(["--import", old, "hash", map]), {
    code: 0,
    out: `${map}.db: 2 entries of ${old}\n`,
    err: "",
  });
  assert.equal((await makemap(["-u", "hash", map])).out, "202.99.11\tRELAY\nspam.example\tREJECT\n");
  assert.match((await makemap(["-u", "hash", old])).out, /^spam\.example\tREJECT$/m);
  const refused = await makemap(["-o", "hash", old], "a b\n");
  assert.equal(refused.code, 73);
  assert.match(refused.err, /is a Berkeley DB file; .* makemap --import/);
});

test("a file may be taken over in its own place", { skip }, async (t) => {
  const { old, load, makemap } = fixture(t);
  load([["a", "RELAY"]], "btree");
  assert.equal((await makemap(["--import", old, "hash", old])).code, 0);
  assert.equal((await makemap(["-u", "hash", old])).out, "a\tRELAY\n");
});

test("aliases: null octets go, and the mark says what they are", { skip }, async (t) => {
  const { old, map, load, makemap } = fixture(t);
  load(
    [
      ["@\0", "@\0"],
      ["root\0", "boss, amy@far.example\0"],
    ],
    "hash",
  );
  assert.equal((await makemap(["--import", old, "hash", map])).code, 0);
  const table = openCompiledTable(`${map}.db`);
  assert.equal(table.meta.kind, "aliases");
  assert.deepEqual([...table.entries()], [["root", "boss, amy@far.example"]]);
  table.close();
});

test("the output of db_dump, with and without -p, by file and by pipe", { skip }, async (t) => {
  const { dir, old, map, load, makemap } = fixture(t);
  load(
    [
      ["back\\slash", "tab\there"],
      ["\xc3\xa9@x", "OK"],
    ],
    "btree",
  );
  const dump = join(dir, "dump");
  for (const argv of [[], ["-p"]]) {
    const text = spawnSync(DUMP, [...argv, old], { encoding: "utf8" }).stdout;
    assert.match(text, /^VERSION=3\n/);
    assert.deepEqual(await makemap(["--import", "-", "hash", map], text), {
      code: 0,
      out: `${map}.db: 2 entries of the dump\n`,
      err: "",
    });
    assert.equal((await makemap(["-u", "hash", map])).out, "back\\slash\ttab\there\né@x\tOK\n");
    writeFileSync(dump, text);
    assert.equal((await makemap(["--import", dump, "hash", map])).code, 0);
  }
});

test("what is no table says so, and the old one stays", async (t) => {
  const { dir, map, makemap } = fixture(t);
  await makemap(["hash", map], "a OK\n");
  const refused = async (input: string, reason: RegExp) => {
    const ran = await makemap(["--import", "-", "hash", map], input);
    assert.equal(ran.code, 73);
    assert.match(ran.err, reason);
    assert.equal((await makemap(["-u", "hash", map])).out, "a\tOK\n");
  };
  await refused("a OK\n", /not the output of db_dump: it does not begin with VERSION=/);
  await refused("VERSION=3\nHEADER=END\n 61\n", /the dump ends too early/);
  await refused("VERSION=3\nHEADER=END\n 61\nDATA=END\n", /the dump ends too early/);
  await refused("VERSION=3\nHEADER=END\n 6x\n 61\nDATA=END\n", /no line of a dump/);
  const ran = await makemap(["--import", join(dir, "missing"), "hash", map]);
  assert.equal(ran.code, 73);
  assert.match(ran.err, /No such file or directory/);
});

test("a damaged file is refused or read in part, never a crash", { skip }, (t) => {
  const { old, load } = fixture(t);
  const entries = Array.from({ length: 300 }, (_, i) => [`key${i}`, "v".repeat(i * 10)] as const);
  for (const type of ["hash", "btree"]) {
    load(entries, type, "db_pagesize=1024");
    const good = readFileSync(old);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 20 }),
        fc.nat(good.length),
        (changes, cut) => {
          const bytes = Buffer.from(good);
          for (const [at, octet] of changes) bytes[at] = octet;
          writeFileSync(old, cut % 3 === 0 ? bytes.subarray(0, cut) : bytes);
          try {
            for (const _ of readBerkeleyDb(old));
          } catch (error) {
            if (!(error instanceof ConfigError)) throw error;
          }
        },
      ),
      { numRuns: 100 },
    );
  }
});

test("files of the real makemap and newaliases", {
  skip: existsSync(MAKEMAP) ? skip : "needs makemap (Debian package sendmail-bin)",
}, (t) => {
  const { dir } = fixture(t);
  const text = Array.from({ length: 5000 }, (_, i) => `user${i}@example.com\tREJECT ${i}\n`).join("");
  for (const type of ["hash", "btree"]) {
    for (const flags of [[], ["-N"]]) {
      const ran = spawnSync(MAKEMAP, [...flags, type, join(dir, type)], { input: text, encoding: "utf8" });
      assert.equal(ran.status, 0, ran.stderr);
      const entries = Array.from(readBerkeleyDb(join(dir, `${type}.db`)), ([key, value]) =>
        `${key}\t${value}\n`.replaceAll("\0", ""),
      );
      assert.equal(
        entries.sort().join(""),
        text
          .split(/(?<=\n)/)
          .sort()
          .join(""),
      );
    }
  }
});
