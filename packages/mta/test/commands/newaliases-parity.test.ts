/** newaliases and praliases beside a real Sendmail's: the same aliases, the same figures and warnings. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { siteAt } from "@mailhost/common/site";
import fc from "fast-check";
import { run as newaliases } from "../../src/commands/newaliases.ts";
import { run as praliases } from "../../src/commands/praliases.ts";

const SENDMAIL = "/usr/libexec/sendmail/sendmail";
const PRALIASES = "/usr/libexec/sendmail/praliases";
const MACROS = "/usr/share/sendmail/cf";

/** A machine of its own whose name it finds without asking anybody, or Sendmail would wait a minute for it; that takes root. */
const ALONE = ["-n", "-m", "-u", "sh", "-c"];
const NAMED =
  "hostname mail.my.test && mount --bind $0/hosts /etc/hosts && mount --bind $0/nss /etc/nsswitch.conf";

function missing(): string | false {
  if (!existsSync(SENDMAIL)) return "needs sendmail (Debian package sendmail-bin)";
  if (!existsSync(MACROS)) return "needs cf.m4 (Debian package sendmail-cf)";
  return spawnSync("unshare", [...ALONE, "true"]).status === 0
    ? false
    : "this system lets us make no namespaces (that takes root)";
}

const skip = missing();

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "newaliases-parity-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(join(root, "ours"));
  mkdirSync(site.etcMail, { recursive: true });
  mkdirSync(join(root, "real"));
  const realFile = join(root, "real/aliases");
  const ourFile = join(site.etcMail, "aliases");
  const cf = join(root, "real/sendmail.cf");
  const made = spawnSync("m4", [`-D_CF_DIR_=${MACROS}/`], {
    input: `include(\`${MACROS}/m4/cf.m4')
OSTYPE(\`linux')
define(\`confDOMAIN_NAME', \`mail.my.test')
define(\`ALIAS_FILE', \`${realFile}')
define(\`confTRUSTED_USER', \`root')
define(\`confDONT_BLAME_SENDMAIL', \`MapInUnsafeDirPath')
FEATURE(\`nocanonify')
MAILER(\`local')
MAILER(\`smtp')
`,
    encoding: "utf8",
  });
  assert.equal(made.status, 0, made.stderr);
  writeFileSync(cf, made.stdout);
  writeFileSync(join(root, "hosts"), "127.0.0.1 mail.my.test localhost\n");
  writeFileSync(join(root, "nss"), "passwd: files\ngroup: files\nhosts: files\n");
  /** The temporary folder's permissions are not what is compared. */
  const plain = (text: string) =>
    text
      .replace(/(?:\S+: line \d+: )?WARNING: World writable directory .*\n/g, "")
      .replaceAll(realFile, "FILE");
  const real = (text: string) => {
    writeFileSync(realFile, text);
    rmSync(`${realFile}.db`, { force: true });
    const command = `${NAMED} && exec ${SENDMAIL} -bi -C ${cf}`;
    const ran = spawnSync("unshare", [...ALONE, command, root], { encoding: "utf8", timeout: 20_000 });
    const printed = spawnSync(PRALIASES, ["-C", cf], { encoding: "utf8" }).stdout;
    return { said: plain(ran.stdout + ran.stderr), aliases: sorted(printed.replace("@:@\n", "")) };
  };
  const ours = async (text: string) => {
    writeFileSync(ourFile, text);
    rmSync(`${ourFile}.db`, { force: true });
    let said = "";
    let printed = "";
    const io = { write: (piece: string | Uint8Array) => (said += Buffer.from(piece).toString()) };
    await newaliases(["--root", site.root], { stdout: io, stderr: io });
    await praliases(["--root", site.root], {
      stdout: { write: (piece: string | Uint8Array) => (printed += Buffer.from(piece).toString()) },
      stderr: io,
    });
    return { said: said.replaceAll(ourFile, "FILE"), aliases: sorted(printed) };
  };
  return { real, ours };
}

const sorted = (text: string) => text.split("\n").sort().join("\n");

const name = fc.stringMatching(/^[A-Za-z][A-Za-z0-9._-]{0,5}$/);
const target = fc.oneof(
  // Names that are no alias here: a loop is a fault of ours only.
  name.map((n) => `u.${n}`),
  name.map((n) => `${n}@far.example`),
  name.map((n) => `"|/usr/bin/${n} -x"`),
  name.map((n) => `/var/mail/${n}`),
  name.map((n) => `:include:/etc/${n}`),
  name.map((n) => `\\${n}`),
);
const separator = fc.constantFrom(",", ", ", ",\n\t", ", \\\n ");
const alias = fc
  .tuple(
    name,
    fc.constantFrom(":", ": ", " :", "\t:\t "),
    fc.array(target, { minLength: 1, maxLength: 3 }),
    separator,
    fc.constantFrom("", "", " "),
  )
  .map(([left, colon, targets, between, end]) => `${left}${colon}${targets.join(between)}${end}\n`);
const line = fc.oneof(
  { weight: 5, arbitrary: alias },
  { weight: 1, arbitrary: fc.constantFrom("\n", "# c\n", "#\n") },
);

test("generated aliases: figures, warnings, content", { skip }, async (t) => {
  const { real, ours } = fixture(t);
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 10 }), async (lines) => {
      const text = lines.join("");
      assert.deepEqual(await ours(text), real(text));
    }),
    // Always the same ones: every run asks the real program, and shrinking a failure asks it a hundred times more.
    { numRuns: 25, seed: 20_260, endOnFailure: true },
  );
});

test("a duplicate is named by its last line; what a backslash goes on with", { skip }, async (t) => {
  const { real, ours } = fixture(t);
  for (const text of [
    "c:b\nc:b,\n d,\n e\n",
    "c:b\nc:b, \\\n d,\n e\nx: y\n",
    "c:b\nc:b,\n d,\\\n e,\\\nf\nc: y\n",
    "\\\nc:b\nc\\\n:b\n",
    "# x \\\nc:b\nc:d\n",
  ])
    assert.deepEqual(await ours(text), real(text));
});

test("the article's aliases, quoted names, comments, names with blanks", { skip }, async (t) => {
  const { real, ours } = fixture(t);
  const text =
    "# Basic system aliases\nMAILER-DAEMON: postmaster\npostmaster: root\nbin: root\n\ntwo words: joe\n" +
    '"Q q": r\n"q q":s\n"D" : y\ncomment: joe (a comment)\nutf: é@x.test\ntrail: joe   \nA: b\na: c\n';
  assert.deepEqual(await ours(text), real(text));
  assert.deepEqual(await ours(""), real(""));
});

test("faults in Sendmail's words", { skip }, async (t) => {
  const { real, ours } = fixture(t);
  for (const text of [
    "a@b.c: joe\n",
    "nocolon\n",
    " x: y\n",
    "noval:\n",
    ":include:/x: y\n",
    "|foo: x\n",
    "/foo: x\n",
  ]) {
    const [first] = (await ours(text)).said.split("\n");
    assert.ok(real(text).said.includes(`${first}\n`), `${first} is not in ${real(text).said}`);
  }
});
