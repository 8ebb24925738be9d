/**
 * The grammar of `mailhost drac`.
 */
import type { Argv } from "yargs";
import { type CommandParts, type CommonOptions, siteOf } from "../command-parts.ts";
import type { DracArguments } from "./drac.ts";

export function dracGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  const act = async (args: CommonOptions, what: DracArguments) => {
    const { dracCommand } = await import("./drac.ts");
    done(await dracCommand(siteOf(args), what, terminal));
  };
  const addressed = (y: Argv) =>
    y.positional("address", { type: "string", demandOption: true, describe: "IPv4 or IPv6 address" });
  return parser.command("drac", "Addresses that may relay for a while, because they fetched mail", (y) =>
    y
      .command(
        "list",
        "Those that may now: address, until when, who fetched",
        (z) => z.option("json", { type: "boolean", describe: "Print them as JSON" }),
        (args) => act(args as CommonOptions, { action: "list", json: args.json === true }),
      )
      .command("remove <address>", "Take an address out: it relays no more", addressed, (args) =>
        act(args as CommonOptions, { action: "remove", address: (args as { address: string }).address }),
      )
      .command(
        "add <address>",
        "Let an address relay as if somebody had fetched mail there",
        (z) =>
          addressed(z)
            .option("user", { type: "string", demandOption: true, requiresArg: true, describe: "For whom" })
            .option("for", {
              type: "string",
              requiresArg: true,
              describe: "How long (default: drac.lifetime)",
            })
            .example("$0 drac add 198.51.100.7 --user alice --for 2h", ""),
        (args) => {
          const { address, user, for: duration } = args as { address: string; user: string; for?: string };
          return act(args as CommonOptions, { action: "add", address, user, duration });
        },
      )
      .command(
        "export",
        "Print them as lines of access(5), each below a comment with its user and end",
        (z) => z.example("$0 drac export > relays", "for another host's access table"),
        (args) => act(args as CommonOptions, { action: "export" }),
      )
      .demandCommand(1, "name what to do with the DRAC table: list, remove, add or export")
      .example("$0 drac list", ""),
  );
}
