/**
 * `npm run soak -- company [--minutes 120] [--rate N] [--seed N] [--json]`: a company's whole traffic at half of full speed.
 * `npm run soak -- mbox [SECONDS] [SEED]`: kills processes that change a mailbox, for ten minutes unless told otherwise.
 * `npm run soak -- calls`: kills processes that append, log in and quit at each of their system calls, once.
 */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "@mailhost/common/errors";
import { siteAt } from "@mailhost/common/site";
import { scoped } from "../../bench/scope.ts";
import { killForAWhile } from "../../packages/common/test/mbox/churn.ts";
import { ACTIONS, killAt, placesOf } from "../kills/kill-at-calls.ts";
import { companyText, soakCompany } from "./company.ts";

const USAGE = `usage: npm run soak -- company [--minutes N] [--rate MESSAGES-A-SECOND] [--seed N] [--json]
       npm run soak -- mbox [SECONDS] [SEED]
       npm run soak -- calls
`;

const [what, ...args] = process.argv.slice(2);
switch (what) {
  case "company":
    await company(args);
    break;
  case "calls":
    await calls();
    break;
  case "mbox":
    await mbox(args);
    break;
  default:
    usage();
}

function usage(): never {
  process.stderr.write(USAGE);
  process.exit(64);
}

async function company(words: string[]): Promise<void> {
  const options = {
    minutes: { type: "string", default: "120" },
    rate: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    json: { type: "boolean", default: false },
  } as const;
  const values = given();
  function given() {
    try {
      return parseArgs({ args: words, options }).values;
    } catch (error) {
      process.stderr.write(`${messageOf(error)}\n`);
      return usage();
    }
  }
  const [seconds, seed, rate] = [Number(values.minutes) * 60, Number(values.seed), Number(values.rate ?? 1)];
  if (!(seconds > 0) || !Number.isInteger(seed) || !(rate > 0)) usage();
  const say = (text: string) => void process.stderr.write(`${text}\n`);
  say(`seed ${seed}`);
  const result = await scoped((scope) =>
    soakCompany(
      scope,
      {
        seconds,
        seed,
        trial: 10,
        every: { sample: Math.min(30, Math.max(2, seconds / 60)), poll: 5, work: 20 },
        ...(values.rate === undefined ? {} : { rate }),
      },
      say,
    ),
  );
  process.stdout.write(`${values.json ? JSON.stringify(result, undefined, 2) : companyText(result)}\n`);
  process.exit(result.isSound ? 0 : 1);
}

async function calls(): Promise<void> {
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
}

async function mbox([seconds = "600", seed = String(Date.now() % 100_000)]: string[]): Promise<void> {
  if (!(Number(seconds) > 0) || !Number.isInteger(Number(seed))) usage();
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
}
