/**
 * The grammar of `mailhost build`.
 */
import type { Argv } from "yargs";
import { type CommandParts, type CommonOptions, defined, siteOf } from "../command-parts.ts";

/** Adds the command. */
export function buildGrammar(parser: Argv, { terminal, done }: CommandParts): Argv {
  return parser.command(
    "build [file]",
    "Make a sendmail.cf of a config.mc, or show the settings that come out",
    (y) =>
      y
        .positional("file", { type: "string", describe: "The config.mc; with --explain a sendmail.cf too" })
        .option("output", {
          alias: "o",
          type: "string",
          requiresArg: true,
          describe: "Write there, whole or not at all, instead of to standard output",
        })
        .option("explain", {
          type: "boolean",
          describe: "Print the settings as a mailhost.yaml, each with the line that gave it",
        })
        .option("json", { type: "boolean", describe: "The settings, their places and all warnings as JSON" })
        .example("$0 build config.mc > sendmail.cf", "as m4 cf.m4 config.mc > sendmail.cf")
        .example("$0 build --explain config.mc", "what would it mean?")
        .example("$0 build --explain", "what does etc/mail/sendmail.cf mean?"),
    async (args) => {
      const { buildCommand } = await import("./build.ts");
      const { file, output, explain, json } = args;
      done(
        await buildCommand(siteOf(args as CommonOptions), defined({ file, output, explain, json }), terminal),
      );
    },
  );
}
