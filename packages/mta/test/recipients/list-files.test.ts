import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import type { Stats } from "node:fs";
import { chmodSync, linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "@mailhost/common/clock";
import { nodeFileSystem } from "@mailhost/common/fs/file-system";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { type ListFileSystem, listFileSystem, type Reader } from "../../src/recipients/file-safety.ts";
import { KnownAbsences } from "../../src/recipients/known-absences.ts";
import { openListFiles } from "../../src/recipients/list-files.ts";

/** A path of the fake file system: mode with its type, owner, content. */
interface Node {
  readonly mode: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly text?: string;
  /** Where a symbolic link ends. */
  readonly real?: string;
}

const DIR = 0o040755;
const FILE = 0o100644;
const HOME = { "/": { mode: DIR }, "/users": { mode: DIR }, "/users/joe": { mode: DIR, uid: 2001 } };
const JOE: { who: Reader; owned: boolean; limit: number } = {
  who: { uid: 2001, gid: 2001 },
  owned: true,
  limit: 1000,
};

function fakeFiles(nodes: Readonly<Record<string, Node>>): ListFileSystem {
  const find = (path: string): Node => {
    const node = nodes[path];
    if (node === undefined) throw Object.assign(new Error(`ENOENT ${path}`), { code: "ENOENT" });
    return node.real === undefined ? node : find(node.real);
  };
  const statOf = (path: string) => {
    const { mode, uid = 0, gid = 0, text = "" } = find(path);
    return {
      mode,
      uid,
      gid,
      size: text.length,
      ino: 1,
      dev: 1,
      isFile: () => (mode & 0o170000) === 0o100000,
    } as Stats;
  };
  return {
    stat: async (path) => statOf(path),
    realpath: async (path) => nodes[path]?.real ?? path,
    open: async (path) => {
      const bytes = Buffer.from(find(path).text ?? "");
      return {
        stat: async () => statOf(path),
        read: async (buffer: Buffer, offset: number, length: number, position: number) => ({
          bytesRead: bytes.copy(buffer, offset, position, position + length),
        }),
        close: async () => undefined,
      } as unknown as Awaited<ReturnType<ListFileSystem["open"]>>;
    },
  };
}

async function readOn(nodes: Readonly<Record<string, Node>>, request = JOE, path = "/users/joe/.forward") {
  const read = await openListFiles({ clock: systemClock, fs: fakeFiles(nodes) }).read(path, request);
  return read.kind === "text"
    ? read.text
    : read.kind === "absent"
      ? "absent"
      : `${read.kind}: ${read.reason}`;
}

test("a .forward that only its owner can change is read; root may own it, links are fine", async () => {
  const at = (node: Node) => ({ ...HOME, "/users/joe/.forward": node });
  assert.equal(await readOn(at({ mode: FILE, uid: 2001, text: "x@y" })), "x@y");
  assert.equal(await readOn(at({ mode: 0o100600, uid: 2001, text: "x@y" })), "x@y");
  assert.equal(await readOn(at({ mode: FILE, uid: 0, text: "x@y" })), "x@y");
  assert.equal(
    await readOn({
      ...at({ mode: FILE, real: "/users/joe/fw" }),
      "/users/joe/fw": { mode: FILE, uid: 2001, text: "l" },
    }),
    "l",
  );
  assert.equal(await readOn(HOME), "absent");
});

test("what Sendmail refuses, in its words", async () => {
  const on = (node: Node, home: Partial<Node> = {}) =>
    readOn({
      ...HOME,
      "/users/joe": { mode: DIR, uid: 2001, ...home },
      "/users/joe/.forward": { uid: 2001, text: "x", ...node },
    });
  assert.equal(await on({ mode: 0o100664 }), "refused: Group writable file");
  assert.equal(await on({ mode: 0o100646 }), "refused: World writable file");
  assert.equal(await on({ mode: 0o100666 }), "refused: Group writable file");
  assert.equal(await on({ mode: FILE, uid: 2002 }), "refused: Permission denied");
  assert.equal(await on({ mode: 0o100600, uid: 0 }), "refused: Permission denied");
  assert.equal(await on({ mode: 0o100200 }), "refused: Permission denied");
  assert.equal(await on({ mode: 0o040755 }), "refused: Regular files only");
  assert.equal(await on({ mode: 0o010644 }), "refused: Regular files only");
  assert.equal(await on({ mode: FILE }, { mode: 0o040775 }), "refused: Group writable directory");
  assert.equal(await on({ mode: FILE }, { mode: 0o040777 }), "refused: World writable directory");
  assert.equal(await on({ mode: FILE }, { mode: DIR, uid: 2002 }), "x");
  assert.equal(await on({ mode: FILE, text: "x".repeat(1001) }), "refused: larger than 1000 octets");
});

test("every folder of the way counts, where a link leads too; below a sticky one only what root or the reader owns", async () => {
  const file = { mode: FILE, uid: 2001, text: "x" };
  assert.equal(
    await readOn({ ...HOME, "/users": { mode: 0o040775 }, "/users/joe/.forward": file }),
    "refused: Group writable directory",
  );
  const linked = {
    ...HOME,
    "/users/joe": { mode: DIR, real: "/big/joe" },
    "/big": { mode: 0o040777 },
    "/big/joe": { mode: DIR },
  };
  assert.equal(await readOn({ ...linked, "/users/joe/.forward": file }), "refused: World writable directory");
  const sticky = (uid: number) => ({
    "/": { mode: DIR },
    "/t": { mode: 0o041777 },
    "/t/d": { mode: DIR, uid },
    "/t/d/f": file,
    "/t/f": file,
  });
  assert.equal(await readOn(sticky(2001), JOE, "/t/d/f"), "x");
  assert.equal(await readOn(sticky(2002), JOE, "/t/d/f"), "refused: World writable directory");
  assert.equal(await readOn(sticky(2001), JOE, "/t/f"), "refused: World writable directory");
});

test("a list may be anybody's, if whoever names it may read it", async () => {
  const list = (node: Node) =>
    readOn({ ...HOME, "/users/joe/.forward": { text: "x", ...node } }, { ...JOE, owned: false });
  assert.equal(await list({ mode: FILE, uid: 2002 }), "x");
  assert.equal(await list({ mode: 0o100640, uid: 2002, gid: 2001 }), "x");
  assert.equal(await list({ mode: 0o100640, uid: 2002, gid: 2002 }), "refused: Permission denied");
});

test("a list is no window into folders that whoever names it may not go through, by whatever link", async () => {
  const secret = { mode: FILE, text: "x" };
  const on = (folder: Node, isIn: (gid: number) => boolean = () => false) =>
    readOn(
      {
        ...HOME,
        "/secret": folder,
        "/secret/list": secret,
        "/users/joe/link": { mode: FILE, real: "/secret/list" },
      },
      { who: { ...JOE.who, isIn }, owned: false, limit: 1000 },
      "/users/joe/link",
    );
  assert.equal(await on({ mode: DIR }), "x");
  assert.equal(await on({ mode: 0o040711 }), "x");
  assert.equal(await on({ mode: 0o040700 }), "refused: Permission denied");
  assert.equal(await on({ mode: 0o040700, uid: 2001 }), "x");
  assert.equal(await on({ mode: 0o040750, gid: 50 }), "refused: Permission denied");
  assert.equal(await on({ mode: 0o040750, gid: 50 }, (gid) => gid === 50), "x");
  assert.equal(await on({ mode: 0o040705, gid: 50 }, (gid) => gid === 50), "refused: Permission denied");
});

test("a file that was changed between the look at it and its opening is judged as it was opened", async () => {
  const found = { mode: FILE, uid: 2001, text: "x" };
  const files = fakeFiles({ ...HOME, "/users/joe/.forward": found });
  const after = fakeFiles({ ...HOME, "/users/joe/.forward": { ...found, mode: 0o100646 } });
  const lists = openListFiles({ clock: systemClock, fs: { ...files, open: after.open } });
  const read = await lists.read("/users/joe/.forward", JOE);
  assert.deepEqual(read, { kind: "refused", reason: "World writable file" });
});

test("real files: links, a FIFO that nobody writes to, a folder in the way", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "mailhost-lists-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  chmodSync(root, 0o755);
  const write = (name: string, text: string) => writeFileSync(join(root, name), text, { mode: 0o644 });
  write("list", "joe\n");
  symlinkSync("list", join(root, "soft"));
  linkSync(join(root, "list"), join(root, "hard"));
  symlinkSync("nowhere", join(root, "dangling"));
  execFileSync("mkfifo", [join(root, "fifo")]);
  chmodSync(join(root, "fifo"), 0o644);
  mkdirSync(join(root, "folder"));
  chmodSync(join(root, "folder"), 0o755);
  const lists = openListFiles({ clock: systemClock });
  const on = async (name: string) => {
    const read = await lists.read(join(root, name), { owned: false, limit: 1000 });
    return read.kind === "text" ? read.text : read.kind;
  };
  assert.equal(await on("list"), "joe\n");
  assert.equal(await on("soft"), "joe\n");
  assert.equal(await on("hard"), "joe\n");
  assert.equal(await on("dangling"), "absent");
  assert.equal(await on("folder"), "refused");
  assert.equal(await on("fifo"), "refused");
  assert.equal(await on("list/x"), "absent");
});

