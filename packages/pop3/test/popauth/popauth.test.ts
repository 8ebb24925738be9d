/** The popauth command: what it says, what it leaves, how it ends. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { openPopauthSecrets } from "@mailhost/common/accounts/popauth-secrets";
import { siteAt } from "@mailhost/common/site";
import fc from "fast-check";
import { readGdbmDump } from "../../src/popauth/gdbm-dump.ts";
import { run } from "../../src/popauth/popauth.ts";

function fixture(t: TestContext) {
  const root = mkdtempSync(join(tmpdir(), "popauth-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const site = siteAt(root);
  mkdirSync(site.etcMail, { recursive: true });
  writeFileSync(site.settingsFile, "hostname: mail.test\naccounts: [system]\n");
  writeFileSync(
    join(root, "etc/passwd"),
    "wang:x:1001:1001::/home/wang:/bin/sh\nchen:x:1002:1002::/home/chen:\n",
  );
  const popauth = async (args: readonly string[], input: string | Buffer = "") => {
    let [stdout, stderr] = ["", ""];
    const code = await run(args, {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      stdin: Readable.from(input.length > 0 ? [Buffer.from(input)] : []),
      env: { MAILHOST_ROOT: root },
    });
    return { code, stdout, stderr };
  };
  return { root, site, popauth, secret: (name: string) => openPopauthSecrets(site).find(name)?.toString() };
}

test("a database is made, filled, listed and emptied again, with one dash or two", async (t) => {
  const { site, popauth, secret } = fixture(t);
  assert.deepEqual(await popauth(["-init"]), {
    code: 0,
    stdout: `initialized ${site.popauthFile}\n`,
    stderr: "",
  });
  assert.equal(statSync(site.popauthFile).mode & 0o777, 0o600);
  assert.deepEqual(await popauth(["-user", "Wang"], "geheim\n"), {
    code: 0,
    stdout: "Adding only APOP password for wang.\n",
    stderr: "",
  });
  assert.equal(secret("wang"), "geheim");
  assert.equal(
    (await popauth(["--user", "wang", "anders"])).stdout,
    "Changing only APOP password for wang.\n",
  );
  assert.equal(secret("wang"), "anders");
  await popauth(["-user", "chen", "王 passwörd"]);
  assert.equal((await popauth(["-list"])).stdout, "chen            : APOP\nwang            : APOP\n");
  assert.equal((await popauth(["-list", "ALL"])).stdout, "chen            : APOP\nwang            : APOP\n");
  assert.equal((await popauth(["--list", "chen"])).stdout, "chen            : APOP\n");
  assert.deepEqual(JSON.parse((await popauth(["-list", "--json"])).stdout), [
    { user: "chen", mechanisms: ["APOP", "CRAM-MD5"] },
    { user: "wang", mechanisms: ["APOP", "CRAM-MD5"] },
  ]);
  assert.equal((await popauth(["-delete", "chen"])).code, 0);
  assert.equal((await popauth(["-list"])).stdout, "wang            : APOP\n");
  assert.deepEqual(await popauth(["-init"], "n\n"), {
    code: 65,
    stdout: "Really initialize POP authentication DB? It has 1 secret. [y/n] \n",
    stderr: `popauth: ${site.popauthFile} stays as it is\n`,
  });
  assert.equal((await popauth(["-init"])).code, 65, "no answer is no");
  assert.equal(secret("wang"), "anders");
  assert.equal((await popauth(["-init"], "yes\n")).code, 0);
  assert.equal(secret("wang"), undefined);
});

test("what is wrong is said, with an exit code that tells it", async (t) => {
  const { site, popauth } = fixture(t);
  const fails = async (args: readonly string[], code: number, text: RegExp, input = "") => {
    const ran = await popauth(args, input);
    assert.equal(ran.code, code, args.join(" "));
    assert.match(ran.stderr, text);
  };
  await fails([], 64, /say what is to be done\nusage: popauth/);
  await fails(["-usr", "x"], 64, /-usr: unknown flag/);
  await fails(["wang"], 64, /wang: not expected here/);
  await fails(["-user"], 64, /-user: something must follow/);
  await fails(["-delete", "-list"], 64, /-delete: something must follow/);
  await fails(["-init", "-list"], 64, /one at a time/);
  await fails(["-user", "a b"], 64, /no spaces/);
  for (const args of [["-list"], ["-delete", "wang"], ["-user", "wang", "x"]]) {
    await fails(args, 65, /there is no .*popauth\.db; `popauth -init` makes it/);
  }
  await popauth(["-init"]);
  await fails(["-user", "zhao", "x"], 67, /no account is called zhao; `mailhost user add zhao`/);
  await fails(["-delete", "wang"], 67, /wang: not in the database/);
  await fails(["-list", "wang"], 67, /wang: not in the database/);
  await fails(["-user", "wang"], 66, /no password on standard input/);
  await fails(["-user", "wang"], 65, /no control characters/, "a\tb\n");
  chmodSync(site.popauthFile, 0o644);
  for (const args of [["-list"], ["-init"], ["-delete", "wang"], ["-user", "wang", "x"]]) {
    await fails(args, 77, /popauth\.db: has wrong mode \(0644\).*chmod 600 it/);
  }
  chmodSync(site.popauthFile, 0o600);
  writeFileSync(site.popauthFile, "#popauth 1\nwang:jJ");
  for (const args of [["-list"], ["-init"], ["-delete", "wang"], ["-user", "wang", "x"]]) {
    await fails(args, 65, /popauth\.db:\d+: damaged/, "y\n");
  }
  assert.equal(readFileSync(site.popauthFile, "utf8"), "#popauth 1\nwang:jJ");
  assert.equal((await popauth(["-help"])).code, 0);
  assert.match((await popauth(["--version"])).stdout, /^popauth \(mailhost\) \d/);
});

test("-trace says what was done, and no secret", async (t) => {
  const { root, popauth } = fixture(t);
  const trace = join(root, "trace");
  await popauth(["-trace", trace, "-init"]);
  await popauth(["-user", "wang", "geheim", "-trace", trace]);
  await popauth(["-trace", trace, "-delete", "chen"]);
  const text = readFileSync(trace, "utf8");
  for (const line of ["initialized ", "added the secret of wang", "failed: chen: not in the database"]) {
    assert.ok(text.includes(line), line);
  }
  assert.doesNotMatch(text, /geheim/);
  assert.equal(statSync(trace).mode & 0o777, 0o600);
  assert.equal((await popauth(["-trace", join(root, "no/where"), "-list"])).code, 73);
});

test("made by root, the database belongs to whom the daemons run as", {
  skip: process.getuid?.() !== 0 && "root alone can do this",
}, async (t) => {
  const { site, popauth } = fixture(t);
  writeFileSync(site.settingsFile, "hostname: mail.test\naccounts: [system]\nrun: { user: mail }\n");
  await popauth(["-init"]);
  const mail = /^mail:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  const owner = () => {
    const { uid, gid, mode } = statSync(site.popauthFile);
    return [uid, gid, mode & 0o777];
  };
  assert.deepEqual(owner(), [Number(mail?.[1]), Number(mail?.[2]), 0o600]);
  await popauth(["-user", "wang", "geheim"]);
  assert.deepEqual(owner(), [Number(mail?.[1]), Number(mail?.[2]), 0o600]);
});

/** A datum of gdbm_dump's ascii format. */
const datum = (octets: Buffer) => {
  const coded = octets.toString("base64").replace(/.{76}/g, "$&\n");
  return `#:len=${octets.length}\n${coded}\n`;
};
const ascii = (data: readonly Buffer[]) =>
  `# GDBM dump file created by GDBM version 1.23.\n#:version=1.1\n#:format=standard\n# End of header\n${data.map(datum).join("")}#:count=${data.length / 2}\n# End of data\n`;
