import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const MODULE = new URL("../../src/commands/standard-input.ts", import.meta.url).href;
const PROGRAM = `
  const { standardInput } = await import(${JSON.stringify(MODULE)});
  process.stdout.write("reading\\n");
  let text = "";
  for await (const piece of standardInput()) text += piece.toString();
  process.stdout.write(JSON.stringify(text));
`;

/** A program that prints what it reads. */
function reader(stdin: "pipe" | "ignore" | Socket): {
  child: ChildProcess;
  reading: Promise<void>;
  printed: Promise<string>;
} {
  const child = spawn(
    process.execPath,
    [...process.execArgv.filter((arg) => !arg.startsWith("--test")), "--input-type=module", "-e", PROGRAM],
    { stdio: [stdin, "pipe", "inherit"] },
  );
  let text = "";
  let begun: () => void = () => undefined;
  const reading = new Promise<void>((resolve) => {
    begun = resolve;
  });
  child.stdout!.on("data", (piece: Buffer) => {
    text += piece.toString();
    begun();
  });
  const printed = once(child, "close").then(() => text.replace("reading\n", ""));
  return { child, reading, printed };
}

test("a pipe is read to its end, piece by piece", async () => {
  const { child, reading, printed } = reader("pipe");
  child.stdin!.write("one\n");
  await reading;
  child.stdin!.end("two\n");
  assert.equal(await printed, JSON.stringify("one\ntwo\n"));
});

test("nothing at all", async () => {
  assert.equal(await reader("ignore").printed, JSON.stringify(""));
});

test("a descriptor that does not block is waited for", async (t) => {
  const dir = mkdtempSync(join(tmpdir(), "standard-input-"));
  const path = join(dir, "s");
  const server = createServer();
  t.after(() => {
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  server.listen(path);
  await once(server, "listening");
  const ours = connect(path);
  const [theirs] = (await once(server, "connection")) as [Socket];
  theirs.pause();
  const { reading, printed } = reader(theirs);
  await reading;
  ours.end("late\n");
  assert.equal(await printed, JSON.stringify("late\n"));
  theirs.destroy();
});
