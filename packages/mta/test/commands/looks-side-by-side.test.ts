import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { waitsInJournal } from "../../src/queue/open-queue.ts";
import { temporarySite } from "../queue/queue-samples.ts";

const program = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const WRITER = program("../queue/crash-writer.ts");
const LOOKER = program("counting-look.ts");
const LOOKERS = 5;

type Child = ChildProcessByStdio<Writable, Readable, null>;

function run(path: string, ...args: string[]): Child {
  const options = process.execArgv.filter((arg) => arg !== "--test");
  return spawn(process.execPath, [...options, path, ...args], { stdio: ["pipe", "pipe", "inherit"] });
}

/** What a child prints until `enough` of it, or the end. */
async function printed(child: Child, enough: (text: string) => boolean = () => false): Promise<string> {
  let text = "";
  for await (const piece of child.stdout.iterator({ destroyOnReturn: false })) {
    text += String(piece);
    if (enough(text)) break;
  }
  return text;
}

test("commands that look at the queue of a killed host in the same moment all see every message", async (t) => {
  const site = await temporarySite(t);
  for (const round of [1, 2, 3]) {
    const writer = run(WRITER, site.root, "daemon");
    const killed = once(writer, "exit");
    const text = await printed(writer, (lines) => {
      if (lines.length > 5000) writer.kill("SIGKILL");
      return false;
    });
    await killed;
    const done = new Set<string>();
    const accepted = new Set<string>();
    for (const line of text.split("\n").slice(0, -1)) {
      const id = line.split(" ")[0]!;
      if (id.startsWith("-")) done.add(id.slice(1));
      else accepted.add(id);
    }
    assert.ok(accepted.size > 50);
    assert.ok(waitsInJournal(site), "the writer left a journal");

    const lookers = Array.from({ length: LOOKERS }, () => run(LOOKER, site.root));
    t.after(() => {
      for (const looker of lookers) looker.kill("SIGKILL");
    });
    await Promise.all(lookers.map((looker) => printed(looker, (said) => said.includes("ready\n"))));
    const ends = lookers.map((looker) => once(looker, "exit"));
    for (const looker of lookers) looker.stdin.end("now\n");
    const seen = await Promise.all(lookers.map((looker) => printed(looker)));
    for (const end of ends) assert.deepEqual(await end, [0, null]);
    for (const line of seen) {
      const ids = new Set(line.trim().split(" "));
      const missing = [...accepted].filter((id) => !done.has(id) && !ids.has(id));
      assert.deepEqual(missing, [], `round ${round}: of ${accepted.size}`);
    }
    assert.ok(!waitsInJournal(site));
  }
});
