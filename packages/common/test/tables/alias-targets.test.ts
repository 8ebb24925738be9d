import assert from "node:assert/strict";
import { test } from "node:test";
import { readTargetList } from "../../src/tables/alias-targets.ts";

test("no line of a user's list takes long, whatever is in it", () => {
  for (const sign of ["<", ">", "(", ")", '"', "\\", "|", "/", "@", ":include:"]) {
    const began = process.cpuUsage();
    readTargetList(sign.repeat(512 * 1024));
    assert.ok(process.cpuUsage(began).user < 5_000_000, sign);
  }
});

test("commas, brackets and parentheses within a program's item are its own", () => {
  const read = (text: string) =>
    readTargetList(text).map((target) => (target.kind === "program" ? target.command : target.kind));
  assert.deepEqual(read('  |cat (a) <b, "|x, (y)", (note) joe'), ["cat (a) <b", "x, (y)", "local"]);
  assert.deepEqual(read("(note) |cat <a"), ["cat <a"]);
});
