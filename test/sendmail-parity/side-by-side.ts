/**
 * Runs every site's cases against the real Sendmail and against mailhost and writes what they did to a file. It is started
 * by {@link runSideBySide} within the private namespace; nothing of the machine outside is touched.
 *
 *     side-by-side.ts DIR [SITE …]
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { startDnsServer } from "../harness/dns-server.ts";
import { startSink } from "../harness/sink.ts";
import type { SiteCases } from "./cases.ts";
import { type Difference, differences } from "./compare.ts";
import type { Observed } from "./observed.ts";
import { RealSendmail } from "./real-sendmail.ts";
import { runCases } from "./run-cases.ts";
import { clearWritten, startOurs, startReal } from "./sides.ts";
import { ACCOUNTS } from "./sites/tables.ts";
import { allSites } from "./sites.ts";
import { SINKS, ZONE } from "./zone.ts";

/** What is written to DIR/results.json. */
export interface SiteResult {
  readonly site: string;
  readonly cases: readonly string[];
  readonly differences: readonly Difference[];
  readonly sendmail: readonly Observed[];
  readonly mailhost: readonly Observed[];
  readonly seconds: { readonly sendmail: number; readonly mailhost: number };
  /** Why one of the two could not be run. */
  readonly failure?: string;
}

const [dir = "", ...wanted] = process.argv.slice(2);

await main();
process.exit(0);

async function main(): Promise<void> {
  const dns = await startDnsServer(ZONE, 53);
  const real = new RealSendmail(dir, ACCOUNTS);
  await real.openLog();
  const results: SiteResult[] = [];
  for (const site of allSites()) {
    if (wanted.length > 0 && !wanted.includes(site.name)) continue;
    const cases = site.cases.map((one) => one.name);
    const seconds = { sendmail: 0, mailhost: 0 };
    const observed: { sendmail: Observed[]; mailhost: Observed[] } = { sendmail: [], mailhost: [] };
    let failure: string | undefined;
    try {
      observed.sendmail = await runReal(real, site, seconds);
      if (process.env.MAILHOST_PARITY_ONLY !== "sendmail") {
        real.clear();
        observed.mailhost = await runOurs(site, seconds);
      }
    } catch (error) {
      failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    const found = observed.mailhost.flatMap((ours, i) =>
      differences({ site: site.name, case: cases[i]! }, observed.sendmail[i]!, ours),
    );
    results.push({
      site: site.name,
      cases,
      differences: found,
      ...observed,
      seconds,
      ...(failure ? { failure } : {}),
    });
    real.removeSite(site.files);
  }
  writeFileSync(join(dir, "results.json"), JSON.stringify(results));
  real.closeLog();
  await dns.close();
}

type Seconds = { sendmail: number; mailhost: number };

async function runReal(real: RealSendmail, site: SiteCases, seconds: Seconds): Promise<Observed[]> {
  const since = Date.now();
  const sinks = await startSinks();
  try {
    return await runCases(await startReal(real, site, sinks), site.cases);
  } finally {
    await real.stop();
    await Promise.all(sinks.map((sink) => sink.close()));
    clearWritten(site);
    seconds.sendmail = (Date.now() - since) / 1000;
  }
}

async function runOurs(site: SiteCases, seconds: Seconds): Promise<Observed[]> {
  const since = Date.now();
  const sinks = await startSinks();
  const ours: (() => unknown)[] = [];
  try {
    return await runCases(
      await startOurs({ after: (end) => void ours.unshift(end) }, site, sinks),
      site.cases,
    );
  } finally {
    for (const end of ours) await end();
    await Promise.all(sinks.map((sink) => sink.close()));
    clearWritten(site);
    seconds.mailhost = (Date.now() - since) / 1000;
  }
}

function startSinks() {
  return Promise.all([
    startSink(SINKS.example, 25, {
      name: "mx.example.com",
      extensions: ["PIPELINING", "SIZE 100000000", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN"],
    }),
    startSink(SINKS.hub, 25, { name: "hub.example.net" }),
    startSink(SINKS.refuses, 25, {
      name: "refuses.example",
      reply: (verb, line) =>
        verb === "RCPT"
          ? /full/.test(line)
            ? "552 5.2.2 mailbox full"
            : "550 5.1.1 no such user"
          : undefined,
    }),
  ]);
}
