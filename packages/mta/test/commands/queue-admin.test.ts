import assert from "node:assert/strict";
import test from "node:test";
import { queueCommand } from "../../src/commands/queue-admin.ts";
import { enqueue, remote, temporaryQueue, temporarySite } from "../queue/queue-samples.ts";

type Arguments = Parameters<typeof queueCommand>[1];

async function say(
  site: Parameters<typeof queueCommand>[0],
  args: Arguments,
): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const code = await queueCommand(site, args, (line) => lines.push(line));
  return { code, text: lines.join("\n") };
}

test("with no queue yet it is empty, and nothing is made", async (t) => {
  const site = await temporarySite(t);
  assert.deepEqual(await say(site, { action: "list" }), { code: 0, text: "the queue is empty" });
  assert.deepEqual(await say(site, { action: "list", json: true }), { code: 0, text: "" });
  assert.deepEqual(await say(site, { action: "run" }), { code: 0, text: "the queue is empty" });
  await assert.rejects(say(site, { action: "remove", id: "6AONqJ00001234" }), {
    exitCode: 65,
    message: "6AONqJ00001234: no such message in the queue",
  });
});

test("list and show say where a message stands", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const entry = await enqueue(store, { recipients: [remote("c@far.example"), remote("d@far.example")] });
  entry.attempts = 2;
  entry.recipients[0]!.lastReply = { code: 451, enhanced: "4.4.1", text: "Connection refused" };
  await store.change({ update: [entry] });
  const list = await say(site, { action: "list" });
  assert.match(
    list.text,
    new RegExp(
      `^${entry.id}  36 octets  .*Z  next attempt .*Z  <sender@origin.example> -> <c@far.example> and 1 more$`,
    ),
  );
  const show = await say(site, { action: "show", id: entry.id });
  assert.match(show.text, /^attempts: 2, the last /m);
  assert.match(
    show.text,
    /^to: <c@far\.example> \(domain far\.example\) pending: 451 4\.4\.1 Connection refused$/m,
  );
  assert.match(show.text, /^Subject: test$/m);
  const json = JSON.parse((await say(site, { action: "show", id: entry.id, json: true })).text) as {
    id: string;
  };
  assert.equal(json.id, entry.id);
});

test("hold, release and remove work beside a process that has the queue open", async (t) => {
  const { store, site, clock } = await temporaryQueue(t);
  const entry = await enqueue(store);
  assert.deepEqual(await say(site, { action: "hold", id: entry.id }), { code: 0, text: `${entry.id} held` });
  assert.equal(store.get(entry.id)?.held, "by an administrator");
  assert.match((await say(site, { action: "list" })).text, /held \(by an administrator\)/);
  assert.deepEqual(await say(site, { action: "release", id: entry.id }), {
    code: 0,
    text: `${entry.id} released`,
  });
  assert.equal(store.get(entry.id)?.held, undefined);
  assert.deepEqual(await say(site, { action: "remove", id: entry.id }), {
    code: 0,
    text: `${entry.id} removed`,
  });
  assert.equal(store.count(), 0);
  await assert.rejects(say(site, { action: "show", id: entry.id }), { exitCode: 65 });
  await assert.rejects(say(site, { action: "show", id: "../x" }), /not a queue id/);
  await assert.rejects(say(site, { action: "hold" }), /give its id/);
  assert.ok(clock.now() > 0);
});

test("run makes everything due, forced, and says that no daemon runs", async (t) => {
  const { store, site } = await temporaryQueue(t);
  const entry = await enqueue(store);
  entry.nextAttemptAt = Date.now() + 1e9;
  await store.change({ update: [entry] });
  const { code, text } = await say(site, { action: "run" });
  assert.equal(code, 0);
  assert.equal(text, "the daemon is not running; 1 message will be tried when it starts");
  assert.deepEqual(store.due(Date.now(), 10), [entry.id]);
  assert.equal(store.get(entry.id)?.recipients[0]?.forced, true);
});
