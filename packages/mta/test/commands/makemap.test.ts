import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { silentLog } from "@mailhost/common/log/log";
import { siteAt } from "@mailhost/common/site";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { run } from "../../src/commands/makemap.ts";

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "makemap-"));
  const dir = siteAt(root).etcMail;
  mkdirSync(dir, { recursive: true });
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const makemap = async (argv: readonly string[], input = "") => {
    let out = "";
    let err = "";
    const code = await run(argv, {
      stdin: chunks(input),
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  };
  return { root, dir, makemap, map: join(dir, "access") };
}

/** The input in small pieces, cut where it comes. */
async function* chunks(text: string): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let i = 0; i < bytes.length; i += 7) yield bytes.subarray(i, i + 7);
}

test("the article's command: makemap hash access.db < access", async (t) => {
  const { root, dir, makemap, map } = fixture(t);
  const done = await makemap(["hash", `${map}.db`], "127.0.0.1 RELAY\n202.99.11 RELAY\n");
  assert.deepEqual(done, { code: 0, out: "", err: "" });
  assert.deepEqual(readdirSync(dir), ["access.db"]);
  const tables = openSiteTables(siteAt(root), { log: silentLog });
  t.after(() => tables.close());
  assert.equal(tables.access.get("202.99.11"), "RELAY");
  assert.deepEqual(await makemap(["-u", "hash", map]), {
    code: 0,
    out: "127.0.0.1\tRELAY\n202.99.11\tRELAY\n",
    err: "",
  });
});

test("with any bad line nothing is replaced, and every fault is told", async (t) => {
  const { makemap, map } = fixture(t);
  await makemap(["hash", map], "old OK\n");
  const bad = await makemap(["hash", map], "a OK\n lead x\nnorhs\nA dup\n");
  assert.equal(bad.code, 65);
  assert.equal(
    bad.err,
    `makemap: ${map}: line 2: syntax error (leading space)\n` +
      `makemap: ${map}: line 3: no RHS for LHS norhs\n` +
      `makemap: ${map}: line 4: key a: duplicate key\n` +
      `makemap: ${map}: not changed\n`,
  );
  assert.equal((await makemap(["-u", "hash", map])).out, "old\tOK\n");
});

test("a key that comes twice is told, and the first stays, as with Sendmail", async (t) => {
  const { makemap, map } = fixture(t);
  const done = await makemap(["hash", map], "a OK\nb x\nA dup\n");
  assert.deepEqual(done, { code: 65, out: "", err: `makemap: ${map}: line 3: key a: duplicate key\n` });
  assert.equal((await makemap(["-u", "hash", map])).out, "a\tOK\nb\tx\n");
});

test("octets that are no UTF-8 come out as they went in, and blanks at the end of a value too", async (t) => {
  const { makemap, map } = fixture(t);
  await makemap(["hash", map], "k\u00c9y v\u00e9 \n");
  assert.equal((await makemap(["-u", "-t:", "hash", map])).out, "k\u00e9y:v\u00e9 \n");
});

test("flags, alone and together", async (t) => {
  const { makemap, map } = fixture(t);
  const dump = async () => (await makemap(["-u", "btree", map])).out;
  assert.equal((await makemap(["-v", "hash", map], "A b\n")).out, "key=`a', val=`b'\n");
  assert.equal((await makemap(["-o", "hash", map], "c d\n")).code, 0);
  assert.equal(await dump(), "a\tb\nc\td\n");
  assert.equal((await makemap(["-o", "hash", map], "a z\n")).code, 65);
  assert.equal((await makemap(["-or", "hash", map], "a z\n")).code, 0);
  assert.equal(await dump(), "a\tz\nc\td\n");
  assert.equal((await makemap(["-fe", "dbm", map], "Ab\n")).code, 0);
  assert.equal(await dump(), "Ab\t\n");
  assert.equal((await makemap(["-d", "btree", map], "b x\na b\na c\n")).code, 0);
  assert.equal(await dump(), "a\tb\na\tc\nb\tx\n");
  assert.equal((await makemap(["-r", "btree", map], "b x\na b\na c\n")).code, 0);
  assert.equal(await dump(), "a\tc\nb\tx\n");
  assert.equal((await makemap(["-t:", "-D", "%", "hash", map], "%x\na b:c\n")).code, 0);
  assert.equal(await dump(), "a b\tc\n");
  assert.equal(
    (await makemap(["-N", "-s", "-C", "/etc/mail/sendmail.cf", "-c", "100", "cdb", map], "a b\n")).code,
    0,
  );
  assert.equal((await makemap(["--root", "/", "hash", map], "a b\n")).code, 0);
});

test("wrong usage and unknown types", async (t) => {
  const { makemap, map } = fixture(t);
  assert.equal((await makemap([])).code, 64);
  assert.match((await makemap(["hash"])).err, /^Usage: makemap/);
  const flag = await makemap(["-Z", "hash", map]);
  assert.equal(flag.code, 64);
  assert.match(flag.err, /^makemap: invalid option -- 'Z'\nUsage: makemap/);
  assert.match((await makemap(["hash", map, "-t"])).err, /^makemap: option requires an argument -- 't'\n/);
  assert.equal((await makemap(["hash", map, "extra"])).code, 64);
  assert.deepEqual(await makemap(["-l"]), { code: 0, out: "hash\nbtree\ndbm\ncdb\nimplicit\n", err: "" });
  const unknown = await makemap(["foo", map], "a b\n");
  assert.equal(unknown.code, 73);
  assert.equal(
    unknown.err,
    `makemap: error opening type foo map ${map}: Unknown database type (known: hash, btree, dbm, cdb, implicit)\n`,
  );
});

test("what cannot be written or read: Sendmail's words", async (t) => {
  const { dir, makemap, map } = fixture(t);
  const nowhere = await makemap(["hash", join(dir, "no/such")], "a b\n");
  assert.equal(nowhere.code, 73);
  assert.match(nowhere.err, /error opening type hash map .*no\/such: No such file or directory\n$/);
  assert.match((await makemap(["-u", "hash", map])).err, /No such file or directory/);
  writeFileSync(`${map}.db`, "garbage");
  const damaged = await makemap(["-o", "hash", map], "a b\n");
  assert.equal(damaged.code, 73);
  assert.match(damaged.err, /no table of makemap/);
  assert.equal(readFileSync(`${map}.db`, "utf8"), "garbage");
});
