/**
 * `mailhost bans`: who may not log in for a while. It works on the memory that all processes share, whether they run or not.
 */
import { isIP } from "node:net";
import { systemClock } from "@mailhost/common/clock";
import { containerGateways, machineFacts } from "@mailhost/common/container-gateway";
import { becomeIdentity, wantedIdentity } from "@mailhost/common/daemon/identity";
import { UserError } from "@mailhost/common/errors";
import type { Log } from "@mailhost/common/log/log";
import { banExemption } from "@mailhost/common/login/ban-exemption";
import type { Ban } from "@mailhost/common/login/login-guard";
import { openLoginGuard, type SiteLoginGuard } from "@mailhost/common/login/open-login-guard";
import { networkList, readNetwork } from "@mailhost/common/network-list";
import { loadSettings } from "@mailhost/common/settings/load";
import type { Settings } from "@mailhost/common/settings/settings";
import type { Site } from "@mailhost/common/site";
import { EX_CONFIG, EX_DATAERR, EX_OK, EX_USAGE } from "@mailhost/common/sysexits";
import { openSiteTables } from "@mailhost/common/tables/site-tables";
import type { Terminal } from "../terminal.ts";
import { durationOf, timeText } from "./time-text.ts";

/** What is done. */
export type BansArguments =
  | { readonly action: "list"; readonly json: boolean }
  | { readonly action: "lift"; readonly network?: string | undefined; readonly all: boolean }
  | { readonly action: "add"; readonly address: string; readonly duration?: string | undefined };

/**
 * Runs one of the commands.
 *
 * @returns the exit code
 * @throws UserError for what is no address, and for an address that is never banned
 */
export function bansCommand(site: Site, args: BansArguments, terminal: Terminal): number {
  const settings = loadSettings(site);
  // The file must stay the daemons'.
  const identity = wantedIdentity(site, settings.run, process.getuid?.() ?? 0);
  if (identity !== undefined) becomeIdentity(identity);
  const log = terminalLog(terminal);
  const tables = openSiteTables(site, { log, settings });
  const gateways = new Set(containerGateways(machineFacts));
  const exemption = banExemption({ settings: () => settings, tables, gateways });
  const guard = openLoginGuard(site, { settings: () => settings, exemption, clock: systemClock, log });
  try {
    switch (args.action) {
      case "list":
        show(guard.list(), args.json, settings, terminal);
        return EX_OK;
      case "lift":
        return lift(guard, args, terminal);
      case "add": {
        const { address } = args;
        if (isIP(address) === 0) throw new UserError(`${address}: not an IP address`, EX_USAGE);
        if (!settings.bans.enabled) throw new UserError("nobody is banned: bans.enabled is false", EX_CONFIG);
        const exempt = exemption(address);
        if (exempt !== undefined) throw new UserError(`${address} is never banned: ${exempt}`, EX_DATAERR);
        const { network, until } = guard.ban(address, durationOf(args.duration, settings.bans.time));
        terminal.out(`banned ${network} until ${timeText(until)}`);
        return EX_OK;
      }
    }
  } finally {
    guard.close();
    void tables.close();
  }
}

function lift(
  guard: SiteLoginGuard,
  { network, all }: Extract<BansArguments, { action: "lift" }>,
  terminal: Terminal,
): number {
  if ((network === undefined) === !all)
    throw new UserError("lift: name an address or network, or give --all", EX_USAGE);
  if (network !== undefined && readNetwork(network) === undefined) {
    throw new UserError(`${network}: not an address or network`, EX_USAGE);
  }
  const wanted = networkList(network === undefined ? [] : [network]);
  const covers = (ban: Ban) => {
    const own = networkList([ban.network]);
    // An address of a banned /64 means all of that.
    return wanted.has(ban.network.replace(/\/64$/, "")) || (network !== undefined && own.has(network));
  };
  const lifted = guard.lift((ban) => all || covers(ban));
  for (const ban of lifted) terminal.out(`lifted ${ban.network}`);
  if (lifted.length > 0) return EX_OK;
  terminal.err(`mailhost: ${all ? "nobody is banned" : `${network ?? ""} is not banned`}`);
  return all ? EX_OK : EX_DATAERR;
}

function show(bans: readonly Ban[], json: boolean, settings: Settings, terminal: Terminal): void {
  if (json) {
    const rows = bans.map(({ since, until, ...rest }) => ({
      ...rest,
      since: new Date(since).toISOString(),
      until: new Date(until).toISOString(),
    }));
    terminal.out(JSON.stringify(rows));
    return;
  }
  if (!settings.bans.enabled) terminal.err("mailhost: bans.enabled is false: these have no effect");
  for (const { network, until, failures, times, name } of bans) {
    terminal.out([network, timeText(until), failures, times, name.replaceAll(/\p{Cc}/gu, "?")].join("\t"));
  }
}

function terminalLog(terminal: Terminal): Log {
  return {
    write: (level, text) => {
      if (level === "warn" || level === "error") terminal.err(`mailhost: ${text}`);
    },
    close: () => Promise.resolve(),
  };
}
