/**
 * A popauth database as Qpopper's programs made it comes over by the tools that postmasters have: gdbm_dump in both
 * formats, db_dump, and the Berkeley DB file itself.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openPopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { siteAt } from "@mailhost/common/site";
import { needs, runProgram } from "../harness/programs.ts";

const POPAUTH = fileURLToPath(new URL("../../packages/pop3/bin/popauth.js", import.meta.url));

const SECRETS = { wang: "geheim", chen: "p ss wörd", long: "x".repeat(200) };

/** The entries as Qpopper stores them: name and NUL, password XOR 0xff, NUL, SCRAM verifiers and NUL. */
const ENTRIES = Object.entries(SECRETS).map(([name, secret]) => {
  const obscured = Buffer.from(Buffer.from(secret).map((octet) => octet ^ 0xff));
  return [Buffer.from(`${name}\0`), Buffer.concat([obscured, Buffer.from("\0c2NyYW0=\0")])] as const;
});

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "mailhost-qpopper-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function imported(root: string, file: string): Promise<Record<string, string | undefined>> {
  const site = siteAt(root);
  rmSync(site.etcMail, { recursive: true, force: true });
  mkdirSync(site.etcMail, { recursive: true });
  const ran = await runProgram(process.execPath, [POPAUTH, "--import", file, "--root", root]);
  assert.equal(ran.code, 0, ran.stderr);
  assert.equal(ran.stdout, "3 secrets imported, 0 kept, 0 refused\n");
  const secrets = openPopauthSecrets(site);
  return Object.fromEntries(Object.keys(SECRETS).map((name) => [name, secrets.find(name)?.toString()]));
}

async function ok(program: string, args: readonly string[], input = ""): Promise<string> {
  const ran = await runProgram(program, args, { input });
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
}

test("gdbm_dump, ascii and binary", needs("gdbm_load", "gdbm_dump"), async (t) => {
  const root = folder(t);
  const [db, text, binary] = ["pop.auth", "text", "binary"].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  const data = ENTRIES.flat().map((octets) => `#:len=${octets.length}\n${wrapped(octets)}\n`);
  const head = "# GDBM dump file\n#:version=1.1\n#:file=pop.auth\n#:format=standard\n# End of header\n";
  await ok("gdbm_load", ["--no-meta", "-", db], `${head}${data.join("")}#:count=3\n# End of data\n`);
  await ok("gdbm_dump", [db, text]);
  await ok("gdbm_dump", ["--format=binary", db, binary]);
  assert.deepEqual(await imported(root, text), SECRETS);
  assert.deepEqual(await imported(root, binary), SECRETS);
  const direct = await runProgram(process.execPath, [POPAUTH, "--import", db, "--root", root]);
  assert.equal(direct.code, 65);
  assert.match(direct.stderr, /is a gdbm file; dump it first: gdbm_dump/);
});

/** Lines of 76 characters, as gdbm_dump breaks them. */
function wrapped(octets: Buffer): string {
  return octets.toString("base64").replace(/.{76}(?=.)/g, "$&\n");
}

test("db_dump, plain and printable, and the file itself", needs("db5.3_load", "db5.3_dump"), async (t) => {
  const root = folder(t);
  const db = join(root, "pop.auth.db");
  const hex = ENTRIES.flat().map((octets) => ` ${octets.toString("hex")}\n`);
  const text = `VERSION=3\nformat=bytevalue\ntype=hash\nHEADER=END\n${hex.join("")}DATA=END\n`;
  const source = join(root, "source");
  writeFileSync(source, text);
  await ok("db5.3_load", ["-f", source, db]);
  assert.deepEqual(await imported(root, db), SECRETS);
  for (const flags of [[], ["-p"]]) {
    const dump = join(root, "dump");
    await ok("db5.3_dump", [...flags, "-f", dump, db]);
    assert.deepEqual(await imported(root, dump), SECRETS);
  }
});
