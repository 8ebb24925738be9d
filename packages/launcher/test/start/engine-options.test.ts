import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { engineOptions } from "../../src/start/engine-options.ts";

const helpersOf = (processors: number) =>
  engineOptions("pop3", processors).map((option) => option.replace("--v8-pool-size=", ""));

test("the engine has a helper for each processor but one, from one to four", () => {
  assert.deepEqual([1, 2, 3, 5, 64].map(helpersOf), [["1"], ["1"], ["2"], ["4"], ["4"]]);
});

test("the engine that runs here knows the options, and has so many threads", () => {
  const program = `
    const { readFileSync } = require("node:fs");
    console.log(/Threads:\\s*(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);`;
  const threadsWith = (processors: number): number => {
    const ran = spawnSync(process.execPath, [...engineOptions("mta", processors), "-e", program], {
      encoding: "utf8",
    });
    assert.equal(ran.stderr, "");
    assert.equal(ran.status, 0);
    return Number(ran.stdout);
  };
  assert.equal(threadsWith(8) - threadsWith(2), 3);
});
