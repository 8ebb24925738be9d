/**
 * `mailhost drac`: who may relay for a while after fetching mail. It works on the table that all processes share.
 */
import { isIP } from "node:net";
import { systemClock } from "@mailhost/common/clock";
import { containerGateways, machineFacts } from "@mailhost/common/container-gateway";
import { becomeIdentity, wantedIdentity } from "@mailhost/common/daemon/identity";
import { dracExclusion } from "@mailhost/common/drac/drac-exclusion";
import { type DracEntry, openDracTable } from "@mailhost/common/drac/drac-table";
import { UserError } from "@mailhost/common/errors";
import { normalizeIp, writtenIp } from "@mailhost/common/ip-address";
import { silentLog } from "@mailhost/common/log/log";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG, EX_DATAERR, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import type { Terminal } from "../terminal.ts";
import { durationOf, timeText } from "./time-text.ts";

/** What is done. */
export type DracArguments =
  | { readonly action: "list"; readonly json: boolean }
  | { readonly action: "export" }
  | { readonly action: "remove"; readonly address: string }
  | {
      readonly action: "add";
      readonly address: string;
      readonly user: string;
      readonly duration?: string | undefined;
    };

/**
 * Runs one of the commands.
 *
 * @returns the exit code
 * @throws UserError for what is no address, and for one that can have no entry
 */
export async function dracCommand(site: Site, args: DracArguments, terminal: Terminal): Promise<number> {
  if ("address" in args && isIP(args.address) === 0) {
    throw new UserError(`${args.address}: not an IP address`, EX_USAGE);
  }
  const settings = loadSettings(site);
  const { lifetime, enabled } = settings.drac;
  // The file must stay the daemons'.
  const identity = wantedIdentity(site, settings.run, process.getuid?.() ?? 0);
  if (identity !== undefined) becomeIdentity(identity);
  const tables = openSiteTables(site, { log: silentLog, settings });
  const gateways = new Set(containerGateways(machineFacts));
  const exclusion = dracExclusion({ settings: () => settings, tables, gateways });
  const readOnly = args.action === "list" || args.action === "export";
  const table = openDracTable(site, { lifetime, clock: systemClock, readOnly, exclusion });
  try {
    switch (args.action) {
      case "list":
      case "export":
        if (!enabled) terminal.err("mailhost: drac.enabled is false: these have no effect");
        if (args.action === "export") exportEntries(table.list(), terminal);
        else list(table.list(), args.json, terminal);
        return EX_OK;
      case "remove":
        if (await table.remove(args.address)) {
          terminal.out(`removed ${shown(args.address)}`);
          return EX_OK;
        }
        throw new UserError(
          `${args.address} is not in the table; \`mailhost drac list\` shows it`,
          EX_DATAERR,
        );
      case "add": {
        const { address, user } = args;
        if (!enabled) throw new UserError("nobody relays by DRAC: drac.enabled is false", EX_CONFIG);
        const excluded = exclusion.never(address) ?? exclusion.needless(address);
        if (excluded !== undefined) throw new UserError(`${address} gets no entry: ${excluded}`, EX_DATAERR);
        if (!/^[^\p{Cc}\s]+$/u.test(user)) throw new UserError(`--user: no name: ${user}`, EX_USAGE);
        const duration = durationOf(args.duration, lifetime);
        await table.record(address, user, duration);
        terminal.out(`${shown(address)} may relay until ${timeText(systemClock.now() + duration)}`);
        return EX_OK;
      }
    }
  } finally {
    await table.close();
    await tables.close();
  }
}

function list(entries: readonly DracEntry[], json: boolean, terminal: Terminal): void {
  if (json) {
    const rows = entries.map(({ ip, user, expiresAt }) => ({
      ip,
      user,
      until: new Date(expiresAt).toISOString(),
    }));
    terminal.out(JSON.stringify(rows));
    return;
  }
  for (const { ip, user, expiresAt } of entries) terminal.out([ip, timeText(expiresAt), user].join("\t"));
}

/** As makemap reads it: a comment has a line of its own. */
function exportEntries(entries: readonly DracEntry[], terminal: Terminal): void {
  for (const { ip, user, expiresAt } of entries) {
    terminal.out(`# ${user} until ${timeText(expiresAt)}`);
    terminal.out(`Connect:${writtenIp(ip)}\tRELAY`);
  }
}

function shown(address: string): string {
  return normalizeIp(address) ?? address;
}
