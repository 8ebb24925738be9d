import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  type FSWatcher,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  watch as watchPath,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type TestContext } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { changesTakenIn, type FileWatchParts, openFileWatch } from "../../src/fs/file-watch.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";
import { recordingLog } from "../tables/recording-log.ts";

function fixture(t: TestContext, parts: Partial<FileWatchParts> = {}) {
  const root = mkdtempSync(join(tmpdir(), "file-watch-"));
  const clock = new ManualClock();
  const { log, lines } = recordingLog();
  const watch = openFileWatch({ clock, log, ...parts });
  t.after(() => {
    watch.close();
    rmSync(root, { recursive: true, force: true });
  });
  const path = (name: string) => join(root, name);
  const folder = path("etc");
  mkdirSync(folder);
  const file = join(folder, "access");
  writeFileSync(file, "a");
  return { root, path, folder, file, clock, lines, watch };
}

/** Whether each of the changes makes a look due, and nothing else does. */
async function seesEach(
  { watch, clock }: Pick<ReturnType<typeof fixture>, "watch" | "clock">,
  watched: string,
  changes: ReadonlyArray<readonly [string, () => void]>,
): Promise<void> {
  const files = watch.over([watched]);
  assert.equal(files.isDue(), true, "the first look");
  for (const [what, change] of changes) {
    await changesTakenIn();
    while (files.isDue()) await changesTakenIn();
    assert.equal(files.isDue(), false, `before: ${what}`);
    change();
    await changesTakenIn();
    assert.equal(files.isDue(), true, what);
  }
  // However much has happened: the watches are on what is there now.
  assert.equal(clock.now(), new ManualClock().now());
}

test("a file that changes in its place, is replaced, removed, made anew", async (t) => {
  const parts = fixture(t);
  const { file, path, folder } = parts;
  await seesEach(parts, file, [
    ["written", () => writeFileSync(file, "b")],
    ["appended to", () => appendFileSync(file, "c")],
    ["its mode", () => chmodSync(file, 0o600)],
    [
      "another one moved over it",
      () => {
        writeFileSync(path("new"), "d");
        renameSync(path("new"), file);
      },
    ],
    ["the new one written", () => appendFileSync(file, "e")],
    ["removed", () => unlinkSync(file)],
    ["made anew", () => writeFileSync(file, "f")],
    ["written again", () => appendFileSync(file, "g")],
    [
      "removed and made anew, perhaps with the same number",
      () => {
        unlinkSync(file);
        writeFileSync(file, "h");
      },
    ],
    ["that written", () => appendFileSync(file, "i")],
    ["a neighbour, which may be what a link leads to", () => writeFileSync(join(folder, "other"), "")],
  ]);
});

test("a file that changes without its folder, as one does that is mounted alone into a container", async (t) => {
  const parts = fixture(t);
  const { file, path } = parts;
  linkSync(file, path("outside"));
  await seesEach(parts, file, [
    ["written", () => appendFileSync(path("outside"), "b")],
    ["written again", () => appendFileSync(path("outside"), "c")],
  ]);
});

test("a folder that is moved, removed, made anew, not there at first", async (t) => {
  const parts = fixture(t);
  const { file, folder, path } = parts;
  const fresh = (text: string) => {
    mkdirSync(folder);
    writeFileSync(file, text);
  };
  await seesEach(parts, file, [
    ["moved away", () => renameSync(folder, path("old"))],
    ["made anew", () => fresh("b")],
    ["a file in it written", () => appendFileSync(file, "c")],
    [
      "removed and made anew, perhaps with the same number",
      () => {
        rmSync(folder, { recursive: true });
        fresh("d");
      },
    ],
    ["a file in that written", () => appendFileSync(file, "e")],
    [
      "another one moved into its place",
      () => {
        mkdirSync(path("next"));
        writeFileSync(path("next/access"), "f");
        renameSync(folder, path("older"));
        renameSync(path("next"), folder);
      },
    ],
    ["a file in that replaced", () => renameSync(path("older/access"), file)],
  ]);
  await seesEach(parts, path("a/b/c"), [
    ["the first folder of it", () => mkdirSync(path("a"))],
    ["the second", () => mkdirSync(path("a/b"))],
    ["the file", () => writeFileSync(path("a/b/c"), "")],
    ["its content", () => appendFileSync(path("a/b/c"), "x")],
  ]);
});

test("links: where they lead, and what lies there", async (t) => {
  const parts = fixture(t);
  const { file, path } = parts;
  for (const version of ["1", "2"]) {
    mkdirSync(path(version));
    writeFileSync(path(`${version}/access`), version);
  }
  symlinkSync("1", path("current"));
  unlinkSync(file);
  symlinkSync("../current/access", file);
  const flip = (to: string) => {
    symlinkSync(to, path("link"));
    renameSync(path("link"), path("current"));
  };
  await seesEach(parts, file, [
    ["what it leads to is written", () => appendFileSync(path("1/access"), "b")],
    [
      "what it leads to is replaced",
      () => {
        writeFileSync(path("1/new"), "c");
        renameSync(path("1/new"), path("1/access"));
      },
    ],
    ["a folder on the way is another", () => flip("2")],
    ["that one's file is written", () => appendFileSync(path("2/access"), "d")],
    ["and back", () => flip(path("1"))],
    ["written again", () => appendFileSync(path("1/access"), "e")],
    [
      "the link is replaced by a file",
      () => {
        writeFileSync(path("new"), "f");
        renameSync(path("new"), file);
      },
    ],
    ["which is written", () => appendFileSync(file, "g")],
  ]);
  symlinkSync("loop", path("loop"));
  const loop = parts.watch.over([path("loop")]);
  for (let i = 0; i < 3; i++) {
    assert.equal(loop.isDue(), true, "a way that leads nowhere is looked at each turn");
    assert.equal(loop.isDue(), false);
    await turn();
  }
});

