/**
 * What Qpopper left in `.NAME.pop` comes back into the mailbox: in its order, once, whatever happens meanwhile.
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { holderIn } from "../../src/mbox/foreign-locks.ts";
import { recoverTempDrop, type TempDropOutcome, tempDropFiles } from "../../src/mbox/temp-drop.ts";
import type { Site } from "../../src/site.ts";
import { faultyFileSystem } from "../../src/testing/faulty-file-system.ts";
import { content, locked, mailbox, temporarySite } from "./mailbox-fixture.ts";

const CHILD = fileURLToPath(new URL("temp-drop-child.ts", import.meta.url));

function mail(subject: string, fields = ""): string {
  return `From a@example.com Tue Nov 24 21:00:00 2026\n${fields}Subject: ${subject}\n\nbody of ${subject}\n\n`;
}

function lay(site: Site, drop: string, mbox: string | undefined, name = "user") {
  const paths = mailbox(site, name, mbox);
  const [path = ""] = tempDropFiles(site, paths);
  writeFileSync(path, drop, "latin1");
  return { paths, path };
}

async function recover(site: Site, drop: string, mbox: string | undefined) {
  const { paths, path } = lay(site, drop, mbox);
  const box = await locked(paths);
  let outcome: TempDropOutcome | undefined;
  try {
    outcome = await recoverTempDrop(box, path, []);
  } finally {
    await box.release();
  }
  return { paths, path, outcome };
}

/** Subjects in their order, twice those that are there twice. */
function subjects(text: string): string[] {
  return [...text.matchAll(/^Subject: (.*)$/gm)].map(([, subject]) => subject!);
}

test("older mail comes before newer, and the mailbox stays the same file", async (t) => {
  const site = temporarySite(t);
  const inode = statSync(mailbox(site, "user", mail("new")).mbox).ino;
  const { paths, path, outcome } = await recover(site, mail("one") + mail("two"), mail("new"));
  assert.deepEqual(outcome, { kind: "recovered", messages: 2 });
  assert.equal(content(paths), mail("one") + mail("two") + mail("new"));
  assert.equal(statSync(paths.mbox).ino, inode);
  assert.equal(existsSync(path), false);
});

test("where there is no mailbox, or an empty one, the drop becomes it", async (t) => {
  const site = temporarySite(t);
  const { paths } = await recover(site, mail("one").trimEnd(), undefined);
  assert.equal(content(paths), mail("one"));
});

test("an empty drop is nothing to recover", async (t) => {
  const { outcome, paths } = await recover(temporarySite(t), "", mail("new"));
  assert.equal(outcome, undefined);
  assert.equal(content(paths), mail("new"));
});

test("where Qpopper died in copying, either way, each message is there once", async (t) => {
  const site = temporarySite(t);
  const all = mail("one") + mail("two") + mail("three");
  const seen = mail("one", "X-UIDL: abcdefghijklm\nStatus: RO\n");
  const cases: [drop: string, mbox: string, expected: string[]][] = [
    // The copy was whole, half, or ended within a message; the mailbox was not emptied yet.
    [all, all, ["one", "two", "three"]],
    [mail("one"), all, ["one", "two", "three"]],
    [all.slice(0, mail("one").length + 50), all + mail("new"), ["one", "two", "three", "new"]],
    // Mail came before the drop was copied back, and some of it was; its fields had been changed.
    [all, seen + mail("two"), ["one", "two", "three"]],
    [all, mail("two"), ["one", "two", "three"]],
    [all, mail("two") + mail("new"), ["one", "two", "three", "new"]],
    // The last message of the drop was cut short, and the mailbox has it whole, behind something else.
    [mail("two").slice(0, -12), mail("one") + mail("two"), ["one", "two"]],
  ];
  for (const [drop, mbox, expected] of cases) {
    rmSync(join(site.spoolDir, "user"), { force: true });
    const { paths, path } = await recover(site, drop, mbox);
    assert.deepEqual(
      subjects(content(paths)),
      expected,
      `${subjects(drop).join()} and ${subjects(mbox).join()}`,
    );
    assert.equal(existsSync(path), false);
  }
});

test("twins in the drop are two messages, and those that differ in the body only are too", async (t) => {
  const site = temporarySite(t);
  const other = mail("one").replace("body of one", "body ef one");
  const { paths } = await recover(site, mail("one") + mail("one") + other, mail("one"));
  assert.deepEqual(subjects(content(paths)), ["one", "one", "one"]);
  assert.match(content(paths), /body ef one/);
});

