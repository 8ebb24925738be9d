// time limit: 280 s
/**
 * kill -9 of every process of a host in the middle of its work, the short form of `npm run test:crash`: what was acknowledged is
 * where it belongs, whole and once.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { randomFrom } from "../corpus/random.ts";
import { startCrashHost } from "./crash-host.ts";
import { killPoints } from "./kill-points.ts";
import { runRounds } from "./rounds.ts";

/** Another one each day, so that all points have their turn. */
const SEED = Number(process.env.MAILHOST_CRASH_SEED ?? Math.floor(Date.now() / 86_400_000));
const KILLS = 12;
const MESSAGES = 50;

test(`${KILLS * MESSAGES} messages, ${KILLS} kills: nothing acknowledged is lost`, {
  timeout: 270_000,
}, async (t) => {
  const random = randomFrom(SEED);
  const at = await startCrashHost(t, "127.0.0.39");
  let reached = 0;
  const result = await runRounds({
    at,
    points: killPoints(KILLS, random, process.getuid?.() === 0),
    messages: MESSAGES,
    connections: 8,
    random,
    onRound: ({ hit }) => {
      if (hit === "at the point") reached += 1;
    },
  });
  const lost = result.rounds.flatMap((round) => round.lost.map((key) => `${key} (${round.point})`));
  const twice = result.rounds.flatMap((round) => round.twice.map((key) => `${key} (${round.point})`));
  t.diagnostic(
    `seed ${SEED}: ${result.acknowledged} acknowledged, ${result.fetched} fetched, ${reached} of ${KILLS} kills at their points, ` +
      `${twice.length} letters twice ${twice.join(", ")}`,
  );
  assert.deepEqual(lost, []);
  assert.deepEqual(result.torn, []);
  // What another host had taken while we were killed comes twice; a mailbox knows better.
  assert.ok(twice.length <= KILLS / 2, `${twice.length} letters came twice: ${twice.join(", ")}`);
  assert.ok(result.fetched > 0 && reached > KILLS / 3);
});
