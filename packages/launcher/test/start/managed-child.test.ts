import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { lockPidFile, type PidFile } from "@mailhost/common/daemon/pid-file";
import type { Log } from "@mailhost/common/log/log";
import { parseSettings } from "@mailhost/common/settings/load";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { ManagedChild } from "../../src/start/managed-child.ts";
import { until } from "../fixtures/fake-host.ts";

/** A managed child that runs a program text, with a clock that the test moves. */
function prepare(t: TestContext, program: string) {
  const root = mkdtempSync(join(tmpdir(), "mailhost-child-"));
  const entry = join(root, "program.mjs");
  writeFileSync(entry, program);
  const pidFile = lockPidFile(join(root, "child.pid")) as PidFile;
  const clock = new ManualClock();
  const lines: string[] = [];
  const log: Log = { write: (_level, text) => void lines.push(text), close: () => Promise.resolve() };
  const settings = () => parseSettings("", "mailhost.yaml");
  const child = new ManagedChild(
    { name: "mta", entry, listeners: {}, pidFile },
    { root, settings, certificates: () => [], clock, log, execArgv: [] },
  );
  t.after(async () => {
    await Promise.all([child.stop(0), clock.advance(0)]);
    rmSync(root, { recursive: true, force: true });
  });
  const deaths = () => lines.filter((l) => l.includes("starting it again") || l.includes("given up")).length;
  return { child, clock, lines, deaths, root };
}

const DIES_AFTER_READY = `process.once("message", () => process.send({ type: "ready" }, () => process.exit(3)));`;
const LIVES = `process.on("message", (m) => {
  if (m.type === "start") process.send({ type: "ready" });
  if (m.type === "stop") process.exit(0);
});`;

describe("a managed child", () => {
  test("shares two heaps among its threads, unless the launcher's surroundings say otherwise", async (t) => {
    const before = process.env.MALLOC_ARENA_MAX;
    t.after(() => {
      if (before === undefined) delete process.env.MALLOC_ARENA_MAX;
      else process.env.MALLOC_ARENA_MAX = before;
    });
    for (const [given, expected] of [
      [undefined, "2"],
      ["7", "7"],
    ] as const) {
      if (given === undefined) delete process.env.MALLOC_ARENA_MAX;
      else process.env.MALLOC_ARENA_MAX = given;
      const { child, root } = prepare(
        t,
        `import { writeFileSync } from "node:fs";
writeFileSync(new URL("heaps", import.meta.url), process.env.MALLOC_ARENA_MAX);
${LIVES}`,
      );
      await child.start();
      assert.equal(readFileSync(join(root, "heaps"), "utf8"), expected);
    }
  });

  test("starts again at once, then after growing waits", async (t) => {
    const { child, clock, lines, deaths } = prepare(t, DIES_AFTER_READY);
    await child.start();
    await until("the second death", () => deaths() === 2);
    for (const [n, wait] of [500, 1000, 2000, 4000, 8000, 8000].entries()) {
      assert.match(lines.at(-1) ?? "", new RegExp(`ended with code 3; starting it again in ${wait} ms`));
      await clock.advance(wait - 1);
      assert.equal(deaths(), n + 2);
      await clock.advance(1);
      await until(`death ${n + 3}`, () => deaths() === n + 3);
    }
  });

  test("a death after a minute of health counts as the first", async (t) => {
    const { child, clock, lines, deaths } = prepare(t, LIVES);
    await child.start();
    for (let n = 1; n <= 3; n++) {
      await clock.advance(60_000);
      child.kill();
      await until("its death", () => deaths() === n);
      assert.match(lines.find((l) => l.includes("killed by SIGKILL; starting it again")) ?? "", /again$/);
      await until("it is ready again", () => child.status().state === "ready");
    }
    assert.equal(child.status().restarts, 3);
  });

  test("gives up after five deaths before the first ready, with the child's own error", async (t) => {
    const { child, clock, deaths } = prepare(
      t,
      `process.once("message", () =>
         process.send({ type: "failed", message: "the queue is locked", exitCode: 75 }, () => process.exit(75)));`,
    );
    const started = child.start();
    const refused = assert.rejects(started, { message: "the queue is locked", exitCode: 75 });
    for (let n = 2; n <= 5; n++) {
      await until(`death ${n}`, () => deaths() === n);
      await clock.advance(8000);
    }
    await refused;
    assert.equal(child.status().state, "stopped");
  });

  test("is killed when it does not stop in time", async (t) => {
    const { child, clock, lines } = prepare(
      t,
      `process.on("message", () => process.send({ type: "ready" }));`,
    );
    await child.start();
    let gone = false;
    const stopped = child.stop(30_000).then(() => {
      gone = true;
    });
    await clock.advance(29_999);
    assert.equal(gone, false);
    await clock.advance(1);
    await stopped;
    assert.match(lines.join("\n"), /did not finish in time; killed/);
  });

  test("its number is in the pid file while it lives", async (t) => {
    const { child, root } = prepare(t, LIVES);
    await child.start();
    assert.equal(readFileSync(join(root, "child.pid"), "utf8"), `${child.status().pid}\n`);
    await child.stop(1000);
    assert.equal(readFileSync(join(root, "child.pid"), "utf8"), "");
  });
});
