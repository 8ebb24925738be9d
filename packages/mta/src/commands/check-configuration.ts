/**
 * `sendmail -bC`: are the settings and tables sound? Says nothing when they are, as Sendmail does.
 */
import { ConfigError } from "@mailhost/common/errors";
import { NO_LOG } from "@mailhost/common/log/command-log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG, EX_OK } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import type { SendmailStreams } from "./sendmail.ts";

/** Reads everything. @returns the exit code, 78 when there are faults, each a line on standard error */
export async function checkConfiguration(site: Site, { stderr }: SendmailStreams): Promise<number> {
  let faults: readonly ConfigError[];
  try {
    const settings = loadSettings(site);
    const tables = openSiteTables(site, { log: NO_LOG, settings });
    faults = tables.check();
    await tables.close();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults = [error];
  }
  for (const fault of faults) stderr(fault.message);
  return faults.length === 0 ? EX_OK : EX_CONFIG;
}