const HEAD =
  "!\r\n! GDBM FLAT FILE DUMP -- THIS IS NOT A TEXT FILE\r\n! GDBM version 1.23. 04/02/2022\r\n!\r\n";
const binary = (data: readonly Buffer[], size: 4 | 8, at: 0 | 4 = 0) =>
  Buffer.concat([
    Buffer.from(HEAD),
    ...data.flatMap((octets) => {
      const length = Buffer.alloc(size);
      length.writeUInt32BE(octets.length, at);
      return [length, octets];
    }),
  ]);
const xor = (text: string) => Buffer.from(Buffer.from(text).map((octet) => octet ^ 0xff));

test("a dump of Qpopper's database is taken over; what is refused is named, and the rest is taken", async (t) => {
  const { root, popauth, secret } = fixture(t);
  const dump = join(root, "dump");
  const entry = (name: string, value: Buffer) => [Buffer.from(`${name}\0`), value];
  writeFileSync(
    dump,
    ascii([
      ...entry("Wang", Buffer.concat([xor("geheim"), Buffer.from("\0c2NyYW0=\0")])),
      ...entry("chen", xor("p ss".repeat(40))),
      ...entry("li", Buffer.concat([xor("ohne Konto"), Buffer.from([0xff])])),
      ...entry("scram", Buffer.from("\0c2NyYW0=\0")),
      ...entry("b/d", xor("x")),
      ...entry("tab", xor("a\tb")),
      ...entry("WANG", xor("other")),
    ]),
  );
  const ran = await popauth(["--import", dump]);
  assert.equal(ran.code, 65);
  assert.equal(ran.stdout, "3 secrets imported, 0 kept, 4 refused\n");
  assert.deepEqual(ran.stderr.split("\n"), [
    'popauth: "scram": refused: has no APOP password, perhaps one for SCRAM only',
    'popauth: "b/d": refused: a name has no spaces, colons and slashes',
    'popauth: "tab": refused: a secret has no control characters',
    "popauth: wang: refused: comes twice, in letters of another case",
    "popauth: li: imported, but no account is called so yet",
    "",
  ]);
  assert.equal(secret("wang"), "geheim");
  assert.equal(secret("chen"), "p ss".repeat(40));
  assert.equal(secret("li"), "ohne Konto");
  await popauth(["-user", "wang", "neuer"]);
  const again = await popauth(["-import", "-"], ascii(entry("wang", xor("geheim"))));
  assert.equal(again.code, 0);
  assert.equal(again.stdout, "0 secrets imported, 1 kept, 0 refused\n");
  assert.match(again.stderr, /wang: has a secret already, which stays/);
  assert.equal(secret("wang"), "neuer");
});

