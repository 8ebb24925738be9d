import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { silentLog } from "@mailhost/common/log/log";
import { siteAt } from "@mailhost/common/site";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import { run } from "../../src/commands/newaliases.ts";

function fixture(t: TestContext, aliases?: string) {
  const root = mkdtempSync(join(tmpdir(), "newaliases-"));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const file = join(site.etcMail, "aliases");
  if (aliases !== undefined) writeFileSync(file, aliases);
  const newaliases = async (argv: readonly string[] = ["--root", root]) => {
    let out = "";
    let err = "";
    const code = await run(argv, {
      stdout: { write: (text) => (out += text) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  };
  return { site, file, newaliases };
}

const ARTICLE = "MAILER-DAEMON: postmaster\npostmaster: root\nbin: root\ndaemon: root\nnobody: root\n";

test("the article's aliases: figures, log line, chain", async (t) => {
  const { site, file, newaliases } = fixture(t, ARTICLE);
  assert.deepEqual(await newaliases(), {
    code: 0,
    out: `${file}: 5 aliases, longest 10 bytes, 64 bytes total\n`,
    err: "",
  });
  const log = readFileSync(site.logFile, "utf8");
  assert.ok(log.includes(`alias database ${file} rebuilt by ${userInfo().username}`));
  const tables = openSiteTables(site, { log: silentLog });
  t.after(() => tables.close());
  assert.equal(tables.aliases.file, `${file}.db`);
  assert.deepEqual(tables.aliases.get("Mailer-Daemon"), [
    { kind: "local", name: "postmaster", final: false },
  ]);
});

test("a loop is named by its members, exit 65, the last good database stays", async (t) => {
  const { site, file, newaliases } = fixture(t, ARTICLE);
  await newaliases();
  writeFileSync(file, "postmaster: root\nroot: boss@Our.example\nboss: postmaster\n");
  writeFileSync(join(site.etcMail, "local-host-names"), "our.example\n");
  const looped = await newaliases();
  assert.equal(looped.code, 65);
  assert.equal(
    looped.err,
    `${file}: line 1: alias loop: postmaster -> root -> boss -> postmaster\nnewaliases: ${file}.db not changed\n`,
  );
  const tables = openSiteTables(site, { log: silentLog });
  t.after(() => tables.close());
  assert.notEqual(tables.aliases.get("bin"), undefined);
});

test("a name given twice is warned of, and the last counts, as with Sendmail", async (t) => {
  const { site, file, newaliases } = fixture(t, "a: b\nA: c\n");
  assert.deepEqual(await newaliases(), {
    code: 0,
    out: `${file}: 2 aliases, longest 1 bytes, 4 bytes total\n`,
    err: `${file}: line 2: A... Warning: duplicate alias name a\n`,
  });
  const tables = openSiteTables(site, { log: silentLog });
  t.after(() => tables.close());
  assert.deepEqual(tables.aliases.get("a"), [{ kind: "local", name: "c", final: false }]);
});

test("several alias files: each is compiled, each is told of", async (t) => {
  const { site, file, newaliases } = fixture(t, "a: b\n");
  const second = join(site.etcMail, "lists");
  writeFileSync(
    join(site.etcMail, "mailhost.yaml"),
    "tables: {aliases: [etc/mail/aliases, etc/mail/lists]}\n",
  );
  writeFileSync(second, "no colon\n");
  const faulty = await newaliases();
  assert.equal(faulty.code, 65);
  assert.equal(faulty.out, `${file}: 1 aliases, longest 1 bytes, 2 bytes total\n`);
  assert.equal(faulty.err, `${second}: line 1: missing colon\nnewaliases: ${second}.db not changed\n`);
  writeFileSync(second, "c: d\n");
  assert.equal((await newaliases()).code, 0);
  assert.deepEqual(readdirSync(site.etcMail).sort(), [
    "aliases",
    "aliases.db",
    "lists",
    "lists.db",
    "mailhost.yaml",
  ]);
});

test("no aliases file, wrong usage", async (t) => {
  const { file, newaliases } = fixture(t);
  assert.deepEqual(await newaliases(), {
    code: 66,
    out: "",
    err: `newaliases: cannot open ${file}: No such file or directory\n`,
  });
  assert.equal((await newaliases(["--nonsense"])).code, 64);
});
