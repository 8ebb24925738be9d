import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import { systemClock } from "@mailhost/common/clock";
import { mailboxPaths } from "@mailhost/common/mbox/mailboxes";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import type { Letter, MailboxOrder } from "../../src/deliver/mailbox-order.ts";
import { startMailboxThread, startWorker } from "../../src/deliver/mailbox-thread.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import type { MessageBody } from "../../src/queue/queue-store.ts";
import { bodyOf, listLog, temporarySite } from "../queue/queue-samples.ts";

async function rig(t: TestContext) {
  const site = await temporarySite(t);
  mkdirSync(site.spoolDir, { recursive: true });
  mkdirSync(site.stateDir, { recursive: true });
  const log = listLog();
  const order = (
    name: string,
    bodies: readonly MessageBody[],
    rest?: Partial<MailboxOrder>,
  ): MailboxOrder => ({
    paths: mailboxPaths(site, name),
    uid: undefined,
    lockTimeout: 0,
    limit: undefined,
    letters: bodies.map(
      (body, i): Letter => ({ sender: "a@far.example", receivedAt: 0, note: `${i} ${name}`, body }),
    ),
    ...rest,
  });
  const mbox = (name: string) => readFile(join(site.spoolDir, name), "latin1");
  return { site, log, order, mbox };
}

const nothing = () => undefined;

test("letters in memory, in a file and from a stream come into their mailboxes in order", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const thread = startMailboxThread({ site, clock: systemClock, log });
  const file = join(site.root, "large");
  const large = `Subject: large\r\n\r\n${"0123456789\r\n".repeat(200_000)}`;
  await writeFile(file, large);
  const streamed: MessageBody = {
    size: 300_000,
    whole: () => undefined,
    async *stream() {
      yield Buffer.from("Subject: streamed\r\n\r\n");
      for (let i = 0; i < 10; i++) yield Buffer.from(`${"x".repeat(998)}\r\n`.repeat(30));
    },
  };
  const inFile = { ...bodyOf(""), size: large.length, whole: () => undefined, file };
  const bodies = [bodyOf("Subject: one\r\n\r\n"), inFile, streamed, bodyOf("Subject: two\r\n\r\nFrom x\r\n")];
  const outcomes = await Promise.all(
    ["bob", "eve"].map((name) => thread.write(order(name, bodies), nothing)),
  );
  assert.deepEqual(
    outcomes.flat().map(({ kind }) => kind),
    Array.from({ length: 8 }, () => "delivered"),
  );
  for (const name of ["bob", "eve"]) {
    const text = await mbox(name);
    assert.deepEqual(
      text.match(/^Subject: .*$/gm),
      ["one", "large", "streamed", "two"].map((subject) => `Subject: ${subject}`),
    );
    assert.equal(text.match(/^0123456789$/gm)?.length, 200_000);
    assert.equal(text.match(/^x{998}$/gm)?.length, 300);
    assert.ok(text.endsWith("\n>From x\n\n"));
  }
  assert.deepEqual((await readdir(site.spoolDir)).sort(), ["bob", "eve"]);
  await thread.close();
  assert.deepEqual(log.lines, []);
});

test("a letter is copied from where it is; one that can not be is streamed, and leaves no gap", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const thread = startMailboxThread({ site, clock: systemClock, log });
  t.after(() => thread.close());
  const asked: string[] = [];
  /** A letter whose memory was let go of. */
  const letter = (
    subject: string,
    copy: (text: Buffer, target: Buffer, at: number) => boolean,
  ): MessageBody => {
    const text = Buffer.from(`Subject: ${subject}\r\n\r\n${`${subject} `.repeat(100)}\r\n`);
    return {
      ...bodyOf(text),
      whole: () => assert.fail("it would be in memory twice"),
      copyTo: (target, at) => copy(text, target, at),
      async *stream() {
        asked.push(subject);
        yield text;
      },
    };
  };
  const bodies = [
    letter("one", (text, target, at) => text.copy(target, at) === text.length),
    letter("missing", () => false),
    letter("half read", (text, target, at) => {
      text.copy(target, at, 0, 20);
      throw new Error("disk read error");
    }),
    letter("four", (text, target, at) => text.copy(target, at) === text.length),
    bodyOf("Subject: five\r\n\r\nin memory\r\n"),
  ];
  const outcomes = await thread.write(order("bob", bodies), nothing);
  assert.ok(outcomes.every(({ kind }) => kind === "delivered"));
  assert.deepEqual(asked, ["missing", "half read"]);
  const texts = (await mbox("bob")).split(/^From a@far.*\nReturn-Path: .*\n/m).slice(1);
  assert.deepEqual(texts, [
    ...["one", "missing", "half read", "four"].map((s) => `Subject: ${s}\n\n${`${s} `.repeat(100)}\n\n`),
    "Subject: five\n\nin memory\n\n",
  ]);
});

