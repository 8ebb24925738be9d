/**
 * The grammar of `mailhost user`.
 */
import type { Argv } from "yargs";
import { type CommandParts, type CommonOptions, siteOf } from "../command-parts.ts";
import type { UserArguments } from "./user.ts";

export function userGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  const act = async (args: CommonOptions, what: UserArguments) => {
    const { userCommand } = await import("./user.ts");
    done(await userCommand(siteOf(args), what, terminal));
  };
  const named = (y: Argv) =>
    y.positional("name", {
      type: "string",
      demandOption: true,
      describe:
        "Name of the mailbox, the part before @; the whole address in a domain that has its own users",
    });
  return parser.command("user", "Mail accounts: add, passwd, remove, list, import", (y) =>
    y
      .command(
        "add <name>",
        "Add an account; the password is asked for, or is the first line of standard input",
        (z) => named(z).example("$0 user add alice", "asks for the password twice"),
        (args) => act(args as CommonOptions, { action: "add", name: args.name }),
      )
      .command(
        "passwd <name>",
        "Give an account a new password",
        (z) => named(z).example("$0 user passwd alice < secret.txt", "the first line of secret.txt"),
        (args) => act(args as CommonOptions, { action: "passwd", name: args.name }),
      )
      .command(
        "remove <name>",
        "Remove an account; its mail stays, and the command says where",
        (z) =>
          named(z).option("purge", {
            type: "boolean",
            describe: "Remove its mail too, and what QUIT removed",
          }),
        (args) =>
          act(args as CommonOptions, { action: "remove", name: args.name, purge: args.purge === true }),
      )
      .command(
        "list",
        "The accounts, one a line",
        (z) => z.option("json", { type: "boolean", describe: "Print them as JSON" }),
        (args) => act(args as CommonOptions, { action: "list", json: args.json === true }),
      )
      .command(
        "import <file>",
        "Take over accounts with their hashes: shadow, a Dovecot passwd-file or htpasswd's; - is standard input",
        (z) =>
          z
            .positional("file", { type: "string", demandOption: true, describe: "The file to read" })
            .option("dry-run", { type: "boolean", describe: "Say what would be taken, and write nothing" })
            .option("json", { type: "boolean", describe: "Say it as JSON" })
            .example("$0 user import old-shadow --dry-run", "who would come over, and who not and why"),
        (args) =>
          act(args as CommonOptions, {
            action: "import",
            file: args.file,
            dry: args["dry-run"] === true,
            json: args.json === true,
          }),
      )
      .demandCommand(1, "name what to do with users: add, passwd, remove, list or import")
      .example("$0 user add alice", "")
      .example("echo secret | $0 user passwd alice", ""),
  );
}
