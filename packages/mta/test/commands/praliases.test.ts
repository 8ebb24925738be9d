import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { siteAt } from "@mailhost/common/site";
import { run as newaliases } from "../../src/commands/newaliases.ts";
import { run } from "../../src/commands/praliases.ts";

const MAKEMAP = "/usr/libexec/sendmail/makemap";

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "praliases-"));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const write = (name: string, text: string) => writeFileSync(join(site.etcMail, name), text);
  const praliases = async (...argv: string[]) => {
    let out = "";
    let err = "";
    const code = await run(["--root", root, ...argv], {
      stdout: { write: (text: string | Uint8Array) => (out += Buffer.from(text).toString()) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err };
  };
  const compile = () => newaliases(["--root", root], { stdout: { write() {} }, stderr: { write() {} } });
  return { dir: site.etcMail, write, praliases, compile };
}

test("all aliases, from the text and from the compiled form", async (t) => {
  const { write, praliases, compile } = fixture(t);
  write("aliases", 'Root: boss, amy@far.example\nbin: root\n"a b": é@x.test\n');
  const text = await praliases();
  assert.equal(text.out, 'root:boss, amy@far.example\nbin:root\n"a b":é@x.test\n');
  assert.equal(await compile(), 0);
  assert.deepEqual(await praliases(), {
    code: 0,
    out: '"a b":é@x.test\nbin:root\nroot:boss, amy@far.example\n',
    err: "",
  });
});

test("aliases of one domain, which must be ours", async (t) => {
  const { write, praliases, compile } = fixture(t);
  write("local-host-names", "a.example\n");
  write("mailhost.yaml", "hostname: mail.example\ndomains: {local: [c.example]}\n");
  const [a, c] = ["Info@A.example: joe", "info@c.example: amy, info@mail.example"];
  write("aliases", `${a}\n${c}\ninfo@mail.example: bob\n`);
  const lines = [
    '"info@a.example":joe',
    '"info@c.example":amy, info@mail.example',
    '"info@mail.example":bob',
  ];
  assert.deepEqual((await praliases()).out.trim().split("\n"), lines);
  assert.equal(await compile(), 0);
  assert.deepEqual((await praliases()).out.trim().split("\n"), lines);
  assert.equal((await praliases("INFO@a.example")).out, '"INFO@a.example":joe\n');
  // What praliases prints is read again as it was.
  write("aliases", `${lines.join("\n")}\n`);
  assert.equal(await compile(), 0);
  assert.deepEqual((await praliases()).out.trim().split("\n"), lines);
  write("aliases", "info@b.example: joe\n");
  assert.equal(await compile(), 65, "cannot alias non-local names");
});

test("some of them, by whatever case, and those that are not there", async (t) => {
  const { write, praliases, compile } = fixture(t);
  write("mailhost.yaml", "tables: {aliases: [etc/mail/aliases, etc/mail/lists]}\n");
  write("aliases", "root: boss\n");
  write("lists", "root: other\nstaff: joe\n");
  assert.equal(await compile(), 0);
  assert.deepEqual(await praliases("ROOT", "staff", "nobody"), {
    code: 0,
    out: "ROOT:boss\nROOT:other\nstaff:joe\nnobody: No such key\n",
    err: "",
  });
  assert.equal(
    (await praliases("--json", "staff")).out.trim().startsWith('{"name":"staff","value":"joe","file":'),
    true,
  );
});

test("another file, one that is missing, one that is damaged, wrong usage", async (t) => {
  const { dir, write, praliases } = fixture(t);
  write("other", "a: b\n");
  assert.equal((await praliases("-f", join(dir, "other"))).out, "a:b\n");
  assert.deepEqual(await praliases("-f", join(dir, "missing")), {
    code: 66,
    out: "",
    err: `praliases: ${join(dir, "missing")}: No such file or directory\n`,
  });
  write("other.db", "garbage");
  const damaged = await praliases("-f", join(dir, "other"));
  assert.equal(damaged.code, 65);
  assert.match(damaged.err, /other\.db: is cut short or no table/);
  assert.equal((await praliases("-Z")).code, 64);
});

test("a Berkeley DB file of Sendmail's", {
  skip: existsSync(MAKEMAP) ? false : "needs makemap (Debian package sendmail-bin)",
}, async (t) => {
  const { dir, praliases } = fixture(t);
  spawnSync(MAKEMAP, ["hash", join(dir, "aliases")], { input: "root\tboss\n" });
  assert.equal((await praliases()).out, "root:boss\n");
  assert.equal((await praliases("root")).out, "root:boss\n");
});
