/**
 * Records clients under a file size limit, which stands for a full disk, until one is not stored, and then one more
 * once there is room; run by drac-table.test.ts. A rejection that nobody handles would end it.
 */
import { execFileSync } from "node:child_process";
import { systemClock } from "../../src/clock.ts";
import { openDracTable } from "../../src/drac/drac-table.ts";
import { siteAt } from "../../src/site.ts";

process.on("SIGXFSZ", () => undefined);

const table = openDracTable(siteAt(process.argv[2]!), { lifetime: 60_000, clock: systemClock });
const record = (n: number) => table.record(`10.1.${n >> 8}.${n & 255}`, "wang".repeat(40));
let stored = 0;
let refused: unknown;
while (refused === undefined && stored < 5000) {
  await record(stored).then(
    () => stored++,
    (error: unknown) => {
      refused = error;
    },
  );
}
process.stdout.write(`refused: ${refused instanceof Error}, kept: ${table.list().length === stored}\n`);
execFileSync("prlimit", ["--pid", String(process.pid), "--fsize=unlimited"]);
await record(stored);
process.stdout.write(`room again: ${table.list().length - stored}\n`);
await table.close();