test("a look is due once a second, whatever the system tells", async (t) => {
  const { file, clock, watch } = fixture(t);
  const files = watch.over([file, ""]);
  assert.equal(files.isDue(), true);
  await clock.advance(999);
  assert.equal(files.isDue(), false);
  await clock.advance(1);
  assert.equal(files.isDue(), true);
  assert.equal(files.isDue(), false);
});

test("what may have changed unnoticed is looked at again in the next turn, once", async (t) => {
  const { file, watch } = fixture(t);
  const files = watch.over([file]);
  assert.equal(files.isDue(), true);
  files.lookAgain();
  assert.equal(files.isDue(), false);
  await turn();
  assert.equal(files.isDue(), true);
  await turn();
  assert.equal(files.isDue(), false);
});

test("where the system watches no more, each turn looks, until it does again", async (t) => {
  let full = true;
  const { file, clock, lines, watch } = fixture(t, {
    watchPath: (path) => {
      if (full) throw Object.assign(new Error("ENOSPC: no watch is left"), { code: "ENOSPC" });
      return watchPath(path, { persistent: false });
    },
  });
  const files = watch.over([file]);
  for (let i = 0; i < 5; i++) {
    assert.equal(files.isDue(), true);
    assert.equal(files.isDue(), false);
    await turn();
  }
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /can not be watched \(ENOSPC/);
  full = false;
  await clock.advance(1000);
  assert.equal(files.isDue(), true);
  await turn();
  assert.equal(files.isDue(), false);
  writeFileSync(file, "b");
  await changesTakenIn();
  assert.equal(files.isDue(), true);
});

test("a file has one watch, one descriptor serves all, and closing leaves none", async (t) => {
  const open = new Set<FSWatcher>();
  const { folder, path, watch } = fixture(t, {
    watchPath: (at) => {
      const watcher = watchPath(at, { persistent: false });
      open.add(watcher);
      watcher.once("close", () => open.delete(watcher));
      return watcher;
    },
  });
  const names = Array.from({ length: 50 }, (_, n) => join(folder, `t${n}`));
  for (const name of names) writeFileSync(name, "");
  const descriptors = () =>
    readdirSync("/proc/self/fd").filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).includes("inotify");
      } catch {
        return false;
      }
    }).length;
  const all = [...names, ...names].map((name) => watch.over([name]));
  for (const files of all) files.isDue();
  assert.equal(open.size, 51, "each file and their folder");
  assert.equal(descriptors(), 1);
  assert.ok(!process.getActiveResourcesInfo().includes("FSEvent"), "it keeps no process alive");
  for (const files of all.slice(0, 50)) files.close();
  await turn();
  assert.equal(open.size, 51, "others still watch them");
  for (const files of all.slice(50)) files.close();
  await turn();
  assert.equal(open.size, 0);
  const again = watch.over([path("etc/access")]);
  again.isDue();
  assert.equal(open.size, 2);
  watch.close();
  await turn();
  assert.equal(open.size, 0);
});

/** Edits the file and asks for it over a connection, at once and again and again, while others keep the server busy. */
const CLIENT = `
const { parentPort, workerData: { port, file, rounds } } = require("node:worker_threads");
const { renameSync, writeFileSync, unlinkSync } = require("node:fs");
const { connect } = require("node:net");
const { createInterface } = require("node:readline");
const asker = () => {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  return { ask: async (word) => { socket.write(word + "\\n"); return (await lines.next()).value; }, socket };
};
const write = (text, n) => {
  if (n % 3 === 0) return writeFileSync(file, text);
  writeFileSync(file + ".new", text);
  if (n % 3 === 1) unlinkSync(file);
  renameSync(file + ".new", file);
};
(async () => {
  let over = false;
  const noise = Array.from({ length: 10 }, async () => {
    const { ask, socket } = asker();
    while (!over) await ask("busy");
    socket.destroy();
  });
  const { ask, socket } = asker();
  const stale = [];
  for (let n = 0; n < rounds; n++) {
    write(String(n), n);
    const answer = await ask("key");
    if (answer !== String(n)) stale.push(n + ": " + answer);
  }
  over = true;
  socket.destroy();
  await Promise.all(noise);
  parentPort.postMessage(stale);
})();
`;

test("a command that comes right behind an edit sees it, on a busy server too", async (t) => {
  // The clock stands still: nothing is looked at for the mere time.
  const { file, watch } = fixture(t);
  const files = watch.over([file]);
  let value = "";
  const current = () => {
    if (!files.isDue()) return value;
    try {
      value = readFileSync(file, "utf8");
    } catch {
      value = "";
    }
    return value;
  };
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    createInterface({ input: socket }).on("line", () => {
      void changesTakenIn().then(() => socket.write(`${current()}\n`));
    });
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const client = new Worker(CLIENT, { eval: true, workerData: { port, file, rounds: 500 } });
  const stale = await new Promise<string[]>((resolve, reject) => {
    client.once("message", resolve).once("error", reject);
  });
  assert.deepEqual(stale, []);
});
