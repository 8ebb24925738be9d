/**
 * `npm run soak -- mbox [SECONDS] [SEED]`: kills processes that change a mailbox, for ten minutes unless told otherwise.
 * `npm run soak -- calls`: kills processes that append, log in and quit at each of their system calls, once.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { siteAt } from "@mailhost/common/site";
import { killForAWhile } from "../../packages/common/test/mbox/churn.ts";
import { ACTIONS, killAt, placesOf } from "../kills/kill-at-calls.ts";

if (process.argv[2] === "calls") {
  for (const action of ACTIONS) {
    const places = await placesOf(action);
    let [killed, changed] = [0, 0];
    for (const place of places) {
      const after = await killAt(action, place);
      if (after.killed) killed++;
      if (after.changed) changed++;
    }
    process.stdout.write(
      `${action}: ${places.length} places, killed at ${killed}; ${changed} times the new mailbox, else the old one\n`,
    );
  }
  process.exit(0);
}

const [what, seconds = "600", seed = String(Date.now() % 100_000)] = process.argv.slice(2);
if (what !== "mbox" || !(Number(seconds) > 0) || !Number.isInteger(Number(seed))) {
  process.stderr.write("usage: npm run soak -- mbox [SECONDS] [SEED]\n       npm run soak -- calls\n");
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
