/**
 * The grammar of `mailhost mailbox`.
 */
import type { Argv } from "yargs";
import { type CommandParts, type CommonOptions, siteOf } from "../command-parts.ts";
import type { MailboxArguments } from "./mailbox.ts";

export function mailboxGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  const act = async (args: CommonOptions, what: MailboxArguments) => {
    const { mailboxCommand } = await import("./mailbox.ts");
    done(await mailboxCommand(siteOf(args), what, terminal));
  };
  const named = (y: Argv) =>
    y
      .positional("user", { type: "string", demandOption: true, describe: "Whose mailbox" })
      .option("json", { type: "boolean", describe: "Print JSON" });
  return parser.command(
    "mailbox",
    "How full mailboxes are; what users removed over POP3, and its way back",
    (y) =>
      y
        .command(
          "removed <user>",
          "The messages that pop3.keepRemoved still has: when removed, id, octets, sender, subject",
          named,
          (args) =>
            act(args as CommonOptions, { action: "removed", user: args.user, json: args.json === true }),
        )
        .command(
          "restore <user>",
          "Put them back behind the mailbox, each once, under their old ids",
          (z) =>
            named(z)
              .option("since", { type: "string", describe: "Only what was removed at or after this time" })
              .option("uid", { type: "array", string: true, describe: "Only the messages with these ids" })
              .example("$0 mailbox restore alice --since 2026-11-24", ""),
          (args) =>
            act(args as CommonOptions, {
              action: "restore",
              user: args.user,
              json: args.json === true,
              since: args.since,
              uids: args.uid as readonly string[] | undefined,
            }),
        )
        .command(
          "usage [user]",
          "How full mailboxes are: name, octets, limit, per cent of it",
          (z) =>
            z
              .positional("user", { type: "string", describe: "Whose mailbox; left out: all" })
              .option("json", { type: "boolean", describe: "Print JSON" })
              .example("$0 mailbox usage alice@a.example", ""),
          (args) =>
            act(args as CommonOptions, { action: "usage", user: args.user, json: args.json === true }),
        )
        .demandCommand(1, "name what to do with mailboxes: removed, restore or usage")
        .example("$0 mailbox removed alice", ""),
  );
}
