/** makemap beside the real one of Sendmail: the same texts, the same messages, exit codes and dumps. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import fc from "fast-check";
import { run } from "../../src/commands/makemap.ts";

/** Where Debian's package puts it; /usr/sbin/makemap may be another's. */
const REAL = "/usr/libexec/sendmail/makemap";
const skip = existsSync(REAL) ? false : "needs makemap (Debian package sendmail-bin)";

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function fixture(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "makemap-parity-"));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const real = (argv: readonly string[], input: string): Outcome => {
    const ran = spawnSync(REAL, [...argv, join(dir, "real/map")], { input, encoding: "utf8" });
    // The temporary folder's permissions are not what is compared.
    const err = ran.stderr.replace(/^WARNING: World writable directory .*\n/gm, "");
    return { code: ran.status!, out: ran.stdout, err: err.replaceAll(join(dir, "real/map"), "MAP") };
  };
  const ours = async (argv: readonly string[], input: string): Promise<Outcome> => {
    let out = "";
    let err = "";
    const code = await run([...argv, join(dir, "ours/map")], {
      stdin: (async function* () {
        yield Buffer.from(input);
      })(),
      stdout: { write: (text: string | Uint8Array) => (out += Buffer.from(text).toString()) },
      stderr: { write: (text) => (err += text) },
    });
    return { code, out, err: err.replaceAll(join(dir, "ours/map"), "MAP") };
  };
  const reset = () => {
    for (const side of ["real", "ours"]) {
      rmSync(join(dir, side), { recursive: true, force: true });
      spawnSync("mkdir", ["-m", "700", join(dir, side)]);
    }
  };
  reset();
  return { real, ours, reset };
}

const word = fc.stringMatching(/^[A-Ca-c@.:%]{1,3}$/);
const value = fc.stringMatching(/^[A-Za-c1:%"][A-Za-c1:%" \t]{0,6}$/);
const space = fc.constantFrom(" ", "\t", "  \t ");
/** Lines that both read; what differs on purpose (lines of blanks, CR LF, very long lines) is not among them. */
const soundLine = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(word, space, value).map((parts) => parts.join("")) },
  { weight: 1, arbitrary: fc.constantFrom("# a comment", "", "#") },
);
const faultyLine = fc.oneof(
  word,
  fc.tuple(word, space).map((parts) => parts.join("")),
  fc.tuple(space, word, space, value).map((parts) => parts.join("")),
);
const flags = fc.subarray(["-f", "-r", "-d", "-e", "-N", "-v", "-s"]);
const text = (line: fc.Arbitrary<string>) =>
  fc.array(line, { maxLength: 12 }).map((all) => `${all.join("\n")}\n`);

test("generated texts and flags: messages, exit codes, dumps", { skip }, async (t) => {
  const { real, ours, reset } = fixture(t);
  await fc.assert(
    fc.asyncProperty(flags, text(soundLine), async (given, input) => {
      reset();
      // With -d and -r together Berkeley DB's order of equal keys is its own.
      const used = given.includes("-d") ? given.filter((flag) => flag !== "-r") : given;
      assert.deepEqual(await ours([...used, "btree"], input), real([...used, "btree"], input));
      assert.deepEqual(await ours(["-u", "btree"], ""), real(["-u", "btree"], ""));
      assert.deepEqual(await ours(["-u", "-t=", "btree"], ""), real(["-u", "-t=", "btree"], ""));
    }),
    { numRuns: 60 },
  );
});

test("generated additions to a table", { skip }, async (t) => {
  const { real, ours, reset } = fixture(t);
  await fc.assert(
    fc.asyncProperty(
      text(soundLine),
      text(soundLine),
      fc.constantFrom(["-o"], ["-o", "-r"]),
      async (one, two, how) => {
        reset();
        assert.deepEqual(await ours(["btree"], one), real(["btree"], one));
        assert.deepEqual(await ours([...how, "btree"], two), real([...how, "btree"], two));
        assert.deepEqual(await ours(["-u", "btree"], ""), real(["-u", "btree"], ""));
      },
    ),
    { numRuns: 30 },
  );
});

test("generated faults: the same complaints, and ours changes nothing", { skip }, async (t) => {
  const { real, ours, reset } = fixture(t);
  const line = fc.oneof({ weight: 3, arbitrary: soundLine }, { weight: 1, arbitrary: faultyLine });
  await fc.assert(
    fc.asyncProperty(text(line), async (input) => {
      reset();
      const theirs = real(["hash"], input);
      const mine = await ours(["hash"], input);
      assert.equal(mine.code, theirs.code);
      assert.equal(mine.err.replace("makemap: MAP: not changed\n", ""), theirs.err);
    }),
    { numRuns: 60 },
  );
});

test("delimiters, comment characters, what cannot be opened", { skip }, async (t) => {
  const { real, ours } = fixture(t);
  const same = async (argv: readonly string[], input: string) => {
    assert.deepEqual(await ours(argv, input), real(argv, input), argv.join(" "));
  };
  await same(["-u", "hash"], "");
  await same(["-t:", "btree"], "a b:c d\nx:::y\n z:1\n");
  await same(["-t:", "-D", "%", "btree"], "%x\na: b:c\n#k:v\n");
  await same(["-u", "btree"], "");
  await same(["-v", "btree"], "A b\na c\n");
  await same(["-i", "hash", "implicit"], "a b\n");
  const foo = real(["foo"], "");
  const mine = await ours(["foo"], "");
  assert.equal(mine.code, foo.code);
  assert.ok(mine.err.startsWith(foo.err.trim()));
});
