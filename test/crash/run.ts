/**
 * `npm run test:crash -- [--messages N] [--kills N] [--seed N] [--hosts N] [--json FILE] [--only mta:close]`: 100,000 messages over 300 kills unless told
 * otherwise, 20 to 40 minutes. Says how it goes after every ten kills. Ends with 1 when an acknowledged letter is lost, a message
 * is torn, or more than 1 of 10,000 came twice.
 * `npm run test:crash -- power-loss [SEED]` and `npm run test:crash -- calls`: the full forms of those tests.
 */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "@mailhost/common/errors";
import { randomFrom } from "../corpus/random.ts";
import { startCrashHost } from "./crash-host.ts";
import { killPoints } from "./kill-points.ts";
import { logOf, type RoundResult, type RoundsResult, runRounds } from "./rounds.ts";

// They end the process themselves.
if (process.argv[2] === "power-loss") await import("../power-loss/run.ts");
if (process.argv[2] === "calls") await import("../failing-calls/run.ts");

const USAGE = `usage: npm run test:crash -- [--messages N] [--kills N] [--seed N] [--hosts N] [--json FILE] [--only PROCESS[:CALL]]
       npm run test:crash -- power-loss [SEED]
       npm run test:crash -- calls [TEXT]
`;

function usage(fault = ""): never {
  process.stderr.write(`${fault}${USAGE}`);
  process.exit(64);
}

const options = {
  messages: { type: "string", default: "100000" },
  kills: { type: "string", default: "300" },
  seed: { type: "string", default: String(Date.now() % 1_000_000) },
  hosts: { type: "string", default: "2" },
  json: { type: "string" },
  only: { type: "string" },
  help: { type: "boolean", short: "h" },
} as const;
const values = given();

function given() {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return usage(`${messageOf(error)}\n`);
  }
}

if (values.help === true) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const [messages, kills, seed, hosts] = [values.messages, values.kills, values.seed, values.hosts].map(
  Number,
) as [number, number, number, number];
if (![messages, kills, seed, hosts].every((n) => Number.isInteger(n) && n >= 0) || kills < hosts || hosts < 1)
  usage();

const say = (text: string) => process.stdout.write(`${text}\n`);
const cleanUps: (() => unknown)[] = [];
const scope = { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) };
const began = Date.now();
const random = randomFrom(seed);
const points = killPoints(kills, random, process.getuid?.() === 0, values.only);
const perRound = Math.ceil(messages / kills);
say(
  `seed ${seed}: ${messages} messages over ${kills} kills, ${perRound} a kill, on ${hosts} hosts side by side`,
);

let done = 0;
let [lost, twice, acknowledged] = [0, 0, 0];
const onRound = (host: number, result: RoundResult) => {
  done += 1;
  lost += result.lost.length;
  twice += result.twice.length;
  for (const key of result.lost) say(`LOST   host ${host} round ${result.round}, ${result.point}: ${key}`);
  for (const key of result.twice) say(`TWICE  host ${host} round ${result.round}, ${result.point}: ${key}`);
  if (done % 10 === 0 || done === kills) {
    const seconds = Math.round((Date.now() - began) / 1000);
    say(
      `${seconds} s: ${done} of ${kills} kills, ${lost} lost, ${twice} twice; last: ${result.point}, ${result.hit}`,
    );
  }
};

async function lane(number: number): Promise<RoundsResult> {
  const at = await startCrashHost(scope, `127.0.0.${40 + number}`);
  const result = await runRounds({
    at,
    points: points.filter((_, n) => n % hosts === number),
    messages: perRound,
    connections: Math.max(4, Math.round(16 / hosts)),
    random: randomFrom(random.integer(0, 0x7fff_ffff)),
    onRound: (one) => onRound(number, one),
  });
  if (result.rounds.some((round) => round.lost.length + round.twice.length > 0) || result.torn.length > 0) {
    const kept = join(mkdtempSync(join(tmpdir(), "mailhost-crash-log-")), "mail.log");
    writeFileSync(kept, logOf(at));
    say(`the log of host ${number} is kept as ${kept}`);
  }
  return result;
}

let code = 1;
try {
  const lanes = await Promise.all(Array.from({ length: hosts }, (_, n) => lane(n)));
  const rounds = lanes.flatMap((one) => one.rounds);
  const torn = lanes.flatMap((one) => one.torn);
  acknowledged = lanes.reduce((sum, one) => sum + one.acknowledged, 0);
  const fetched = lanes.reduce((sum, one) => sum + one.fetched, 0);
  const byPoint = new Map<string, { kills: number; reached: number; lost: number; twice: number }>();
  for (const round of rounds) {
    const key = round.point.replace(/ \d+$/, "");
    const row = byPoint.get(key) ?? { kills: 0, reached: 0, lost: 0, twice: 0 };
    row.kills += 1;
    if (round.hit === "at the point") row.reached += 1;
    row.lost += round.lost.length;
    row.twice += round.twice.length;
    byPoint.set(key, row);
  }
  for (const text of torn.slice(0, 20)) say(`TORN   ${text}`);
  for (const [point, row] of [...byPoint].toSorted(([a], [b]) => a.localeCompare(b))) {
    say(
      `${point.padEnd(32)} ${row.kills} kills, ${row.reached} at the point, ${row.lost} lost, ${row.twice} twice`,
    );
  }
  const seconds = Math.round((Date.now() - began) / 1000);
  const mostTwice = Math.floor(acknowledged / 10_000);
  say(
    `${acknowledged} messages acknowledged, ${fetched} fetched and deleted, ${rounds.length} kills in ${seconds} s: ` +
      `${lost} lost, ${torn.length} torn, ${twice} twice (at most ${mostTwice}); seed ${seed}`,
  );
  code = lost === 0 && torn.length === 0 && twice <= mostTwice ? 0 : 1;
  if (values.json !== undefined) {
    const report = {
      seed,
      acknowledged,
      fetched,
      kills: rounds.length,
      seconds,
      lost,
      torn,
      twice,
      byPoint: [...byPoint],
      rounds,
    };
    writeFileSync(values.json, `${JSON.stringify(report, undefined, 2)}\n`);
  }
} finally {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
}
process.exit(code);