test("what the mailbox begins with stays at its beginning", async (t) => {
  const { paths } = await recover(temporarySite(t), mail("one"), `garbage\n\n${mail("new")}`);
  assert.equal(content(paths), `garbage\n\n${mail("one")}${mail("new")}`);
  const other = await recover(temporarySite(t), mail("one"), "garbage");
  assert.equal(content(other.paths), `garbage\n\n${mail("one")}`);
});

test("a drop that is no mailbox, or begins with something else, is kept under another name", async (t) => {
  const site = temporarySite(t);
  const { paths, path, outcome } = await recover(site, `\0\0\0\n\n${mail("one")}`, mail("new"));
  assert.equal(outcome?.kind, "left");
  assert.deepEqual(subjects(content(paths)), ["one", "new"]);
  assert.equal(readFileSync(`${path}.damaged`, "latin1"), `\0\0\0\n\n${mail("one")}`);
  assert.equal(existsSync(path), false);
});

test("a second drop that is kept under another name leaves the first where it is", async (t) => {
  const site = temporarySite(t);
  for (const junk of ["first\n\n", "second\n\n"]) {
    const { paths, path } = lay(site, junk, mail("new"));
    const box = await locked(paths);
    await recoverTempDrop(box, path, []);
    await box.release();
  }
  const [path = ""] = tempDropFiles(site, mailbox(site, "user", mail("new")));
  assert.equal(readFileSync(`${path}.damaged`, "latin1"), "first\n\n");
  assert.equal(readFileSync(`${path}.damaged.2`, "latin1"), "second\n\n");
});

test("a mailbox of CR LF lines keeps its bytes, and gets what the drop has", async (t) => {
  const crlf = ["one", "two", "three", "four"].map((name) => mail(name).replaceAll("\n", "\r\n")).join("");
  const old = "From a Tue Nov 24 21:00:00 2026\n\nx\n\n";
  for (const mbox of [crlf.repeat(40), crlf.repeat(40).slice(0, -2), crlf.repeat(40).slice(0, -4)]) {
    const { paths, outcome } = await recover(temporarySite(t), old, mbox);
    assert.deepEqual(outcome, { kind: "recovered", messages: 1 });
    assert.ok(content(paths).startsWith(old + mbox));
  }
});

test("where the spool does not let us remove the drop (1777), its mail comes back once, and it stays empty", async (t) => {
  const { paths, path } = lay(temporarySite(t), mail("one"), mail("new"));
  const box = await locked(paths);
  const unlink = () => Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM" }));
  const sticky = { ...box, fileSystem: { ...box.fileSystem, unlink } };
  assert.deepEqual(await recoverTempDrop(sticky, path, []), { kind: "recovered", messages: 1 });
  assert.equal(statSync(path).size, 0);
  assert.equal(await recoverTempDrop(sticky, path, []), undefined);
  await box.release();
  assert.deepEqual(subjects(content(paths)), ["one", "new"]);
});

test("only a plain file with one name that nobody else may write is touched", async (t) => {
  const site = temporarySite(t);
  const elsewhere = join(site.root, "elsewhere");
  const prepare: [reason: RegExp, make: (path: string) => void][] = [
    [
      /not a plain file/,
      (path) => {
        rmSync(path);
        writeFileSync(elsewhere, mail("x"));
        symlinkSync(elsewhere, path);
      },
    ],
    [
      /not a plain file/,
      (path) => {
        rmSync(path);
        mkdirSync(path);
        writeFileSync(join(path, "x"), "");
      },
    ],
    [/has 2 names/, (path) => linkSync(path, elsewhere)],
    [/written by everybody/, (path) => chmodSync(path, 0o666)],
  ];
  for (const [reason, make] of prepare) {
    const { paths, path } = lay(site, mail("one"), mail("new"));
    make(path);
    const box = await locked(paths);
    const outcome = await recoverTempDrop(box, path, []);
    await box.release();
    assert.equal(outcome?.kind, "left");
    assert.match(outcome?.kind === "left" ? outcome.reason : "", reason);
    assert.equal(content(paths), mail("new"));
    assert.ok(existsSync(path));
    rmSync(path, { recursive: true });
    rmSync(elsewhere, { force: true });
  }
});

