/**
 * `npm run fuzz -- commands|mbox [--time 10m] [--seed N]`: fuzzes for a time and ends with code 1 at the first failure, which
 * is then in test/fuzz/corpus.
 */
import { parseArgs } from "node:util";
import { commandsTarget } from "./commands-target.ts";
import { fuzz } from "./fuzzing.ts";
import { mboxTarget } from "./mbox-target.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000 };
const USAGE = "usage: npm run fuzz -- commands|mbox [--time 10m] [--seed N]\n";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { time: { type: "string", default: "10m" }, seed: { type: "string" } },
});
const [, amount, unit] = /^(\d+)([smh])$/.exec(values.time) ?? [];
const seed = Number(values.seed ?? Date.now() % 2 ** 31);
const cleanUps: (() => unknown)[] = [];
const name = positionals[0] ?? "";

if (!["commands", "mbox"].includes(name) || amount === undefined || !Number.isInteger(seed)) {
  process.stderr.write(USAGE);
  process.exit(64);
}
const after = (cleanUp: () => unknown) => void cleanUps.unshift(cleanUp);
const target = name === "mbox" ? mboxTarget() : await commandsTarget({ after } as never);
process.stdout.write(`${name}: seed ${seed}, ${values.time}\n`);
const { runs, kinds, failure } = await fuzz(target, {
  duration: Number(amount) * UNITS[unit!]!,
  seed,
  keep: true,
});
process.stdout.write(`${name}: ${runs} inputs, ${kinds} kinds of outcomes\n`);
if (failure !== undefined) {
  process.stdout.write(`${JSON.stringify(failure.input.toString("latin1"))}\n${failure.file ?? ""}\n`);
  process.stderr.write(
    `${failure.error instanceof Error ? (failure.error.stack ?? "") : String(failure.error)}\n`,
  );
  process.exitCode = 1;
}
await target.close();
for (const cleanUp of cleanUps) await cleanUp();
