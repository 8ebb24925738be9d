/** Two thousand people leave their mail programs open. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { loggedIn, type TestClient } from "./harness/client.ts";

const SESSIONS = 2000;
/** Bytes of resident memory that a session may cost. */
const BOUND = 64 * 1024;

test("2,000 sessions that wait cost less than 64 KiB each", { timeout: 120_000 }, async (t) => {
  const child = spawn(
    process.execPath,
    [
      ...["--expose-gc", "--conditions=@mailhost/source", "--import", "tsx"],
      fileURLToPath(new URL("idle-server-child.ts", import.meta.url)),
      String(SESSIONS + 100),
    ],
    { stdio: ["pipe", "pipe", "inherit"] },
  );
  t.after(() => child.kill("SIGKILL"));
  const said = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => Number((await said.next()).value);
  const resident = async () => {
    child.stdin.write("\n");
    return await next();
  };
  const port = await next();
  const open: TestClient[] = [];
  const login = async (from: number, to: number) => {
    for (let i = from; i < to; i += 20) {
      const some = Array.from({ length: Math.min(20, to - i) }, (_, k) => loggedIn(port, `u${i + k}`));
      open.push(...(await Promise.all(some)));
    }
  };
  // The first hundred bring in what is loaded once.
  await login(0, 100);
  const before = await resident();
  await login(100, 100 + SESSIONS);
  const each = ((await resident()) - before) / SESSIONS;
  t.diagnostic(`${Math.round(each / 1024)} KiB a session`);
  assert.ok(each < BOUND, `${Math.round(each / 1024)} KiB a session`);
  assert.match(await open[1234]!.command("STAT"), /^\+OK 20 /);
  for (const client of open) client.drop();
  const ended = once(child, "exit");
  child.stdin.end();
  assert.deepEqual(await ended, [0, null]);
});
