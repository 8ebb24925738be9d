/**
 * `npm run test:crash -- power-loss [SEED]`: one recording, and the power cut at every moment of it,
 * with nothing and with parts of what was not synced left. Ends with 1 when a promise is broken.
 */
import { recordHost } from "./recorded-host.ts";
import { replay } from "./replay.ts";

const seed = Number(process.argv[3] ?? Date.now() % 1_000_000);
const cleanUps: (() => unknown)[] = [];
const scope = { after: (cleanUp: () => unknown) => void cleanUps.push(cleanUp) };
let code = 1;
try {
  const began = Date.now();
  const recording = await recordHost(scope, seed);
  const { moments, cuts } = await replay(recording, { seed, oneIn: 1 });
  process.stdout.write(
    `seed ${seed}: ${recording.promised.length} messages, ${recording.calls.length} calls, power cut ${2 * cuts} times at ` +
      `${moments} moments in ${Math.round((Date.now() - began) / 1000)} s: every promise kept\n`,
  );
  code = 0;
} finally {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp();
}
process.exit(code);
