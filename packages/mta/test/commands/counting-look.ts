/**
 * A process for looks-side-by-side.test.ts: says `ready`, waits for a line, and prints the ids of all messages in the queue, as `mailq`
 * sees them, in one line.
 */
import { once } from "node:events";
import { siteAt } from "@mailhost/common/site";
import { viewQueue } from "../../src/commands/queue-view.ts";

process.stdout.write("ready\n");
await once(process.stdin, "data");
process.stdin.destroy();
const ids = await viewQueue(siteAt(process.argv[2]!), (store) =>
  [...(store?.list() ?? [])].map((entry) => entry.id),
);
process.stdout.write(`${ids.join(" ")}\n`);