test("a pipe in the drop's place is not waited for", async (t) => {
  const site = temporarySite(t);
  const { paths, path } = lay(site, "", mail("new"));
  rmSync(path);
  assert.equal(spawnSync("mkfifo", [path]).status, 0);
  const box = await locked(paths);
  assert.equal(await recoverTempDrop(box, path, []), undefined);
  await box.release();
});

test("a drop that a popper has locked is left alone until it is free", async (t) => {
  const site = temporarySite(t);
  const { paths, path } = lay(site, mail("one"), mail("new"));
  const popper = spawn("flock", ["--exclusive", path, "sh", "-c", "echo locked; read line"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  t.after(() => popper.kill("SIGKILL"));
  await new Promise((resolve) => popper.stdout.once("data", resolve));
  const box = await locked(paths);
  const outcome = await recoverTempDrop(box, path, []);
  assert.match(outcome?.kind === "left" ? outcome.reason : "", /^process \d+ is at work on it$/);
  assert.equal(content(paths), mail("new"));
  const ended = new Promise((resolve) => popper.once("exit", resolve));
  popper.stdin.end("\n");
  await ended;
  assert.deepEqual(await recoverTempDrop(box, path, []), { kind: "recovered", messages: 1 });
  await box.release();
});

test("locks are told by device and inode", () => {
  const text =
    "1: FLOCK  ADVISORY  WRITE 1234 08:01:77 0 EOF\n2: POSIX  ADVISORY  READ 55 08:02:78 0 EOF\n2: -> POSIX  ADVISORY  READ 56 08:02:78 0 EOF\n";
  assert.equal(holderIn(text, { dev: 0x801, ino: 77 }), 1234);
  assert.equal(holderIn(text, { dev: 0x801, ino: 78 }), undefined);
  assert.equal(holderIn(text, { dev: 0x802, ino: 78 }), 55);
  // Of a file system without a device of its own nothing but the inode is sure.
  assert.equal(holderIn(text, { dev: 0x2a, ino: 78 }), 55);
});

/** An empty drop is as good as none, and Qpopper may have left one. */
function lengthOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

const DROP = mail("one", "X-UIDL: abcdefghijklm\n") + mail("two");
const NEW = mail("two") + mail("new");
const WHOLE = ["one", "two", "new"];

test("stopped at any call, the next to come finds every message once", async (t) => {
  const site = temporarySite(t);
  const attempt = async (at: number) => {
    const { paths, path } = lay(site, DROP, NEW);
    const fileSystem = faultyFileSystem({ at, how: "kill" });
    const file = await fileSystem.open(paths.mbox, 2);
    const dead = { paths, file, fileSystem, log: { write: () => undefined, close: () => Promise.resolve() } };
    const finished = await recoverTempDrop({ ...dead, release: () => Promise.resolve() }, path, []).then(
      () => true,
      () => false,
    );
    await fileSystem.closeAll();
    const box = await locked(paths);
    await recoverTempDrop(box, path, []);
    await box.release();
    assert.deepEqual(subjects(content(paths)), WHOLE, fileSystem.calls[at - 1]);
    assert.equal(lengthOf(path), 0);
    return finished;
  };
  let at = 2;
  while (!(await attempt(at))) at++;
  assert.ok(at > 15, `${at} calls`);
});

test("killed in any change that it makes, the next process finds every message once", async (t) => {
  const site = temporarySite(t);
  let kills = 0;
  for (let calls = 1; ; calls++) {
    const { paths, path } = lay(site, DROP, NEW);
    const run = (at: number) =>
      spawnSync(
        process.execPath,
        ["--conditions=@mailhost/source", "--import", "tsx", CHILD, site.root, "user", String(at)],
        { encoding: "utf8" },
      );
    const { signal, status, stderr } = run(calls);
    if (signal !== "SIGKILL") assert.equal(status, 0, stderr);
    // The dead one's directory is stale after 15 s; that is tested elsewhere.
    rmSync(paths.lock, { recursive: true, force: true });
    const box = await locked(paths);
    await recoverTempDrop(box, path, []);
    await box.release();
    assert.deepEqual(subjects(content(paths)), WHOLE);
    assert.equal(lengthOf(path), 0);
    if (signal !== "SIGKILL") break;
    kills++;
  }
  assert.ok(kills > 10, `${kills} kills`);
});
