/** Who guesses passwords is slowed down, and then banned: at once, on every connection, and before the next password is looked at. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { ManualClock } from "@mailhost/common/testing/manual-clock";
import { connected, type TestClient } from "../harness/client.ts";
import { PASSWORD, startServer, writeMbox } from "../harness/server.ts";
import { until } from "../harness/until.ts";

const BANNED = "-ERR [SYS/TEMP] Too many failed logins from your address; try again later.";

async function server(t: TestContext, settings: string) {
  const clock = new ManualClock();
  const started = await startServer(t, { clock, mayBan: true, settings });
  writeMbox(started.mbox("wang"), ["Subject: one\n\nfirst\n"]);
  const say = async (client: TestClient, line: string): Promise<string | undefined> => {
    client.send(`${line}\r\n`);
    const answer = { text: undefined as string | undefined, done: false };
    void client.line().then((text) => Object.assign(answer, { text, done: true }));
    await until(() => {
      if (!answer.done) void clock.advance(500);
      return answer.done;
    }, `an answer to ${line}`);
    return answer.text;
  };
  const login = async (client: TestClient, password: string) => {
    await say(client, "USER wang");
    return say(client, `PASS ${password}`);
  };
  return { ...started, clock, say, login };
}

test("a ban is said at the next password and at the next connection, and the right password does not help", async (t) => {
  const { port, login, logged, clock } = await server(t, "bans: { failures: 3, window: 1h, time: 1h }\n");
  const client = await connected(port);
  const waiting = await connected(port);
  for (const guess of ["a", "b", "c"]) assert.match((await login(client, guess)) ?? "", /^-ERR \[AUTH\]/);
  assert.equal(await login(waiting, PASSWORD), BANNED);
  assert.equal(await waiting.line(), undefined, "the session ends");
  assert.equal(await login(client, PASSWORD), BANNED);
  const { TestClient: Client } = await import("../harness/client.ts");
  const { connect } = await import("node:net");
  const again = new Client(connect(port, "127.0.0.1"));
  assert.equal(await again.line(), BANNED);
  assert.equal(await again.line(), undefined);
  assert.ok(
    logged.some((line) =>
      /\[AUTH\] ban of 127\.0\.0\.1 until .*: 3 failed logins, the last to wang/.test(line),
    ),
  );
  await clock.advance(3_600_000);
  const later = await connected(port);
  assert.match((await login(later, PASSWORD)) ?? "", /^\+OK/);
});

test("AUTH PLAIN and APOP guesses count as PASS does, and domain and case make no other name", async (t) => {
  const { port, say, login } = await server(t, "bans: { failures: 3, window: 1h }\n");
  const client = await connected(port);
  const plain = Buffer.from("\0WANG@linuxaid.com.cn\0a").toString("base64");
  assert.match((await say(client, `AUTH PLAIN ${plain}`)) ?? "", /^-ERR \[AUTH\]/);
  for (let n = 0; n < 3; n++) {
    assert.match((await login(client, "a")) ?? "", /^-ERR \[AUTH\]/, "the same wrong password once more");
  }
  const other = await connected(port);
  assert.match((await login(other, "b")) ?? "", /^-ERR \[AUTH\]/);
  assert.match((await login(other, PASSWORD)) ?? "", /^\+OK/, "which forgives what was wrong before");
  const last = await connected(port);
  for (const guess of ["c", "d", "e"]) assert.match((await login(last, guess)) ?? "", /^-ERR \[AUTH\]/);
  assert.equal(await login(last, "f"), BANNED);
});