test("a letter that can not be read is deferred, and the others of its batch come", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const thread = startMailboxThread({ site, clock: systemClock, log });
  t.after(() => thread.close());
  const gone = { ...bodyOf(""), size: 100_000, whole: () => undefined, file: join(site.root, "gone") };
  const broken: MessageBody = {
    size: 10,
    whole() {
      throw new Error("disk read error");
    },
    async *stream() {
      yield Buffer.from("half");
      throw new Error("disk read error");
    },
  };
  const [one, two] = ["one", "two"].map((subject) => bodyOf(`Subject: ${subject}\r\n\r\n`));
  const outcomes = await thread.write(order("bob", [one!, gone, broken, two!]), nothing);
  assert.deepEqual(
    outcomes.map(({ kind, reply }) => `${kind} ${reply.enhanced}`),
    ["delivered 2.0.0", "deferred 4.3.0", "deferred 4.3.0", "delivered 2.0.0"],
  );
  assert.deepEqual((await mbox("bob")).match(/^Subject: .*$/gm), ["Subject: one", "Subject: two"]);
  assert.match(log.lines.join("\n"), /local delivery: .*can not be read/);
});

test("limits count, and the owner of a mailbox is warned", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const thread = startMailboxThread({ site, clock: systemClock, log });
  t.after(() => thread.close());
  const limit = {
    octets: 4800,
    isCertain: true,
    action: "bounce",
    warnAt: 80,
    hostname: "h.example",
  } as const;
  const body = bodyOf(`Subject: x\r\n\r\n${"y".repeat(900)}\r\n`);
  const outcomes = await thread.write(order("bob", Array<MessageBody>(6).fill(body), { limit }), nothing);
  assert.deepEqual(
    outcomes.map(({ reply }) => reply.enhanced),
    ["2.0.0", "2.0.0", "2.0.0", "2.0.0", "5.2.2", "5.2.2"],
  );
  assert.match(await mbox("bob"), /Your mailbox is \d+% full/);
  assert.match(log.lines.join("\n"), /the owner was warned/);
});

test("a lock of another program is waited for, and said to be", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const thread = startMailboxThread({ site, clock: systemClock, log });
  t.after(() => thread.close());
  const lock = join(site.spoolDir, "bob.lock");
  await writeFile(lock, "");
  let written: Promise<Outcome[]> | undefined;
  await new Promise<void>((waits) => {
    written = thread.write(order("bob", [bodyOf("Subject: x\r\n\r\n")], { lockTimeout: 60_000 }), waits);
  });
  assert.equal(
    (await thread.write(order("eve", [bodyOf("Subject: y\r\n\r\n")]), nothing))[0]?.kind,
    "delivered",
  );
  await rm(lock);
  assert.equal((await written!)[0]?.kind, "delivered");
  assert.match(await mbox("bob"), /^Subject: x$/m);
});

test("letters of many orders, whose memory is used again and again, never get mixed up", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const thread = startMailboxThread({ site, clock: systemClock, log });
  const names = ["bob", "eve", "dan"];
  const sent = new Map<string, string[]>(names.map((name) => [name, []]));
  let number = 0;
  /** Long and short ones in turn, so that what is left over from a long one lies behind a short one. */
  const letter = (name: string): MessageBody => {
    const line = `letter ${number} to ${name} `;
    const lines = number % 3 === 0 ? 800 : 1 + (number % 7);
    number += 1;
    sent.get(name)!.push(`${line}\n`.repeat(lines));
    return bodyOf(`Subject: ${line}\r\n\r\n${`${line}\r\n`.repeat(lines)}`);
  };
  await Promise.all(
    names.map(async (name) => {
      for (let round = 0; round < 20; round += 1) {
        const bodies = Array.from({ length: 1 + (round % 5) }, () => letter(name));
        const outcomes = await thread.write(order(name, bodies), nothing);
        assert.ok(outcomes.every(({ kind }) => kind === "delivered"));
      }
    }),
  );
  await thread.close();
  for (const name of names) {
    const bodies = (await mbox(name)).split(/^From a@far.*\n/m).slice(1);
    assert.deepEqual(
      bodies.map((text) => text.slice(text.indexOf("\n\n") + 2, -1)),
      sent.get(name),
    );
  }
  assert.deepEqual(log.lines, []);
});

