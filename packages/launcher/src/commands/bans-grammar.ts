/**
 * The grammar of `mailhost bans`.
 */
import type { Argv } from "yargs";
import { type CommandParts, type CommonOptions, siteOf } from "../command-parts.ts";
import type { BansArguments } from "./bans.ts";

export function bansGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  const act = async (args: CommonOptions, what: BansArguments) => {
    const { bansCommand } = await import("./bans.ts");
    done(bansCommand(siteOf(args), what, terminal));
  };
  return parser.command("bans", "Addresses that may not log in, because they guessed passwords", (y) =>
    y
      .command(
        "list",
        "Those in force: address, until when, failures, how many bans it had, the name tried last",
        (z) => z.option("json", { type: "boolean", describe: "Print them as JSON" }),
        (args) => act(args as CommonOptions, { action: "list", json: args.json === true }),
      )
      .command(
        "lift [network]",
        "End the ban of an address, of all of a network, or of everybody",
        (z) =>
          z
            .positional("network", { type: "string", describe: "192.0.2.1, 192.0.2.0/24, 2001:db8::/32" })
            .option("all", { type: "boolean", describe: "All bans" })
            .example("$0 bans lift 192.0.2.7", "at once, in every process"),
        (args) =>
          act(args as CommonOptions, { action: "lift", network: args.network, all: args.all === true }),
      )
      .command(
        "add <address>",
        "Ban an address (IPv6: its /64)",
        (z) =>
          z
            .positional("address", { type: "string", demandOption: true, describe: "Whom" })
            .option("for", { type: "string", requiresArg: true, describe: "How long (default: bans.time)" })
            .example("$0 bans add 192.0.2.7 --for 2h", ""),
        (args) => act(args as CommonOptions, { action: "add", address: args.address, duration: args.for }),
      )
      .demandCommand(1, "name what to do with bans: list, lift or add")
      .example("$0 bans list", ""),
  );
}
