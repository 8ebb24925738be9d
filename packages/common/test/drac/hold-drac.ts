/**
 * A program for the tests: writes one entry into a site's DRAC table, as the other daemon would.
 *
 * Arguments: root, address, user, time (ms), lifetime (ms).
 */
import { openDracTable } from "../../src/drac/drac-table.ts";
import { siteAt } from "../../src/site.ts";
import { ManualClock } from "../../src/testing/manual-clock.ts";

const [root = "", ip = "", user = "", now = "", lifetime = ""] = process.argv.slice(2);
const table = openDracTable(siteAt(root), {
  lifetime: Number(lifetime),
  clock: new ManualClock(Number(now)),
});
await table.record(ip, user);
await table.close();
