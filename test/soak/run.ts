/**
 * `npm run soak -- mbox [SECONDS] [SEED]`: kills processes that change a mailbox, for ten minutes unless told otherwise.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siteAt } from "@mailhost/common/site";
import { killForAWhile } from "../../packages/common/test/mbox/churn.ts";

const [what, seconds = "600", seed = String(Date.now() % 100_000)] = process.argv.slice(2);
if (what !== "mbox" || !(Number(seconds) > 0) || !Number.isInteger(Number(seed))) {
  process.stderr.write("usage: npm run soak -- mbox [SECONDS] [SEED]\n");
  process.exit(64);
}
const site = siteAt(mkdtempSync(join(tmpdir(), "mailhost-soak-")));
mkdirSync(site.spoolDir, { recursive: true });
mkdirSync(site.stateDir, { recursive: true });
process.stdout.write(`seed ${seed}, ${seconds} s, in ${site.root}\n`);
// After a failure the mailbox and its journal stay for whoever looks into it.
const { kills, changes, within, carriedOut } = await killForAWhile(
  site,
  "user",
  Number(seconds),
  Number(seed),
);
rmSync(site.root, { recursive: true, force: true });
process.stdout.write(
  `${kills} kills, ${within} within a change, of which ${carriedOut} were carried out; ${changes} changes; all mailboxes sound\n`,
);
