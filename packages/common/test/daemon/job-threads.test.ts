import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { JobThreads } from "../../src/daemon/job-threads.ts";

/** Answers what it is asked; dies of `die`, waits for ever at `wait`. */
const PROGRAM = `
  const { parentPort } = require("node:worker_threads");
  parentPort.on("message", (asked) => {
    if (asked === "die") throw Object.assign(new Error("it died"), { code: "EIO" });
    parentPort.postMessage(asked);
  });`;

function threads(most: number, mayStart: (start: number) => boolean = () => true) {
  let starts = 0;
  const all = new JobThreads<string, string>({
    most,
    idle: 50,
    start() {
      if (!mayStart(++starts)) throw Object.assign(new Error("no more threads"), { code: "EAGAIN" });
      return new Worker(PROGRAM, { eval: true });
    },
  });
  return { all, starts: () => starts };
}

test("jobs are done by as many threads as there may be, each in its turn", async () => {
  const { all, starts } = threads(2);
  const asked = Array.from({ length: 20 }, (_, i) => String(i));
  assert.deepEqual(await Promise.all(asked.map((each) => all.run(each))), asked);
  assert.equal(starts(), 2);
});

test("a job of which a thread dies fails with what it died of, and others get another thread", async () => {
  const { all, starts } = threads(1);
  const jobs = ["a", "die", "b", "die", "c"].map((each) => all.run(each));
  const results = await Promise.allSettled(jobs);
  assert.deepEqual(
    results.map((result) =>
      result.status === "fulfilled" ? result.value : (result.reason as Error).message,
    ),
    ["a", "it died", "b", "it died", "c"],
  );
  assert.equal(starts(), 3);
});

test("threads that are there do all jobs when no more can be started", async () => {
  const { all } = threads(4, (start) => start === 1);
  const asked = ["a", "b", "c", "d"];
  assert.deepEqual(await Promise.all(asked.map((each) => all.run(each))), asked);
});

test("jobs that nobody can do fail, those that wait too, and later ones are tried again", async () => {
  const { all } = threads(1, (start) => start !== 2);
  const results = await Promise.allSettled(["die", "a", "b"].map((each) => all.run(each)));
  assert.deepEqual(
    results.map((result) => result.status === "rejected" && (result.reason as Error).message),
    ["it died", "no more threads", "no more threads"],
  );
  assert.equal(await all.run("c"), "c");
});