test("a thread that dies defers what it had, is told of, and has a successor after a second", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const clock = new ManualClock();
  const threads: Worker[] = [];
  let fail = true;
  const real = startMailboxThread({ site, clock: systemClock, log });
  t.after(() => real.close());
  const thread = startMailboxThread({
    site,
    clock,
    log,
    start(workerData) {
      const code = fail
        ? `require("worker_threads").parentPort.on("message", () => { throw new Error("out of luck"); })`
        : `const { parentPort } = require("worker_threads");
           parentPort.on("message", (m) => {
             if (m.end) { parentPort.close(); return; }
             const outcome = { kind: "delivered", relay: "local", reply: { code: 250, enhanced: "2.0.0", text: "Sent" }, dsnRelayed: false };
             parentPort.postMessage({ answers: m.orders.map(({ id, letters, bytes }) => ({ id, bytes, outcomes: letters.map(() => outcome) })) });
           })`;
      const worker = new Worker(code, { eval: true, workerData });
      threads.push(worker);
      return worker;
    },
  });
  const bodies = [bodyOf("Subject: a\r\n\r\n"), bodyOf("Subject: b\r\n\r\n")];
  const lost = await thread.write(order("bob", bodies), nothing);
  assert.deepEqual(
    lost.map(({ kind, reply }) => `${kind} ${reply.code} ${reply.enhanced}`),
    ["deferred 451 4.3.0", "deferred 451 4.3.0"],
  );
  assert.match(log.lines.join("\n"), /the thread that writes mailboxes died: .*out of luck/);
  fail = false;
  assert.equal((await thread.write(order("bob", bodies), nothing))[0]?.kind, "deferred");
  assert.equal(threads.length, 1);
  await clock.advance(1000);
  assert.equal((await thread.write(order("bob", bodies), nothing))[0]?.kind, "delivered");
  assert.equal(threads.length, 2);
  await thread.close();
  // Nothing of the dead thread is in the way.
  assert.equal((await real.write(order("bob", bodies), nothing))[0]?.kind, "delivered");
  assert.equal((await mbox("bob")).match(/^From /gm)?.length, 2);
});

test("a thread that dies in the middle of a batch leaves what any dead process leaves", async (t) => {
  const { site, log, order, mbox } = await rig(t);
  const clock = new ManualClock();
  const threads: Worker[] = [];
  const thread = startMailboxThread({
    site,
    clock,
    log,
    start(data) {
      const worker = startWorker(data);
      threads.push(worker);
      return worker;
    },
  });
  t.after(() => thread.close());
  let asked: () => void = nothing;
  const isAsked = new Promise<void>((told) => {
    asked = told;
  });
  const endless: MessageBody = {
    size: 100_000,
    whole: () => undefined,
    async *stream() {
      yield Buffer.from(`${"x".repeat(998)}\r\n`.repeat(400));
      asked();
      await new Promise(() => undefined);
    },
  };
  const lost = thread.write(order("bob", [bodyOf("Subject: a\r\n\r\n"), endless]), nothing);
  await isAsked;
  await threads[0]!.terminate();
  assert.deepEqual(
    (await lost).map(({ kind, reply }) => `${kind} ${reply.enhanced}`),
    ["deferred 4.3.0", "deferred 4.3.0"],
  );
  await clock.advance(1000);
  // Its descriptors are closed: with the kernel's lock to be had, the change that it left half done is undone at once.
  const again = await thread.write(
    order("bob", [bodyOf("Subject: b\r\n\r\n")], { lockTimeout: 20_000 }),
    nothing,
  );
  assert.equal(again[0]?.kind, "delivered");
  assert.deepEqual((await mbox("bob")).match(/^Subject: .*$/gm), ["Subject: b"]);
  assert.match(log.lines.join("\n"), /bob: an unfinished append was undone/);
  assert.match(log.lines.join("\n"), /bob.lock: broke a stale lock/);
});

test("a mailbox that stays locked keeps two hundred others from nothing", async (t) => {
  const { site, log, order } = await rig(t);
  const thread = startMailboxThread({ site, clock: systemClock, log });
  t.after(() => thread.close());
  const lock = join(site.spoolDir, "bob.lock");
  await writeFile(lock, "");
  const body = [bodyOf("Subject: x\r\n\r\n")];
  let isOver = false;
  const held = thread.write(order("bob", body, { lockTimeout: 600_000 }), nothing).finally(() => {
    isOver = true;
  });
  const others = await Promise.all(
    Array.from({ length: 200 }, (_, i) => thread.write(order(`user${i}`, body), nothing)),
  );
  assert.ok(others.every(([outcome]) => outcome?.kind === "delivered"));
  assert.equal(isOver, false);
  await rm(lock);
  assert.equal((await held)[0]?.kind, "delivered");
});

test("a thread that can not be started defers", async (t) => {
  const { site, log, order } = await rig(t);
  const thread = startMailboxThread({
    site,
    clock: systemClock,
    log,
    start() {
      throw new Error("no more threads");
    },
  });
  assert.equal((await thread.write(order("bob", [bodyOf("x\r\n")]), nothing))[0]?.reply.enhanced, "4.3.0");
  assert.match(log.lines.join("\n"), /can not be started: no more threads/);
  await thread.close();
});
