import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { faultyFileSystem } from "@mailhost/common/testing/faulty-file-system";
import { signedByItself } from "@mailhost/common/tls/self-signed";
import type { Issued } from "../../src/acme/authority.ts";
import { finishInstall, installPair, type PairPaths, readPair } from "../../src/acme/certificate-files.ts";
import { issue } from "./issuer.ts";

const OLD = issue(["old.example"]);
const NEW = issue(["new.example", "mail.new.example"]);

function pathsFor(t: TestContext, present: Issued | undefined = OLD): PairPaths {
  const folder = mkdtempSync(join(tmpdir(), "mailhost-pair-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const paths = { key: join(folder, "key.pem"), cert: join(folder, "cert.pem") };
  if (present !== undefined) {
    writeFileSync(paths.key, present.key, { mode: 0o640 });
    writeFileSync(paths.cert, present.chain);
  }
  return paths;
}

const text = (path: string) => readFileSync(path, "latin1");
const mode = (path: string) => statSync(path).mode & 0o777;

/** Which of the pairs is there, by its texts. */
function there(paths: PairPaths): string {
  const is = (pair: Issued) => text(paths.key) === pair.key && text(paths.cert) === pair.chain;
  return is(OLD) ? "old" : is(NEW) ? "new" : "mixed";
}

test("a pair is read with its names, dates and origin", async (t) => {
  const now = Date.now();
  const found = await readPair(pathsFor(t, NEW));
  assert.ok(found.kind === "pair");
  assert.deepEqual(found.certificate.names, ["new.example", "mail.new.example"]);
  assert.ok(
    found.certificate.notBefore <= now &&
      Math.abs(found.certificate.notAfter - now - 90 * 86_400_000) < 60_000,
  );
  assert.equal(found.issuer, "CN=new.example");
  assert.equal(found.selfMade, false, "somebody's own self-signed certificate is his");
});

test("the certificate of a first start is known as such", async (t) => {
  const { cert, key } = await signedByItself("mail.a.example", Date.now());
  const found = await readPair(pathsFor(t, { key, chain: cert }));
  assert.ok(found.kind === "pair" && found.selfMade);
});

test("what can not be used is named", async (t) => {
  const paths = pathsFor(t);
  const why = async () => {
    const found = await readPair(paths);
    return found.kind === "broken" ? found.why : found.kind;
  };
  writeFileSync(paths.key, NEW.key);
  assert.match(await why(), /key\.pem is not the key of .*cert\.pem/);
  writeFileSync(paths.cert, "no certificate");
  assert.match(await why(), /cert\.pem holds no certificate/);
  rmSync(paths.key);
  assert.match(await why(), /there is no .*key\.pem/);
  rmSync(paths.cert);
  assert.equal(await why(), "missing");
});

test("the key before stays its owner's, whoever gets the new one", async (t) => {
  const paths = pathsFor(t);
  // Somebody else's pair, which root can read.
  const theirs = pathsFor(t);
  const other = { key: join(paths.key, "..", "link.pem"), cert: paths.cert };
  symlinkSync(theirs.key, other.key);
  const uid = process.getuid?.() ?? 0;
  const owner = uid === 0 ? { uid: 12_345, gid: 12_345 } : { uid, gid: process.getgid?.() ?? 0 };
  await installPair(other, NEW, { owner });
  assert.equal(statSync(other.key).uid, owner.uid);
  assert.equal(statSync(`${other.key}.old`).uid, statSync(theirs.key).uid);
  assert.equal(text(theirs.key), OLD.key);
});

test("a new pair takes the place of the old, which stays as .old", async (t) => {
  const paths = pathsFor(t);
  chmodSync(paths.cert, 0o600);
  await installPair(paths, { key: NEW.key, chain: NEW.chain });
  assert.equal(there(paths), "new");
  assert.deepEqual([mode(paths.key), mode(paths.cert), mode(`${paths.key}.old`)], [0o600, 0o644, 0o600]);
  assert.equal(text(`${paths.key}.old`), OLD.key);
  assert.equal(text(`${paths.cert}.old`), OLD.chain);
  assert.deepEqual(readdirSync(join(paths.key, "..")).sort(), [
    "cert.pem",
    "cert.pem.old",
    "key.pem",
    "key.pem.old",
  ]);
  assert.equal(await finishInstall(paths), false);
});

test("as root, new files belong to whom they did, or to the owner that is named", async (t) => {
  if (process.getuid?.() !== 0) return t.diagnostic("we are not root: nothing to see");
  const paths = pathsFor(t);
  spawnSync("chown", ["123:456", paths.key, paths.cert]);
  const owners = () => [paths.key, paths.cert].map((path) => [statSync(path).uid, statSync(path).gid]);
  await installPair(paths, NEW);
  assert.deepEqual(owners(), [
    [123, 456],
    [123, 456],
  ]);
  await installPair(paths, OLD, { owner: { uid: 8, gid: 12 } });
  assert.deepEqual(owners(), [
    [8, 12],
    [8, 12],
  ]);
});

for (const present of ["a pair", "nothing"] as const) {
  test(`killed or failing at any call, with ${present} there before: what is left is a pair once it is finished`, async (t) => {
    const before = present === "a pair" ? OLD : undefined;
    const all = faultyFileSystem();
    await installPair(pathsFor(t, before), NEW, { fileSystem: all });
    assert.ok(all.calls.length > 15);
    const seen = new Set<string>();
    for (const how of ["kill", "fail", "short"] as const) {
      for (let at = 1; at <= all.calls.length; at += 1) {
        const paths = pathsFor(t, before);
        const broken = faultyFileSystem({ at, how });
        await assert.rejects(
          installPair(paths, NEW, { fileSystem: broken }),
          `call ${at} (${all.calls[at - 1]})`,
        );
        await broken.closeAll();
        const left = existsSync(paths.key) && existsSync(paths.cert) ? there(paths) : "missing";
        if (left === "mixed") assert.equal(text(paths.key), NEW.key, "the key goes first");
        const finished = await finishInstall(paths);
        const now = await readPair(paths);
        const label = `${how} at ${at} (${all.calls[at - 1]}): ${left}`;
        if (now.kind === "missing") assert.equal(before, undefined, label);
        else assert.equal(now.kind, "pair", label);
        if (now.kind === "pair")
          assert.equal(there(paths), finished || left === "new" ? "new" : "old", label);
        seen.add(left);
        // A second attempt, after whatever was left, ends well.
        await installPair(paths, NEW);
        assert.equal(there(paths), "new", label);
      }
    }
    assert.ok(
      before === undefined || ["old", "mixed", "new"].every((state) => seen.has(state)),
      [...seen].join(),
    );
  });
}

test("killed while finishing what was begun, a second finishing ends it", async (t) => {
  const all = faultyFileSystem();
  const begun = pathsFor(t);
  writeFileSync(`${begun.key}.new`, NEW.key);
  writeFileSync(`${begun.cert}.new`, NEW.chain);
  assert.equal(await finishInstall(begun, all), true);
  for (let at = 1; at <= all.calls.length; at += 1) {
    const paths = pathsFor(t);
    writeFileSync(`${paths.key}.new`, NEW.key);
    writeFileSync(`${paths.cert}.new`, NEW.chain);
    const broken = faultyFileSystem({ at, how: "kill" });
    await assert.rejects(finishInstall(paths, broken));
    await broken.closeAll();
    await finishInstall(paths);
    assert.equal(there(paths), "new", `call ${at} (${all.calls[at - 1]})`);
  }
});

test("what is left of a chain without its key is taken away", async (t) => {
  const paths = pathsFor(t);
  writeFileSync(`${paths.cert}.new`, NEW.chain);
  assert.equal(await finishInstall(paths), false);
  writeFileSync(`${paths.key}.new`, "half a k");
  assert.equal(await finishInstall(paths), false);
  assert.equal(there(paths), "old");
  assert.deepEqual(readdirSync(join(paths.key, "..")).sort(), ["cert.pem", "key.pem"]);
});
