/**
 * `-O Name=value` and `-oXvalue` of the `sendmail` command: those that mean something for one run are applied to it, those
 * of the host's own settings are known and change nothing here, and a name that Sendmail does not know is refused as it
 * refuses it.
 */
import { UserError } from "@mailhost/common/errors";
import { EX_SOFTWARE } from "@mailhost/common/sysexits";
import type { RunOption } from "./sendmail-flags.ts";

/** How one run goes. */
export interface RunOptions {
  /** ErrorMode: `print` tells the caller, `mail` sends a report, `quiet` leaves the exit code. */
  readonly errors: "print" | "mail" | "quiet";
  /** DeliveryMode `q` or `d`: the daemon is not woken. */
  readonly queueOnly: boolean;
  /** MaxMessageSize, octets. */
  readonly maxMessageSize?: number;
  /** MaxHopCount. */
  readonly maxHops?: number;
  /** ProcessTitlePrefix, LogLevel and the like of one run. */
  readonly logLevel?: number;
}

/** One-letter names of the options (operations guide, section 5.6). */
const LETTERS = "78AaBbCcDdEeFfGgHhIiJjKkLlMmnOoPpQqRrSsTtUuVvWwXxYyZz";

/** The names that a run is asked about most: they need no table. */
const RUN: Readonly<Record<string, string>> = {
  i: "ignoredots",
  v: "verbose",
  e: "errormode",
  d: "deliverymode",
  h: "maxhopcount",
  L: "loglevel",
  m: "metoo",
  o: "oldstyleheaders",
  s: "supersafe",
};

const QUIET = new Set(["ignoredots", "verbose", "metoo", "oldstyleheaders", "supersafe", "sevenbitinput"]);

/**
 * Reads the options of a run.
 *
 * @throws UserError with 70 naming an option that there is not
 */
export async function readRunOptions(options: readonly RunOption[]): Promise<RunOptions> {
  let run: { -readonly [K in keyof RunOptions]: RunOptions[K] } = { errors: "print", queueOnly: false };
  for (const { name, value } of options) {
    const key = name.length === 1 ? (RUN[name] ?? name) : name.toLowerCase();
    switch (key) {
      case "errormode":
        run = { ...run, errors: errorMode(value) };
        break;
      case "deliverymode":
        run.queueOnly = /^[qd]/i.test(value);
        break;
      case "maxmessagesize":
        if (Number(value) > 0) run.maxMessageSize = Number(value);
        break;
      case "maxhopcount":
        if (Number(value) > 0) run.maxHops = Number(value);
        break;
      case "loglevel":
        run.logLevel = Number(value);
        break;
      default:
        if (!QUIET.has(key)) await demandKnown(name);
    }
  }
  return run;
}

function errorMode(value: string): RunOptions["errors"] {
  if (/^q/i.test(value)) return "quiet";
  return /^[mwe]/i.test(value) ? "mail" : "print";
}

async function demandKnown(name: string): Promise<void> {
  if (name.length === 1) {
    if (LETTERS.includes(name)) return;
    throw unknown(`0x${name.charCodeAt(0).toString(16)}`);
  }
  const { optionNamed } = await import("@mailhost/common/settings/sendmail/options");
  if (optionNamed(name) === undefined) throw unknown(name);
}

function unknown(name: string): UserError {
  return new UserError(`readcf: unknown option name ${name}`, EX_SOFTWARE);
}