/** Files whose stat hangs below the given folders until they are let go. */
function hangingFiles(folders: readonly string[]) {
  const events = new EventEmitter();
  events.setMaxListeners(0);
  const real = listFileSystem(nodeFileSystem);
  const fs: ListFileSystem = {
    ...real,
    stat: async (path) => {
      if (folders.some((folder) => path.startsWith(folder))) await once(events, "back");
      throw Object.assign(new Error("ENOENT"), { code: "ENOENT" });
    },
  };
  return { fs, comeBack: () => events.emit("back") };
}

test("a home that hangs: its reader waits as long as the limit, the next one not at all, others go on", async () => {
  const clock = new ManualClock();
  const { fs, comeBack } = hangingFiles(["/nfs/"]);
  const lists = openListFiles({ clock, fs, timeout: 60_000 });
  const request = { owned: false, limit: 1000 };
  const waiting = lists.read("/nfs/joe/.forward", request);
  await clock.advance(3000);
  assert.deepEqual(await lists.read("/nfs/joe/.forward", request), {
    kind: "later",
    reason: "an earlier read there has not come back",
  });
  assert.deepEqual(await lists.read("/users/amy/.forward", request), { kind: "absent" });
  await clock.advance(57_000);
  assert.deepEqual(await waiting, { kind: "later", reason: "open timeout" });
  comeBack();
  await new Promise(setImmediate);
  assert.deepEqual(await Promise.race([lists.read("/users/bob/.forward", request)]), { kind: "absent" });
});

