import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenCommits } from "../../src/overload/open-commits.ts";

test("the oldest is the one that has not ended, in whatever order they end", () => {
  const commits = new OpenCommits();
  assert.deepEqual([commits.size, commits.oldest], [0, undefined]);
  const [first, second, third] = [commits.begin(10), commits.begin(20), commits.begin(30)];
  assert.deepEqual([commits.size, commits.oldest], [3, 10]);
  commits.end(second);
  assert.deepEqual([commits.size, commits.oldest], [2, 10]);
  commits.end(first);
  assert.deepEqual([commits.size, commits.oldest], [1, 30]);
  const fourth = commits.begin(40);
  commits.end(third);
  assert.deepEqual([commits.size, commits.oldest], [1, 40]);
  commits.end(fourth);
  assert.deepEqual([commits.size, commits.oldest], [0, undefined]);
});