test("what is no dump, or not a whole one, changes nothing", async (t) => {
  const { root, site, popauth } = fixture(t);
  const whole = ascii([Buffer.from("wang\0"), xor("geheim")]);
  const refused: [string | Buffer, RegExp][] = [
    ["", /neither the output of gdbm_dump or db_dump/],
    ["wang:geheim\n", /neither the output/],
    [whole.slice(0, -20), /ends too early/],
    [whole.replace("#:count=1", "#:count=2"), /has 1 entries, not the 2/],
    [whole.replace("#:len=6", "#:len=7"), /is not base64 of 7 octets/],
    [`${whole}more\n`, /follows the end/],
    [binary([Buffer.from("wang\0"), xor("geheim")], 8).subarray(0, -1), /damaged or ends too early/],
    ["VERSION=3\nformat=bytevalue\nHEADER=END\n 77\n", /ends too early/],
    [Buffer.from([0xcf, 0x9a, 0x57, 0x13, 0, 0, 0, 0]), /is a gdbm file; dump it first: gdbm_dump/],
  ];
  for (const [data, text] of refused) {
    writeFileSync(join(root, "dump"), data);
    const ran = await popauth(["--import", join(root, "dump")]);
    assert.ok(ran.code === 65 || ran.code === 78, `${ran.code} ${ran.stderr}`);
    assert.match(ran.stderr, text);
    assert.equal(statSync(site.popauthFile, { throwIfNoEntry: false }), undefined);
  }
  assert.equal((await popauth(["--import", join(root, "nothing")])).code, 66);
});

test("gdbm dumps of any entries are read exactly, in each layout", () => {
  const data = fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }).map((all) => {
    const buffers = all.map((a) => Buffer.from(a));
    return buffers.length % 2 === 0 ? buffers : buffers.slice(1);
  });
  const expected = (all: readonly Buffer[]) =>
    Array.from({ length: all.length / 2 }, (_, i) => [all[2 * i], all[2 * i + 1]]);
  fc.assert(
    fc.property(data, (all) => {
      for (const dump of [Buffer.from(ascii(all)), binary(all, 8), binary(all, 8, 4)]) {
        assert.deepEqual(readGdbmDump(dump), { ok: true, entries: expected(all) });
      }
    }),
  );
  // Lengths of 32 bits; an empty datum would look like a part of a longer number, and no database of Qpopper's has one.
  const names = [Buffer.from("wang\0"), xor("geheim"), Buffer.from("chen\0"), xor("x")];
  assert.deepEqual(readGdbmDump(binary(names, 4)), { ok: true, entries: expected(names) });
  fc.assert(fc.property(fc.uint8Array(), (a) => void readGdbmDump(Buffer.concat([Buffer.from(HEAD), a]))));
});
