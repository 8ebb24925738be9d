/**
 * Data files on their way in: what is gathered, what a slow or failing disk does.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { createDf, type DfFileSystem, type DfHandle, nodeDfFileSystem } from "../../src/queue/large-body.ts";

const KIB = 1024;
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "mailhost-large-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The real file system with another writev. */
function withWrites(writev: (handle: DfHandle, pieces: readonly Buffer[]) => Promise<number>): DfFileSystem {
  return {
    ...nodeDfFileSystem,
    async open(path, flags, mode) {
      const handle = await nodeDfFileSystem.open(path, flags, mode);
      return new Proxy(handle, {
        get(target, key) {
          if (key === "writev") {
            return async (pieces: readonly Buffer[]) => ({ bytesWritten: await writev(target, pieces) });
          }
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  };
}

test("pieces of any size are gathered, and the rest of a short write is written again", async () => {
  const batches: number[] = [];
  const fs = withWrites(async (handle, pieces) => {
    const bytes = Buffer.concat(pieces);
    batches.push(bytes.length);
    const { bytesWritten } = await handle.writev([bytes.subarray(0, Math.ceil(bytes.length / 2))]);
    return bytesWritten;
  });
  const sizes = [1, 0, 70_000, 65_536, 3, 300_000, ...Array.from({ length: 600 }, (_, i) => i % 7), 500_000];
  const pieces = sizes.map((size, i) => Buffer.alloc(size, i));
  const df = await createDf(dir, "id", fs);
  for (const piece of pieces) await df.write(piece);
  await df.finish();
  const expected = Buffer.concat(pieces);
  assert.ok(readFileSync(join(dir, "id")).equals(expected));
  const firsts = batches.filter((size, i) => i === 0 || size > batches[i - 1]! / 2 + 1);
  assert.ok(firsts.length < 12, `writes of ${firsts.join(", ")}`);
});

test("a disk that does not come back holds the sender up after half a MiB", async () => {
  let free: () => void = () => undefined;
  const stuck = new Promise<void>((done) => (free = done));
  const fs = withWrites(async (handle, pieces) => {
    await stuck;
    return (await handle.writev(pieces as Buffer[])).bytesWritten;
  });
  const df = await createDf(dir, "id", fs);
  const piece = Buffer.alloc(64 * KIB, "x");
  for (let i = 0; i < 7; i++) await df.write(piece);
  let more = false;
  const eighth = df.write(piece).then(() => (more = true));
  for (let i = 0; i < 20; i++) await new Promise<void>((done) => setImmediate(done));
  assert.equal(more, false);
  free();
  await eighth;
  await df.finish();
  assert.equal(readFileSync(join(dir, "id")).length, 8 * piece.length);
});

for (const step of ["write", "finish"] as const) {
  test(`a failed write is told at the next ${step}, and nothing stays behind`, async () => {
    const fs = withWrites(() => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" })));
    const df = await createDf(dir, "id", fs);
    await df.write(Buffer.alloc(300 * KIB));
    const next = step === "write" ? () => df.write(Buffer.alloc(300 * KIB)) : () => df.finish();
    await assert.rejects(next, { code: "ENOSPC", message: /id: full/ });
    await assert.rejects(df.write(Buffer.alloc(300 * KIB)), { code: "ENOSPC" });
    await assert.rejects(df.finish(), { code: "ENOSPC" });
    await df.discard();
    assert.deepEqual(readdirSync(dir), []);
  });
}

test("files that are finished side by side share a sync of their folder, one that began after theirs", async () => {
  const syncs: (() => void)[] = [];
  let filesSynced = 0;
  const fs: DfFileSystem = {
    ...nodeDfFileSystem,
    async open(path, flags, mode) {
      const handle = await nodeDfFileSystem.open(path, flags, mode);
      return new Proxy(handle, {
        get(target, key) {
          if (key === "sync") return () => new Promise<void>((done) => syncs.push(done));
          if (key === "datasync") return () => target.datasync().then(() => void filesSynced++);
          const value: unknown = Reflect.get(target, key);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    },
  };
  const finished: string[] = [];
  const finish = async (id: string) => {
    const df = await createDf(dir, id, fs);
    await df.write(Buffer.from(id));
    await df.finish();
    finished.push(id);
  };
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise<void>((done) => setImmediate(done));
  };
  const first = finish("a");
  await until(() => syncs.length === 1);
  const others = ["b", "c", "d"].map(finish);
  await until(() => filesSynced === 4);
  assert.deepEqual([syncs.length, finished], [1, []]);
  syncs[0]!();
  await first;
  await until(() => syncs.length === 2);
  assert.deepEqual(finished, ["a"]);
  syncs[1]!();
  await Promise.all(others);
  assert.equal(syncs.length, 2);
});

test("a folder that cannot be synced is told to all who wait for it, and asked anew by the next", async () => {
  let broken = true;
  const fs: DfFileSystem = {
    ...nodeDfFileSystem,
    async open(path, flags, mode) {
      if (path === dir && broken) throw Object.assign(new Error("io"), { code: "EIO" });
      return nodeDfFileSystem.open(path, flags, mode);
    },
  };
  const files = await Promise.all(["a", "b", "c"].map((id) => createDf(dir, id, fs)));
  const results = await Promise.allSettled(files.map((df) => df.finish()));
  assert.deepEqual(
    results.map((result) => result.status === "rejected" && (result.reason as { code: string }).code),
    ["EIO", "EIO", "EIO"],
  );
  broken = false;
  const df = await createDf(dir, "d", fs);
  await df.finish();
});

test("a file that is not ours stays, whatever is done with what could not be made", async () => {
  writeFileSync(join(dir, "id"), "another's");
  const df = await createDf(dir, "id", nodeDfFileSystem);
  await df.write(Buffer.from("ours"));
  await assert.rejects(df.finish(), { code: "EEXIST" });
  await df.discard();
  assert.equal(readFileSync(join(dir, "id"), "utf8"), "another's");
});

for (const step of ["open", "writev", "datasync"] as const) {
  test(`a file that is discarded during ${step} is gone, closed once, and never finished`, async () => {
    let reached: () => void = () => undefined;
    let go: () => void = () => undefined;
    const there = new Promise<void>((done) => (reached = done));
    const held = new Promise<void>((done) => (go = done));
    const hold = async () => {
      reached();
      await held;
    };
    const calls: string[] = [];
    const fs: DfFileSystem = {
      ...nodeDfFileSystem,
      async open(path, flags, mode) {
        if (step === "open") await hold();
        const handle = await nodeDfFileSystem.open(path, flags, mode);
        return new Proxy(handle, {
          get(target, key) {
            if (typeof target[key as "close"] !== "function") return Reflect.get(target, key);
            return async (...given: []) => {
              calls.push(`${String(key)} begins`);
              if (key === step) await hold();
              const result: unknown = await (target[key as "close"] as (...all: []) => unknown)(...given);
              calls.push(String(key));
              return result;
            };
          },
        });
      },
    };
    const df = await createDf(dir, "id", fs);
    await df.write(Buffer.from("x"));
    const finishing = assert.rejects(df.finish(), /the file is closed/);
    await there;
    const discarding = df.discard();
    go();
    await Promise.all([finishing, discarding]);
    assert.deepEqual(readdirSync(dir), []);
    assert.deepEqual(calls.slice(-2), ["close begins", "close"]);
    assert.equal(calls.filter((call) => call === "close").length, 1);
    assert.ok(!calls.includes("sync"));
  });
}
