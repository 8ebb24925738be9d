/**
 * The grammar of `mailhost queue`; the command itself is the mta's.
 */

import { resolve } from "node:path";
import { becomeQueueOwner } from "@mailhost/common/daemon/identity";
import type { Argv } from "yargs";
import { type CommandParts, type CommonOptions, siteOf } from "../command-parts.ts";

type Action = "list" | "show" | "run" | "hold" | "release" | "remove";

export function queueGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  const act = async (action: Action, args: CommonOptions & { id?: string; json?: boolean | undefined }) => {
    const { queueCommand } = await import("@mailhost/mta/commands/queue-admin");
    const site = siteOf(args);
    becomeQueueOwner(site);
    const what = { action, json: args.json === true, ...(args.id === undefined ? {} : { id: args.id }) };
    done(await queueCommand(site, what, (line) => terminal.out(line)));
  };
  const transfer = async (
    action: "export" | "import",
    args: CommonOptions & { folder?: string; json?: boolean | undefined },
  ) => {
    const { transferQueue } = await import("@mailhost/mta/commands/queue-transfer");
    const { handOver } = await import("@mailhost/mta/commands/hand-over");
    const site = siteOf(args);
    if (args.folder !== undefined) handOver(site, resolve(args.folder), action === "export");
    becomeQueueOwner(site);
    const folder = args.folder === undefined ? {} : { folder: resolve(args.folder) };
    done(
      await transferQueue(site, { action, json: args.json === true, ...folder }, (line) =>
        terminal.out(line),
      ),
    );
  };
  const withFolder = (y: Argv) =>
    json(y).positional("folder", { type: "string", demandOption: true, describe: "Folder of the files" });
  const json = (y: Argv) => y.option("json", { type: "boolean", describe: "Print JSON" });
  const withId = (y: Argv) =>
    json(y).positional("id", { type: "string", demandOption: true, describe: "Queue id, as list prints it" });
  return parser.command("queue", "The queue: list, show, run, hold, release, remove, export, import", (y) =>
    y
      .command(["list", "$0"], "What waits", json, (args) => act("list", args as CommonOptions))
      .command("show <id>", "One message: envelope, recipients, last replies", withId, (args) =>
        act("show", args as CommonOptions),
      )
      .command("run", "Attempt everything now", json, (args) => act("run", args as CommonOptions))
      .command("hold <id>", "Keep a message back until it is released", withId, (args) =>
        act("hold", args as CommonOptions),
      )
      .command("release <id>", "Let a held message go", withId, (args) =>
        act("release", args as CommonOptions),
      )
      .command("remove <id>", "Remove a message, unsent, with no report", withId, (args) =>
        act("remove", args as CommonOptions),
      )
      .command("export <folder>", "Write each message and its envelope as plain files", withFolder, (args) =>
        transfer("export", args as CommonOptions),
      )
      .command(
        "import <folder>",
        "Take over files that export wrote, or Sendmail's queue (stop Sendmail first)",
        withFolder,
        (args) => transfer("import", args as CommonOptions),
      )
      .example("$0 queue import /var/spool/mqueue.old", "take over what Sendmail has not sent")
      .example("$0 queue", "the same as list")
      .example("$0 queue hold 6AP0Y4G7007303", "keep one back"),
  );
}