test("a server with all its homes away holds two threads, not all of them", async () => {
  const clock = new ManualClock();
  const { fs } = hangingFiles(["/nfs/"]);
  const lists = openListFiles({ clock, fs, timeout: 60_000 });
  const request = { owned: false, limit: 1000 };
  const first = [lists.read("/nfs/a/.forward", request), lists.read("/nfs/b/.forward", request)];
  await clock.advance(3000);
  assert.equal((await lists.read("/nfs/c/.forward", request)).kind, "later");
  assert.deepEqual(await lists.read("/users/amy/.forward", request), { kind: "absent" });
  await clock.advance(57_000);
  for (const read of await Promise.all(first)) assert.equal(read.kind, "later");
});

test("a home that hangs does not keep others from what is known to be absent beside it", async (t) => {
  const clock = new ManualClock();
  const { fs } = hangingFiles(["/nfs/"]);
  const statfs = async () => ({ type: 0xef53 });
  const absences = new KnownAbsences({ clock, fs: { ...fs, lstat: (path) => fs.stat(path), statfs } });
  t.after(() => absences.close());
  const lists = openListFiles({ clock, fs, timeout: 60_000, absences });
  const { who } = JOE;
  const read = (user: string) =>
    [`/var/forward/${user}`, `/nfs/${user}/.forward`].map((path) =>
      lists.read(path, { who: who!, owned: true, limit: 1000 }),
    );
  const [joe, away] = read("joe");
  assert.equal((await joe!).kind, "absent");
  await clock.advance(3000);
  for (const user of ["ann", "bob", "joe"]) {
    const [here] = read(user);
    assert.equal((await here!).kind, "absent");
  }
  await clock.advance(57_000);
  assert.equal((await away!).kind, "later");
});

test("/etc/shells decides who may run programs", async () => {
  const shells = (text?: string) =>
    openListFiles({
      clock: systemClock,
      fs: fakeFiles({
        "/": { mode: DIR },
        "/etc": { mode: DIR },
        ...(text === undefined ? {} : { "/etc/shells": { mode: FILE, text } }),
      }),
    });
  assert.equal(await shells("# valid\n/bin/sh\n").isLoginShell("/bin/sh"), true);
  assert.equal(await shells("/bin/sh\n").isLoginShell(""), true);
  assert.equal(await shells("/bin/sh\n").isLoginShell("/usr/sbin/nologin"), false);
  assert.equal(await shells("/SENDMAIL/ANY/SHELL/\n").isLoginShell("/usr/sbin/nologin"), true);
  assert.equal(await shells().isLoginShell("/bin/bash"), true);
  assert.equal(await shells().isLoginShell("/usr/sbin/nologin"), false);
});
