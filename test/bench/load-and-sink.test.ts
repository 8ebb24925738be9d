/**
 * The load generator and the sink of the bench, in C and for Node: each load says that all was accepted, each sink has counted it.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { compileNative, type NativePrograms } from "../../bench/native.ts";
import { type LoadResult, loadArguments } from "../../bench/smtp-load.ts";
import { startSink } from "../../bench/smtp-server.ts";
import { cleanUpLater } from "../harness/clean-ups.ts";
import { needs, runProgram } from "../harness/programs.ts";

const node = (name: string) => [
  process.execPath,
  "--import",
  "tsx",
  new URL(`../../bench/${name}`, import.meta.url).pathname,
];
const FOR_NODE: NativePrograms = { load: node("smtp-load.ts"), sink: node("smtp-sink.ts"), described: "" };

test("as many as are sent are accepted, and are in the sink", needs("gcc"), async (t) => {
  const scope = { after: (cleanUp: () => unknown) => cleanUpLater(t, cleanUp) };
  const inC = compileNative(scope);
  const loads = [
    [1, 0],
    [3, 10_240],
    [0, 300_000],
  ] as const;
  for (const [load, to, these] of [
    [inC, inC, loads],
    [inC, FOR_NODE, loads],
    // This one takes long to start.
    [FOR_NODE, inC, loads.slice(1, 2)],
  ] as const) {
    const sink = await startSink(scope, to);
    for (const [each, size] of these) {
      const before = sink.figures().messages;
      const wanted = {
        port: sink.port,
        messages: 40,
        connections: 7,
        each,
        size,
        mailboxes: 3,
        domain: "a.test",
      };
      const [program = "", ...args] = [...load.load, ...loadArguments({ ...wanted, seconds: 60 })];
      const { stdout } = await runProgram(program, args, { within: 90_000 });
      const result = JSON.parse(stdout) as LoadResult;
      assert.deepEqual([result.accepted, result.failures, result.firstFailure], [40, 0, ""]);
      assert.equal(sink.figures().messages - before, 40);
      assert.ok(sink.figures().lastAt >= result.startedAt - 1000);
      assert.ok(result.letter.median > 0 && result.letter.longest >= result.letter.p99);
    }
  }
});

test(
  "what can not be sent is a failure that is told, and the load ends when its time is over",
  needs("gcc"),
  async (t) => {
    const [program = ""] = compileNative({ after: (cleanUp) => cleanUpLater(t, cleanUp) }).load;
    const { stdout } = await runProgram(program, ["port=1", "messages=3", "connections=2", "seconds=1"]);
    const result = JSON.parse(stdout) as LoadResult;
    assert.equal(result.accepted, 0);
    assert.match(result.firstFailure, /refused/);
    assert.ok(result.failures > 0);
  },
);
