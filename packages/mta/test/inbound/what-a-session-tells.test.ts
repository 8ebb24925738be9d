import assert from "node:assert/strict";
import test from "node:test";
import { startInbound } from "./fake-inbound.ts";

test("whoever keeps the loop awake hears of each reply and of all that comes", async (t) => {
  const fixture = await startInbound();
  t.after(() => fixture.stop());
  const { stayAwake } = fixture.listener;
  const told: string[] = [];
  t.mock.method(stayAwake, "answered", () => void told.push("answered"));
  t.mock.method(stayAwake, "came", () => void told.push("came"));
  const client = await fixture.client();
  await client.say("EHLO pc9.example");
  await client.say("MAIL FROM:<a@b.example>");
  await client.say("QUIT");
  // The connection and its greeting, then each command and its reply.
  assert.deepEqual(told, Array.from({ length: 4 }, () => ["came", "answered"]).flat());
});
